"""A skeleton of one's own: the ``[skeleton]`` table of a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.command.config.toml_table import read_toml

_FIX = "see docs/networks.md, Keypoints of your own"


def read_skeleton(text: str) -> Skeleton:
    """A skeleton by its name, or of a TOML file with a ``[skeleton]`` table.

    Raises:
        UsageError: There is no such name, or the file holds no skeleton.
    """
    if text in SKELETONS:
        return SKELETONS[text]
    path = Path(text)
    if path.suffix.lower() != ".toml" and not path.is_file():
        raise UsageError(
            f"skeleton {text!r} is not known",
            fix=f"use one of {', '.join(SKELETONS)}, or a TOML file with a [skeleton] table",
        )
    table = read_toml(path, fix=_FIX).get("skeleton")
    if not isinstance(table, dict):
        raise UsageError(f"{path} has no [skeleton] table", fix=_FIX)
    return to_skeleton(table, path)


def to_skeleton(table: Mapping[str, Any], path: Path) -> Skeleton:
    """Read a [skeleton] table: limbs and flip_pairs hold pairs of names or indices.

    Raises:
        UsageError: Something is missing, or contradicts itself.
    """
    unknown = set(table) - {"name", "keypoints", "limbs", "flip_pairs", "sigmas"}
    if unknown:
        raise UsageError(f"{path}: the skeleton has no entry {min(unknown)!r}", fix=_FIX)
    try:
        names = [str(name) for name in table["keypoints"]]

        def pairs(key: str) -> list[tuple[int, int]]:
            return [
                (_index(a, names), _index(b, names))
                for a, b in table.get(key, [])  # [] : nothing is drawn, or nothing is mirrored
            ]

        made = {**table, "limbs": pairs("limbs"), "flip_pairs": pairs("flip_pairs")}
        return Skeleton.from_dict(made)
    except KeyError as error:
        raise UsageError(f"{path}: the skeleton has no {error}", fix=_FIX) from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: the skeleton cannot be used: {error}", fix=_FIX) from error
    except ModelFileError as error:
        raise UsageError(f"{path}: {error.what}", fix=_FIX) from error


def _index(key: Any, names: list[str]) -> int:
    return names.index(key) if isinstance(key, str) else int(key)
