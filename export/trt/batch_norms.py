"""Fold batch norms into the convolutions before them.

A model file keeps them as nodes, so that it holds the weights as trained; OpenVINO and ONNX
Runtime fold them on loading. Before the graph's precision is changed they are folded here:
scales and variances must not be rounded separately, and int8 needs its ranges after them.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

_NORM = "BatchNormalization"


def fold_batch_norms(model: onnx.ModelProto) -> None:
    """Fold batch norms that follow a convolution into its weights and bias.

    Others, such as those in front of a convolution, stay.

    Args:
        model: With float32 weights; changed.
    """
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    readers = [name for node in graph.node for name in node.input]
    readers += [value.name for value in graph.output]
    for norm in [node for node in graph.node if node.op_type == _NORM]:
        layer = makers.get(norm.input[0])
        if layer is None or not _can_fold(layer, norm, tensors, readers):
            continue
        gamma, beta, mean, var = (_value(tensors[name]) for name in norm.input[1:5])
        scale = gamma / np.sqrt(var + _attribute(norm, "epsilon", 1e-5))
        weight = _value(tensors[layer.input[1]])
        axis = 1 if layer.op_type == "ConvTranspose" else 0
        shape = [-1 if place == axis else 1 for place in range(weight.ndim)]
        bias = _value(tensors[layer.input[2]]) if len(layer.input) > 2 else 0.0
        folded = {
            layer.input[1]: weight * scale.reshape(shape),
            f"{layer.input[1]}_bias": (bias - mean) * scale + beta,
        }
        for name, value in folded.items():
            made = numpy_helper.from_array(value.astype(np.float32), name)
            if name in tensors:
                tensors[name].CopyFrom(made)
            else:
                graph.initializer.append(made)
        layer.input[:] = [layer.input[0], *folded]
        layer.output[0] = norm.output[0]
        graph.node.remove(norm)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _can_fold(
    layer: NodeProto, norm: NodeProto, tensors: dict[str, TensorProto], readers: list[str]
) -> bool:
    """Whether nothing else uses the layer's output or weights, and all weights are known."""
    if layer.op_type not in {"Conv", "ConvTranspose"}:
        return False
    if layer.op_type == "ConvTranspose" and _attribute(layer, "group", 1) != 1:
        return False
    weights = (*layer.input[1:], *norm.input[1:])
    is_alone = readers.count(layer.output[0]) == 1 and readers.count(layer.input[1]) == 1
    return is_alone and all(name in tensors for name in weights)


def _value(tensor: TensorProto) -> NDArray[np.float64]:
    return numpy_helper.to_array(tensor).astype(np.float64)


def _attribute(node: NodeProto, name: str, default: float) -> float:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else float(onnx.helper.get_attribute_value(found))
