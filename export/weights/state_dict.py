"""Read a state dict safely, and give its keys the names of our networks."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.files import check_regular
from steadypose.export.weights.containers import (
    best_prefix,
    load_model_file,
    load_safetensors,
    shared_prefix,
    state_in,
)
from steadypose.export.weights.movenet import is_movenet_graph, load_movenet
from steadypose.export.weights.names import check_names

_SHOWN = 5
_COUNTER = ".num_batches_tracked"
_MOST_GROWTH = 4  # layers may share weights; none of the published files has any that do
# What torch raises for files that are damaged or something else altogether.
_DAMAGE = (
    *(RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError),
    *(AttributeError, TypeError, struct.error, zipfile.BadZipFile),
    *(NotImplementedError, MemoryError, OverflowError, AssertionError),
)
# Mean and deviation of the training's input (OpenMMLab 1.x): ours are in the recipe.
_STATISTICS = r"^data_preprocessor\."
# DataParallel; then OpenMMLab's two halves, its 0.x and 1.x names of the second.
_PREFIXES = (
    r"^(model\.)?module\.",
    r"^backbone\.",
    r"^(keypoint_head|head)\.",
)


class _Ignored:
    """Stands for whatever else a checkpoint carries: holds nothing, does nothing."""

    def __new__(cls, *_arguments: Any, **_options: Any) -> _Ignored:
        return object.__new__(cls)

    def __setstate__(self, _state: Any) -> None:
        pass


def load_weights(path: Path, *, key: str = "", notes: list[str] | None = None) -> dict[str, Tensor]:
    """Load a state dict as float32, unwrapping the usual containers.

    Model files of ours (``.onnx``), MoveNet's published graphs (``.json``) and safetensors are
    read as well. A training checkpoint (``{"state_dict": ...}``) is unwrapped. Nothing in the
    file is executed: plain objects beside the weights (a training's log, say) become empty ones;
    a file whose other objects cannot be emptied so is refused.

    Args:
        path: The file.
        key: Which of several, see ``steadypose.export.weights.containers.state_in``.
        notes: What was chosen is appended.

    Raises:
        ModelFileError: The file is missing, not a checkpoint, or holds no state dict.
        EngineUnavailableError: It is a safetensors file, and the package is missing.
    """
    if is_movenet_graph(path):
        return load_movenet(path)
    if path.suffix == ".onnx":
        return load_model_file(path)
    try:
        _check_container(path)
        loaded = load_safetensors(path) if path.suffix == ".safetensors" else _load(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} does not exist", fix="check --weights") from error
    except OSError as error:
        raise ModelFileError(
            f"cannot read {path}: {error.strerror}", fix="check --weights"
        ) from error
    except _DAMAGE as error:
        raise ModelFileError(
            f"{path} {_what_is_wrong(error)}",
            fix="fetch or copy it again; of your own model save only the state dict: "
            "torch.save(model.state_dict(), path)",
        ) from error
    state = state_in(loaded, path, key=key, notes=[] if notes is None else notes)
    _refuse_hollow(path, state)
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def _check_container(path: Path) -> None:
    """Refuse what would grow while it is unpacked: torch itself compresses nothing.

    Raises:
        OSError: It is missing or no regular file.
        ValueError: It is compressed.
    """
    check_regular(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("its parts are compressed")


def _refuse_hollow(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are larger than what the file holds, before they are copied.

    A tensor may repeat a few numbers of the file for ever (a stride of 0), and many tensors may
    share one piece of it.

    Raises:
        ModelFileError: There is such a tensor.
    """
    most, total = _MOST_GROWTH * path.stat().st_size, 0
    for name, value in state.items():
        is_plain = value.layout is torch.strided and value.device.type == "cpu"
        total += value.numel() * value.element_size()
        if not is_plain or total > most:
            raise ModelFileError(
                f"{path} is damaged: {name!r} {tuple(value.shape)} holds more than the file",
                fix="fetch or copy it again",
            )


def _what_is_wrong(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "weights_only" in str(error):
        found = re.search(r"(?:GLOBAL|whose module|instantiate|class) ([\w.]+)", str(error))
        what = f" ({found.group(1)})" if found else ""
        return f"holds objects that cannot be read safely{what}"
    reason = first.partition(". ")[0][:160]
    return f"is damaged, cut short or not a plain file of weights: {reason}"


def _load(path: Path) -> Any:
    """Unpickle with nothing but tensors allowed; everything else is replaced."""
    check_names(path)
    warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        if not names:
            raise
    with torch.serialization.safe_globals([(_Ignored, name) for name in names]):
        return torch.load(path, map_location="cpu", weights_only=True)


def to_our_names(
    network: nn.Module, state: Mapping[str, Tensor], *, notes: list[str] | None = None
) -> dict[str, Tensor]:
    """Turn published key names into those of the papers' own code, which are ours.

    Args:
        network: That the weights are for. Its class may list ``UNUSED``: regular expressions
            for keys of layers that published code builds and never calls.
        state: With the names of Microsoft's, leoxiaobin's or princeton-vl's code (which
            stay), or of OpenMMLab 0.x (``backbone.``, ``keypoint_head.``) or 1.x
            (``backbone.``, ``head.``), any of them inside DataParallel's ``module.``, or under
            another prefix (``_orig_mod.`` of torch.compile, ``model.`` of Lightning).
        notes: A prefix that was taken off is appended.

    Raises:
        ModelFileError: Two keys become one, or the file holds the network twice.
    """
    own = network.state_dict().keys()
    unused = (_STATISTICS, *getattr(network, "UNUSED", ()))
    needed = [name for name in own if not name.endswith(_COUNTER)]
    taken_off, is_whole = best_prefix(needed, state, _without_known)
    if taken_off and notes is not None:
        notes.append(f"the prefix {taken_off!r} was taken off the names of the weights")
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if taken_off and is_whole and not name.startswith(taken_off):
            continue  # of something else: a loss, a counter, a second network
        new = _without_known(name.removeprefix(taken_off))
        if new not in own and any(re.search(pattern, new) for pattern in unused):
            continue
        if new in found:
            raise ModelFileError(
                f"the weights have two tensors that would become {new!r}",
                fix="take a file with one network in it",
            )
        found[new] = value
    return found


def _without_known(name: str) -> str:
    for prefix in _PREFIXES:
        name = re.sub(prefix, "", name)
    return name


def with_other_keypoints(
    state: Mapping[str, Tensor], fresh: Mapping[str, Tensor], keypoint_keys: Set[str]
) -> dict[str, Tensor]:
    """Weights of a network for another number of keypoints, to train on from.

    Args:
        state: Trained, with our names.
        fresh: Random, for the new number of keypoints.
        keypoint_keys: Tensors whose shape depends on that number, see
            ``steadypose.export.models.registry.keypoint_keys``.

    Returns:
        ``state``, with the fresh values of those tensors if their shapes differ.
    """
    differing = {k for k in keypoint_keys if k in state and state[k].shape != fresh[k].shape}
    if not differing:
        return dict(state)
    return {k: fresh[k] if k in keypoint_keys else v for k, v in state.items()}


def with_fresh_head(
    state: Mapping[str, Tensor], fresh: Mapping[str, Tensor], *, notes: list[str]
) -> dict[str, Tensor]:
    """Weights of a backbone alone, such as ImageNet's, to train on from.

    Args:
        state: With our names.
        fresh: Random.
        notes: What begins at random is appended.

    Returns:
        ``state``; where it has more than half of the network, each of whose parts is either
        whole or missing, with ``fresh`` for what is missing and without what is left over.
    """
    needed = [key for key in fresh if not key.endswith(_COUNTER)]
    fits = {key for key in needed if key in state and state[key].shape == fresh[key].shape}
    parts: dict[str, set[str]] = {}
    for key in needed:
        parts.setdefault(key.partition(".")[0], set()).add(key)
    missing = [part for part, keys in parts.items() if fits.isdisjoint(keys)]
    is_clean = all(keys <= fits for part, keys in parts.items() if part not in missing)
    has = sum(fresh[key].numel() for key in fits)
    is_most = 2 * has > sum(fresh[key].numel() for key in needed)
    if not missing or not is_clean or not is_most:
        return dict(state)
    taken = [part for part in parts if part not in missing]
    notes.append(
        f"{len(fits)} tensors of the weights fit ({', '.join(taken)}); {', '.join(missing)} "
        "begin at random"
    )
    own = {key for key in fresh if key.partition(".")[0] not in missing}
    return {key: state[key] if key in own and key in state else fresh[key] for key in fresh}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], *, name: str, fix: str) -> None:
    """Put the weights in; every key and shape must fit.

    Args:
        network: Changed in place.
        state: With our names. Batch norm's counters of batches, which the oldest files do
            not have, may be missing: nothing but training reads them.
        name: Of the network, for the message.
        fix: What the user can do when they do not fit.

    Raises:
        ModelFileError: Keys are missing, left over, or of another shape; it lists them.
    """
    wanted = network.state_dict()
    counters = {k: torch.tensor(0) for k in wanted if k.endswith(_COUNTER)}
    prefix = shared_prefix(state)
    state = {**counters, **state}
    problems = {
        "missing": [key for key in wanted if key not in state],
        "left over": [key for key in state if key not in wanted],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in wanted
            if key in state and state[key].shape != wanted[key].shape
        ],
    }
    said = [f"{_list(keys)} {what}" for what, keys in problems.items() if keys]
    if said:
        seen = f" (every name begins with {prefix!r})" if prefix else ""
        raise ModelFileError(f"the weights do not fit {name}: {'; '.join(said)}{seen}", fix=fix)
    network.load_state_dict(state, strict=True)


def _list(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more are" if len(keys) > _SHOWN else " is"
    return ", ".join(keys[:_SHOWN]) + more
