"""The skeleton that a user chooses: by its name, or of a TOML file with a ``[skeleton]`` table."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.foreign import texts
from steadypose.engines.foreign.files import is_there
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.skeletons.sides import right_twin
from steadypose.engines.skeletons.skeleton import UNKNOWN_SIGMA, Skeleton

_FIX = "see docs/networks.md, Keypoints of your own"
HELP = f"{', '.join(SKELETONS)}, or a TOML file with a [skeleton] table"


@dataclass(frozen=True, slots=True)
class ChosenSkeleton:
    """What ``--skeleton`` names.

    Attributes:
        skeleton: It.
        file: The TOML file that holds it, which nothing may write over.
    """

    skeleton: Skeleton
    file: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Of files that are read for it."""
        return [] if self.file is None else [self.file]


def skeleton_option(text: str) -> ChosenSkeleton:
    """Parse the value of ``--skeleton`` for argparse."""
    try:
        return read_skeleton(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(f"{error.what}; {error.fix}") from None


def add_skeleton(parser: argparse._ActionsContainer, about: str, **more: Any) -> None:
    """The option itself."""
    parser.add_argument(
        "--skeleton", type=skeleton_option, metavar="WHICH", help=f"{about}: {HELP}", **more
    )


def read_skeleton(text: str, folder: Path = Path()) -> ChosenSkeleton:
    """A skeleton by its name, or of a TOML file with a ``[skeleton]`` table.

    Args:
        text: What was typed.
        folder: Where the name of a file starts.

    Raises:
        UsageError: There is no such name, or the file holds no skeleton.
    """
    if text in SKELETONS:
        return ChosenSkeleton(SKELETONS[text])
    path = folder / text
    if path.suffix.lower() != ".toml" and not is_there(path):
        raise UsageError(
            f"skeleton {text!r} is not known",
            fix=f"use one of {', '.join(SKELETONS)}, or a TOML file with a [skeleton] table",
        )
    try:
        table = texts.read_toml(path).get("skeleton")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", fix="check its name") from error
    except ValueError as error:
        raise UsageError(f"{path} is no TOML: {error}", fix=_FIX) from error
    if not isinstance(table, dict):
        raise UsageError(f"{path} has no [skeleton] table", fix=_FIX)
    return ChosenSkeleton(to_skeleton(table, path), path)


def skeleton_entry(value: Any, path: Path) -> Skeleton | None:
    """The entry ``skeleton`` of a TOML file: a name, another file, or a table; None: there is none.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(value, dict):
        return to_skeleton(value, path)
    return read_skeleton(str(value), path.parent).skeleton if value else None


def to_skeleton(table: Mapping[str, Any], path: Path) -> Skeleton:
    """Read a [skeleton] table: limbs and flip_pairs hold pairs of names or indices.

    Without ``flip_pairs``, names that differ only in left and right are pairs; without
    ``sigmas`` each is 0.08, without ``name`` it is the file's.

    Raises:
        UsageError: Something is missing, or contradicts itself.
    """
    unknown = set(table) - {"name", "keypoints", "limbs", "flip_pairs", "sigmas"}
    if unknown:
        raise UsageError(f"{path}: the skeleton has no entry {min(unknown)!r}", fix=_FIX)
    try:
        names = [str(name) for name in table["keypoints"]]

        def pairs(key: str, default: Sequence[Any]) -> list[tuple[int, int]]:
            given = table.get(key, default)
            return [(_index(a, names), _index(b, names)) for a, b in given]

        made = {
            "name": path.stem,
            "sigmas": [UNKNOWN_SIGMA] * len(names),
            **table,
            "limbs": pairs("limbs", ()),
            "flip_pairs": pairs("flip_pairs", twins(names)),
        }
        return Skeleton.from_dict(made)
    except KeyError as error:
        raise UsageError(f"{path}: the skeleton has no {error}", fix=_FIX) from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: the skeleton cannot be used: {error}", fix=_FIX) from error
    except ModelFileError as error:
        raise UsageError(f"{path}: {error.what}", fix=_FIX) from error


def twins(names: Sequence[str]) -> list[tuple[int, int]]:
    """Indices of keypoints whose names differ only in left and right."""
    places = {name: k for k, name in enumerate(names)}
    found = [(k, places.get(right_twin(name) or "")) for k, name in enumerate(names)]
    return [(left, right) for left, right in found if right is not None]


def _index(key: Any, names: list[str]) -> int:
    return names.index(key) if isinstance(key, str) else int(key)
