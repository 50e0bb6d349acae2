"""Change the precision of a model file's network; preprocessing and decoding stay float32.

Precision is set in the graph, because TensorRT 10 and later read it from there
(strongly typed networks) and TensorRT 11 has no precision flags at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from steadypose.engines.errors import ModelFileError
from steadypose.export.trt.batch_norms import fold_batch_norms

_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_QUANTISING = {"QuantizeLinear", "DequantizeLinear"}
# Inputs that are positions or factors, and float32 by ONNX's definition.
_KEPT_FLOAT = {"Resize": {1, 2}, "Upsample": {1}}
_LARGEST_HALF = 65504.0


def to_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model with float32 weights if the file stores them in fp16 with casts.

    Batch norms are folded into the convolutions before them.

    Args:
        model: A model file of ours; not modified.
    """
    copy = copied(model)
    tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
    kept = []
    for node in copy.graph.node:
        source = tensors.get(node.input[0]) if _is_unfolding(node) else None
        if source is None or source.data_type != TensorProto.FLOAT16:
            kept.append(node)
            continue
        value = numpy_helper.to_array(source).astype(np.float32)
        copy.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    used = {name for node in kept for name in node.input}
    stale = [t for t in copy.graph.initializer if t.name in tensors and t.name not in used]
    for tensor in stale:
        copy.graph.initializer.remove(tensor)
    _replace_nodes(copy, kept)
    fold_batch_norms(copy)
    return copy


def _is_unfolding(node: NodeProto) -> bool:
    """Whether a node casts a stored weight to float32."""
    return node.op_type == "Cast" and any(a.i == TensorProto.FLOAT for a in node.attribute)


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model with its network, from first to last convolution, in fp16.

    Of a quantised network it is what is not int8: the first and last layers, activations
    between them, and the scales, so that nothing is converted to float32 on the way.

    The heatmaps are cast to float32 before they are decoded, so that the arg-max and the
    sub-pixel fit lose no further precision.

    Args:
        model: A model file of ours; not modified.

    Raises:
        ModelFileError: The graph has no convolution, or a weight does not fit in fp16.
    """
    copy = to_float(model)
    graph = copy.graph
    inside = network_nodes(copy)
    unpacking = _weight_unpacking(copy, inside)
    if unpacking or any(node.op_type == "QuantizeLinear" for node in inside):
        _allow_half_scales(copy)
    inside = unpacking + inside
    del graph.value_info[:]  # types as they were, from whoever wrote the graph
    ids = {id(node) for node in inside}
    made_inside = {output for node in inside for output in node.output}
    outside = {name for node in graph.node if id(node) not in ids for name in node.input}
    outside |= {value.name for value in graph.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    weights: dict[str, str] = {}  # initialisers, and their names as fp16
    entering: dict[str, str] = {}  # what the network reads, likewise
    leaving = {name: f"{name}_fp16" for name in made_inside & outside}
    for node in inside:
        _rename_inputs(node, constants, made_inside, weights, entering, leaving)
        node.output[:] = [leaving.get(name, name) for name in node.output]
    for name, half in weights.items():
        graph.initializer.append(_half_tensor(constants[name], half))
        if name not in outside:
            graph.initializer.remove(constants[name])
    _replace_nodes(copy, _with_casts(list(graph.node), ids, entering, leaving))
    return copy


def _weight_unpacking(model: onnx.ModelProto, inside: list[NodeProto]) -> list[NodeProto]:
    """The nodes before a quantised network that make floats of its int8 weights."""
    stored = {tensor.name for tensor in model.graph.initializer}
    ids = {id(node) for node in inside}
    waiting = {name for node in inside for name in node.input}
    found: list[NodeProto] = []
    for node in reversed(model.graph.node):  # a quantise node may stand before a dequantise node
        if id(node) in ids or node.op_type not in _QUANTISING or waiting.isdisjoint(node.output):
            continue
        made = {output for other in model.graph.node for output in other.output}
        if node.input[0] in stored or node.input[0] in made - set(node.output):
            found.insert(0, node)
            waiting |= set(node.input)
    return found


def _allow_half_scales(model: onnx.ModelProto) -> None:
    """Opset 19 is the first in which quantise nodes read and dequantise nodes give fp16."""
    for entry in model.opset_import:
        if entry.domain in {"", "ai.onnx"}:
            entry.version = max(entry.version, 19)
    model.ir_version = max(model.ir_version, 9)


def _rename_inputs(
    node: NodeProto,
    constants: dict[str, TensorProto],
    made_inside: set[str],
    weights: dict[str, str],
    entering: dict[str, str],
    leaving: dict[str, str],
) -> None:
    """Make a node of the network read fp16, and record the casts and weights it needs."""
    kept = _KEPT_FLOAT.get(node.op_type, ())
    for place, name in enumerate(node.input):
        if place in kept or not name:
            continue
        if name in made_inside:
            node.input[place] = leaving.get(name, name)
        elif name not in constants:
            node.input[place] = entering.setdefault(name, f"{name}_fp16")
        elif constants[name].data_type == TensorProto.FLOAT:
            node.input[place] = weights.setdefault(name, f"{name}_fp16")


def network_nodes(model: onnx.ModelProto) -> list[NodeProto]:
    """Find the nodes from the first to the last learned convolutions, both included.

    A network may end in several heads, each with its last convolution. Fixed filters of
    the decoding (depthwise, one channel in and out per group, behind the prediction layer)
    are not part of the network.

    Raises:
        ModelFileError: There is no convolution.
    """
    nodes = list(model.graph.node)
    shapes = {t.name: tuple(t.dims) for t in model.graph.initializer}
    learnt = [n for n in nodes if n.op_type in _CONVOLUTIONS and not _is_fixed(n, shapes)]
    if not learnt:
        raise ModelFileError(
            "the model file has no convolution whose precision could be changed",
            fix="choose --precision fp32, or export the model again",
        )
    readers: defaultdict[str, list[int]] = defaultdict(list)
    for index, node in enumerate(nodes):
        for name in node.input:
            readers[name].append(index)
    makers = {output: index for index, node in enumerate(nodes) for output in node.output}
    downstream = _closure(
        [nodes.index(learnt[0])], lambda i: [r for o in nodes[i].output for r in readers[o]]
    )
    upstream = _closure(
        [nodes.index(n) for n in learnt],
        lambda i: [makers[n] for n in nodes[i].input if n in makers],
    )
    return [nodes[i] for i in sorted(downstream & upstream)]


def layers_with_weights(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Those whose precision is counted: convolutions, and products that were quantised."""
    floats = {name for n in nodes if n.op_type == "DequantizeLinear" for name in n.output}
    return [
        n
        for n in nodes
        if n.op_type in _CONVOLUTIONS or (n.op_type == "MatMul" and floats.issuperset(n.input[:1]))
    ]


def _is_fixed(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> bool:
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    shape = shapes.get(node.input[1], ())
    return group > 1 and len(shape) == 4 and shape[0] == group and 1 in shape[2:]


def _closure(start: list[int], step: Callable[[int], list[int]]) -> set[int]:
    found, todo = set(start), list(start)
    while todo:
        for index in step(todo.pop()):
            if index not in found:
                found.add(index)
                todo.append(index)
    return found


def _half_tensor(tensor: TensorProto, name: str) -> TensorProto:
    value: NDArray[np.float32] = numpy_helper.to_array(tensor)
    if value.size and float(np.abs(value).max()) > _LARGEST_HALF:
        raise ModelFileError(
            f"weight {tensor.name} has a value beyond fp16's range", fix="choose --precision fp32"
        )
    return numpy_helper.from_array(value.astype(np.float16), name)


def _with_casts(
    nodes: list[NodeProto], inside: set[int], before: dict[str, str], after: dict[str, str]
) -> list[NodeProto]:
    """Insert a cast right before the first reader of each input and after each output."""
    result: list[NodeProto] = []
    waiting = dict(before)
    back = {half: name for name, half in after.items()}
    for node in nodes:
        if id(node) in inside:
            for name, half in list(waiting.items()):
                if half in node.input:
                    result.append(helper.make_node("Cast", [name], [half], to=TensorProto.FLOAT16))
                    del waiting[name]
        result.append(node)
        result.extend(
            helper.make_node("Cast", [output], [back[output]], to=TensorProto.FLOAT)
            for output in node.output
            if output in back
        )
    return result


def _replace_nodes(model: onnx.ModelProto, nodes: list[NodeProto]) -> None:
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that may be changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
