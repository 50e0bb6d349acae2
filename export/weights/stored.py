"""A network's weights inside a model file: written so that training can begin with them.

So a repository needs one file a network: the one that runs. Its initialisers are the state
dict, under its names behind ``network.``. What that rule does not say stands in the metadata.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.texts import parse_json
from steadypose.engines.model_file import read_metadata

_HALF_FROM = 1024  # initialisers of at least this many numbers are stored as fp16
_HALF = "_half"
_NETWORK = (
    "network."  # of the attribute that holds it in ``steadypose.export.models.decoding.PoseModel``
)
_COUNTER = "num_batches_tracked"  # of a batch norm; nothing depends on it
_KEY = "steadypose.weights"
_MOST_NOTE = 2_000_000_000  # it holds weights
_MOST_GROWTH = 20  # by decompression
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}
_DAMAGE = (DecodeError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)


def store_half(model: onnx.ModelProto) -> None:
    """Store large float32 weights as fp16 with a Cast, to halve the file.

    Backends fold the casts when they load, so speed is unchanged. Vectors stay float32:
    the variance of a batch norm may lie outside fp16's range.
    """
    casts = []
    for tensor in model.graph.initializer:
        is_large = len(tensor.dims) > 1 and int(np.prod(tensor.dims)) >= _HALF_FROM
        if tensor.data_type != TensorProto.FLOAT or not is_large:
            continue
        name = tensor.name
        half = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), f"{name}{_HALF}"
        )
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    # The cast of the crops stays first: TensorRT accepts nothing else on a uint8 input.
    nodes.sort(key=lambda node: "crops" not in node.input)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def keep_weights(model: onnx.ModelProto, state: Mapping[str, torch.Tensor]) -> None:
    """Note in the metadata what of a state dict the graph does not hold by name.

    Most networks need no note. Heads that only training uses are not in the graph, of two
    equal vectors only one is, and fixed filters of a network are no weights.

    Args:
        model: As exported, with float32 weights; its metadata is changed.
        state: Of its network.
    """
    held = _by_key(model)
    weights = {k: v.cpu().numpy() for k, v in state.items() if not k.endswith(_COUNTER)}
    missing = {
        key: value
        for key, value in weights.items()
        if key not in held or not np.array_equal(numpy_helper.to_array(held[key]), value)
    }
    others = sorted(held.keys() - weights.keys())
    if not missing and not others:
        return
    packed = io.BytesIO()
    np.savez_compressed(packed, **missing)
    note = {"others": others, "missing": base64.b64encode(packed.getvalue()).decode()}
    model.metadata_props.add(key=_KEY, value=json.dumps(note))


def load_from_model_file(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of the network in a model file, as float32.

    Raises:
        ModelFileError: The file is missing, damaged, or carries no weights by name.
    """
    metadata = read_metadata(path)  # says what is wrong with a file that is no ONNX at all
    try:
        found = _read(onnx.load(str(path)), metadata.get(_KEY))
    except OSError as error:
        raise ModelFileError(
            f"cannot read {path}: {error.strerror}", fix="copy it again"
        ) from error
    except _DAMAGE as error:
        raise ModelFileError(
            f"the weights in {path} are damaged: {error!r}", fix="copy or export it again"
        ) from error
    if not found:
        raise ModelFileError(
            f"{path} carries no weights of a network of ours",
            fix="take a model file that export/export_onnx.py wrote, not one made int8 since",
        )
    return {key: torch.from_numpy(value) for key, value in found.items()}


def _read(model: onnx.ModelProto, note: str | None) -> dict[str, NDArray[Any]]:
    """Weights by key; none where the file holds them in another precision."""
    said = {"others": [], **parse_json(note or "{}", most_bytes=_MOST_NOTE)}
    held = {key: t for key, t in _by_key(model).items() if key not in said["others"]}
    if any(tensor.data_type not in _FLOATS for tensor in held.values()):
        return {}
    found = {key: numpy_helper.to_array(t).astype(np.float32) for key, t in held.items()}
    if "missing" in said:
        packed = base64.b64decode(said["missing"])
        _refuse_bomb(packed)
        with np.load(io.BytesIO(packed)) as missing:
            found |= {key: missing[key] for key in missing.files}
    for key in [key for key in found if key.endswith(".running_var")]:
        counter = f"{key.removesuffix('running_var')}{_COUNTER}"
        found[counter] = np.zeros((), np.int64)
    return found


def _refuse_bomb(packed: bytes) -> None:
    """Refuse an archive that grows beyond what weights do.

    Raises:
        ValueError: It does.
    """
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _MOST_GROWTH * len(packed) + 50_000_000:
        raise ValueError(f"{len(packed)} bytes would become {unpacked}")


def _by_key(model: onnx.ModelProto) -> dict[str, TensorProto]:
    found = {}
    for tensor in model.graph.initializer:
        name = tensor.name.removesuffix(_HALF)
        if name.startswith(_NETWORK):
            while name.startswith(_NETWORK):  # twice with a flip test
                name = name.removeprefix(_NETWORK)
            found[name] = tensor
    return found
