"""A network's weights inside a model file: written so that training can begin with them.

So a repository needs one file a network: the one that runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ModelFileError
from engines.model_file import read_metadata

_HALF_FROM = 1024  # initialisers of at least this many numbers are stored as fp16
_HALF = "_half"
_NETWORK = "network."  # of the attribute that holds it in ``export.graph.PoseModel``


def store_half(model: onnx.ModelProto) -> None:
    """Store large float32 weights as fp16 with a Cast, to halve the file.

    Backends fold the casts when they load, so speed is unchanged.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _HALF_FROM:
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


def load_from_model_file(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of the network in a model file, as float32.

    Raises:
        ModelFileError: The file is missing, damaged, or carries no weights by name.
    """
    try:
        read_metadata(path)  # says what is wrong with a damaged file
        model = onnx.load(str(path))
    except OSError as error:
        raise ModelFileError(
            f"cannot read {path}: {error.strerror}", fix="copy it again"
        ) from error
    found = {}
    for tensor in model.graph.initializer:
        name = tensor.name.removesuffix(_HALF)
        if name.startswith(_NETWORK):
            while name.startswith(_NETWORK):  # twice with a flip test
                name = name.removeprefix(_NETWORK)
            value = numpy_helper.to_array(tensor).astype(np.float32)
            found[name] = torch.from_numpy(value.copy())
    if not found:
        raise ModelFileError(
            f"{path} carries no weights of a network of ours",
            fix="take a model file that export/export_onnx.py wrote",
        )
    return found
