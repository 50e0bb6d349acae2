"""Cut a graph to the outputs that are read, and find what belongs to training alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx
from onnx import GraphProto, NodeProto, numpy_helper

from steadypose.engines.errors import ModelFileError

_TRAINED = ("BatchNormalization", "Dropout")


def needed(nodes: Iterable[NodeProto], outputs: Iterable[str]) -> list[NodeProto]:
    """Only the nodes that lead to the outputs, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(list(nodes)):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= names_used([node])
    return kept[::-1]


def names_used(nodes: Iterable[NodeProto]) -> set[str]:
    """Inputs of nodes, including those of the graphs inside If and Loop."""
    names: set[str] = set()
    for node in nodes:
        names.update(node.input)
        for attribute in node.attribute:
            inner: list[GraphProto] = [attribute.g] if attribute.HasField("g") else []
            for graph in (*inner, *attribute.graphs):
                names |= names_used(graph.node) | {value.name for value in graph.output}
    return names


def cut_to(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Leave out every output but some, and what only leads to the others.

    Args:
        model: Changed in place.
        names: Of outputs, all of which it has.
    """
    graph = model.graph
    outputs = [value for value in graph.output if value.name in names]
    nodes = needed(graph.node, names)
    used = names_used(nodes) | set(names)
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    for field, kept in ((graph.output, outputs), (graph.node, nodes), (graph.initializer, weights)):
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del field[:]
        field.extend(copies)


def free_reshapes(model: onnx.ModelProto, batch: int = 1) -> None:
    """Let every Reshape keep its first side where the batch is written into its shape.

    Whether that is right is for the caller to prove: the results must stay the same.

    Args:
        model: Changed in place.
        batch: That is written there.
    """
    shapes = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            shapes[node.output[0]] = node.attribute[0].t
    for number, node in enumerate(model.graph.node):
        if node.op_type != "Reshape" or node.input[1] not in shapes:
            continue
        sides = numpy_helper.to_array(shapes[node.input[1]])
        if len(sides) < 2 or sides[0] != batch:
            continue
        # -1 may stand there once; where it is taken, 0 copies the input's first side.
        fresh = sides.copy()
        fresh[0] = 0 if (sides[1:] == -1).any() else -1
        name = f"{node.input[1]}_free{number}"  # the shape may be shared
        model.graph.initializer.append(numpy_helper.from_array(fresh, name))
        node.input[1] = name


def refuse_training(model: onnx.ModelProto) -> None:
    """Refuse a graph that was exported while it was being trained.

    Raises:
        ModelFileError: Its answer for a picture depends on the others of the batch, or on chance.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    for node in model.graph.node:
        if node.domain in {"", "ai.onnx"} and node.op_type in _TRAINED:
            told = {a.name: a.i for a in node.attribute if a.type == onnx.AttributeProto.INT}
            is_trained = told.get("training_mode", 0) == 1
            if node.op_type == "BatchNormalization" and "training_mode" not in told:
                is_trained = sum(map(bool, node.output)) > 1  # before opset 14
            if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] in constants:
                is_trained = bool(numpy_helper.to_array(constants[node.input[2]]).any())
            if is_trained:
                raise ModelFileError(
                    f"the network was exported in training mode: {node.op_type} {node.name!r}",
                    fix="export it again after model.eval()",
                )
