"""Find the state dict in a file as other projects save it, and the prefix of its names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from steadypose.engines.errors import EngineUnavailableError, ModelFileError

_DEPTH = 3
_SHOWN = 6
_OWN = ("trainer.average", "trainer.network")  # of a checkpoint of training.train


def state_in(loaded: Any, path: Path, *, key: str, notes: list[str]) -> dict[str, Tensor]:
    """The state dict of what a file held.

    Args:
        loaded: A state dict, or dictionaries around one.
        path: The file, for messages.
        key: Name of the one to take, with dots between the dictionaries, or the prefix of the
            names to take; empty: there is only one.
        notes: What was chosen is appended.

    Raises:
        ModelFileError: There is none, or several and ``key`` does not say which.
    """
    found = dict(_inner(loaded, "", _DEPTH))
    if key:
        return _named(found, path, key)
    if "" in found:
        return found[""]
    if set(_OWN) <= set(found) and "fingerprint" in loaded:
        notes.append(f"the averaged weights of the checkpoint {path.name} are taken")
        return found[_OWN[0]]
    if not found:
        seen = ", ".join(map(str, list(loaded)[:_SHOWN])) if isinstance(loaded, dict) else ""
        raise ModelFileError(
            f"{path} holds no state dict" + (f", only {seen}" if seen else ""),
            fix="save only the state dict: torch.save(model.state_dict(), path)",
        )
    if len(found) > 1:
        raise ModelFileError(
            f"{path} holds several state dicts: {_list(found)}",
            fix="choose one with --weights-key NAME",
        )
    ((name, state),) = found.items()
    if name != "state_dict":
        notes.append(f"the weights are taken from {name!r} in {path.name}")
    return state


def _inner(value: Any, name: str, depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every state dict in nested dictionaries, by its dotted name."""
    if not isinstance(value, dict) or not value or not all(isinstance(k, str) for k in value):
        return
    if all(isinstance(v, Tensor) for v in value.values()):
        # Figures of a training are tensors as well, but no weights.
        is_said = not name or name.endswith("state_dict")
        if is_said or any(v.dim() > 1 for v in value.values()):
            yield name, value
    elif depth:
        for key, inner in value.items():
            yield from _inner(inner, f"{name}.{key}" if name else key, depth - 1)


def _named(found: Mapping[str, dict[str, Tensor]], path: Path, key: str) -> dict[str, Tensor]:
    if key in found:
        return found[key]
    prefix = f"{key.removesuffix('.')}."
    for state in found.values():
        part = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
        if part:
            return part
    raise ModelFileError(
        f"{path} holds no state dict {key!r}; it holds {_list(found) or 'none'}",
        fix="name one of these with --weights-key, or leave it out",
    )


def _list(found: Mapping[str, Collection[str]]) -> str:
    shown = [f"{name or 'itself'} ({len(state)} tensors)" for name, state in found.items()]
    more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return ", ".join(shown[:_SHOWN] + more)


def best_prefix(
    own: Collection[str], names: Collection[str], rename: Callable[[str], str]
) -> tuple[str, bool]:
    """The prefix without which most names are the network's.

    Args:
        own: The network's names.
        names: Those of the weights.
        rename: What is done to a name afterwards.

    Returns:
        The prefix with its dot, empty where none is needed; and whether the network then has
        all its names.

    Raises:
        ModelFileError: Two prefixes fit: the file holds two networks.
    """
    wanted = set(own)

    def matches(prefix: str) -> int:
        rest = {rename(n.removeprefix(prefix)) for n in names if n.startswith(prefix)}
        return len(wanted & rest)

    counts = {"": matches("")}
    if counts[""] < len(wanted):
        often = Counter(prefix for name in names for prefix in _prefixes(name))
        counts |= {p: matches(p) for p, n in often.items() if 2 * n >= len(wanted)}
    most = max(counts.values())
    best = sorted((p for p, n in counts.items() if n == most), key=len)
    if most == len(wanted) and len(best) > 1 and not best[1].startswith(best[0]):
        raise ModelFileError(
            f"the weights hold the network twice, under {' and '.join(map(repr, best[:2]))}",
            fix=f"choose one: --weights-key {best[0].removesuffix('.')}",
        )
    return best[0], most == len(wanted)


def shared_prefix(names: Iterable[str]) -> str:
    """The longest prefix with its dot that all names have; empty: there is none."""
    every = [set(_prefixes(name)) for name in names]
    return max(set.intersection(*every), key=len, default="") if every else ""


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) + "." for n in range(1, len(parts))]


def load_model_file(path: Path) -> dict[str, Tensor]:
    """A model file's weights; training without one needs no onnx."""
    try:
        from steadypose.export.weights.stored import load_from_model_file  # noqa: PLC0415
    except ImportError as error:
        raise EngineUnavailableError(
            f"reading the weights in {path} needs {error.name}, which is not installed",
            fix="pip install onnx, or begin with a .pt file",
        ) from error
    return load_from_model_file(path)


def load_safetensors(path: Path) -> Any:
    """A safetensors file's tensors.

    Raises:
        EngineUnavailableError: The package is missing.
        ValueError: The file is damaged.
    """
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - most weights are no such file
        from safetensors.torch import load_file  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise EngineUnavailableError(
            f"{path} needs safetensors, which is not installed", fix="pip install safetensors"
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
