"""The input of a foreign network: its kind, layout, size and batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.export.wrap.options import WrapOptions

TYPES: dict[int, type[Any]] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
    TensorProto.DOUBLE: np.float64,
}
"""Kinds of inputs that are taken; whole numbers are plain pixels."""


def find_input(model: onnx.ModelProto, path: Path) -> onnx.ValueInfoProto:
    """The only input, which must be a picture.

    Raises:
        ModelFileError: There is none, or another number of inputs.
    """
    inputs = list(model.graph.input)
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelFileError(
            f"{path} has {len(inputs)} inputs ({names}), a network for crops has one",
            fix="export the network alone, without boxes or masks as inputs",
        )
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in TYPES or len(tensor.shape.dim) not in {3, 4}:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise ModelFileError(
            f"input {inputs[0].name!r} is {kind} with {len(tensor.shape.dim)} dimensions, "
            "wanted are 4, or 3 without a batch, of float, float16, double, uint8, int32 or int64",
            fix="export the network without its own preprocessing",
        )
    return inputs[0]


def find_size(
    entry: onnx.ValueInfoProto, options: WrapOptions, guesses: list[str]
) -> tuple[bool, tuple[int, int]]:
    """Find whether the channels come last, and the height and width.

    Raises:
        UsageError: The input does not say, and the options do not, or they contradict it.
    """
    dims = [d.dim_value for d in entry.type.tensor_type.shape.dim]  # 0: free
    dims = [1, *dims] if len(dims) == 3 else dims
    shown = "x".join(str(d or "?") for d in dims)
    fits = {"nchw": dims[1] in {0, 3}, "nhwc": dims[3] in {0, 3}}
    if options.layout is not None:
        layout: str = options.layout
    elif dims[1] == 3 or dims[3] == 3:
        layout = "nchw" if dims[1] == 3 else "nhwc"
        guesses.append(f"input {entry.name!r} {shown} is {layout} (--layout)")
    else:
        raise UsageError(
            f"input {entry.name!r} {shown} does not show where its 3 channels are",
            fix="give --layout nchw or nhwc; networks for grey pictures cannot be wrapped",
        )
    if not fits[layout]:
        raise UsageError(f"input {entry.name!r} {shown} is not {layout}", fix="change --layout")
    height, width = dims[1:3] if layout == "nhwc" else dims[2:4]
    if options.input is not None:
        if any(d not in {0, want} for d, want in zip((height, width), options.input, strict=True)):
            raise UsageError(
                f"input {entry.name!r} has the fixed size {height}x{width}", fix="leave out --input"
            )
        height, width = options.input
    if not height or not width:
        raise UsageError(
            f"input {entry.name!r} {shown} has a free size",
            fix="give the size of the training, such as --input 256x192 (height x width)",
        )
    return layout == "nhwc", (height, width)


def with_batch(
    model: onnx.ModelProto, entry: onnx.ValueInfoProto, picture: tuple[int, int, int]
) -> onnx.ValueInfoProto:
    """Let an input of one picture take a batch of 1, as all others do."""
    name, shape = f"{entry.name}/batch_of_1", f"{entry.name}/picture"
    inner = entry.name
    model.graph.initializer.append(numpy_helper.from_array(np.array(picture, np.int64), shape))
    model.graph.node.insert(0, helper.make_node("Reshape", [name, shape], [inner], name))
    del model.graph.input[:]
    kind = entry.type.tensor_type.elem_type
    model.graph.input.append(helper.make_tensor_value_info(name, kind, [1, *picture]))
    return model.graph.input[0]


def free_batch(
    model: onnx.ModelProto, entry: onnx.ValueInfoProto, picture: tuple[int, int, int]
) -> None:
    """Make the batch free and the size fixed; discard shapes inferred before."""
    dims = entry.type.tensor_type.shape.dim
    dims[0].Clear()
    dims[0].dim_param = "batch"
    for dim, value in zip(dims[1:], picture, strict=True):
        dim.Clear()
        dim.dim_value = value
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
