"""The graph that TensorRT is given: the model file in the wanted precision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.errors import UsageError
from steadypose.export.trt.opset17 import to_opset17
from steadypose.export.trt.precision import to_float, to_half

Quantize = Callable[[onnx.ModelProto, bool], onnx.ModelProto]


def prepare(path: Path, api: TensorRt, *, precision: str, quantize: Quantize) -> onnx.ModelProto:
    """The model file in the wanted precision, in an opset that this TensorRT reads.

    Of an int8 network the rest is fp16. TensorRT 8 chooses that itself, by its flags, and takes
    quantised weights as floats only.

    Args:
        path: The model file.
        api: For its version.
        precision: A name of ``options.PRECISIONS``.
        quantize: Quantises a model; with float weights where its second argument says so.

    Raises:
        SteadyposeError: The model cannot be brought into that form.
    """
    model = onnx.load(path)
    is_old = api.flavor == "tensorrt" and api.generation < 10
    is_quantised = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    if is_quantised and precision != "int8":
        raise UsageError(
            f"{path.name} is quantised already, {precision} was asked for",
            fix="add --precision int8, or build from the original model file",
        )
    if precision == "int8" and not is_quantised:
        model = quantize(model, is_old)
    if precision == "fp16" or (precision == "int8" and not is_old):
        model = to_half(model)
    elif not is_quantised and precision != "int8":
        model = to_float(model)
    return to_opset17(model) if is_old else model
