"""Lower a model file to opset 17, the last that TensorRT 8 reads."""

from __future__ import annotations

import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from steadypose.engines.errors import ModelFileError
from steadypose.export.trt.precision import copied

# These changed after 17 only in the types they accept (bfloat16, float8), or gained an
# attribute whose default is the old meaning.
_SAME_SINCE_17 = {
    *("Cast", "Reshape", "Identity", "Constant", "Equal", "Shape", "Pad", "Flatten"),
    *("Transpose", "Unsqueeze", "Squeeze", "AveragePool", "ConstantOfShape"),
    *("QuantizeLinear", "DequantizeLinear", "Size"),
}
# Attributes that came later, with the value that means what came before.
_LATER: dict[str, dict[str, object]] = {
    "Resize": {"antialias": 0, "keep_aspect_ratio_policy": b"stretch", "axes": None},
    "Pad": {},
}
_REDUCE = {f"Reduce{kind}" for kind in ("Max", "Min", "Mean", "Prod", "L1", "L2", "LogSum",
                                        "LogSumExp", "SumSquare")}  # fmt: skip


def to_opset17(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model as opset 17.

    Raises:
        ModelFileError: An operator of the graph cannot be written in opset 17.
    """
    copy = copied(model)
    tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
    for entry in copy.opset_import:
        if entry.domain not in {"", "ai.onnx"} or entry.version <= 17:
            continue
        for node in copy.graph.node:
            since = onnx.defs.get_schema(node.op_type, entry.version).since_version
            if since > 17 and not _is_lowered(node, tensors):
                raise ModelFileError(
                    f"operator {node.op_type} of the model file needs opset {since}, TensorRT 8 "
                    "reads up to 17",
                    fix="export the model again with --opset 17",
                )
        entry.version = 17
    used = {name for node in copy.graph.node for name in node.input}
    for tensor in [tensor for tensor in copy.graph.initializer if tensor.name not in used]:
        copy.graph.initializer.remove(tensor)
    copy.ir_version = min(copy.ir_version, 8)
    return copy


def _is_lowered(node: NodeProto, tensors: dict[str, TensorProto]) -> bool:
    """Write one node as it was in opset 17, where it could be; whether it could."""
    if node.op_type in _REDUCE:
        return _with_axes_as_attribute(node, tensors)
    later = _LATER.get(node.op_type, {})
    for attribute in list(node.attribute):
        if attribute.name not in later:
            continue
        if helper.get_attribute_value(attribute) != later[attribute.name]:
            return False
        node.attribute.remove(attribute)
    return node.op_type in _SAME_SINCE_17 or node.op_type in _LATER


def _with_axes_as_attribute(node: NodeProto, tensors: dict[str, TensorProto]) -> bool:
    """Since opset 18 reductions take their axes as an input."""
    is_noop = any(a.name == "noop_with_empty_axes" and a.i for a in node.attribute)
    if len(node.input) > 1 and node.input[1]:
        if node.input[1] not in tensors:
            return False
        axes = numpy_helper.to_array(tensors[node.input[1]]).ravel().tolist()
        if not axes and is_noop:
            return False
        if axes:
            node.attribute.append(helper.make_attribute("axes", axes))
    elif is_noop:
        return False
    del node.input[1:]
    for attribute in [a for a in node.attribute if a.name == "noop_with_empty_axes"]:
        node.attribute.remove(attribute)
    return True
