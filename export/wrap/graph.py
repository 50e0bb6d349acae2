"""Put a foreign network between our preprocessing and our decoding, in one graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import (
    NodeProto,
    TensorProto,
    compose,
    helper,
    numpy_helper,
)

from steadypose.engines.errors import ModelFileError
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.export.wrap.cutting import names_used, needed
from steadypose.export.wrap.feed import Feed, feed_nodes
from steadypose.export.wrap.network import Network
from steadypose.export.wrap.opset import opset_of, to_opset
from steadypose.export.wrap.output.decode import read_nodes
from steadypose.export.wrap.output.reading import Reading
from steadypose.export.wrap.run import first_line

_PREFIX = "net/"


def wrap(network: Network, feed: Feed, reading: Reading, spec: ModelSpec) -> onnx.ModelProto:
    """Build the model file's graph.

    Args:
        network: The foreign network; not modified.
        feed: How its input is prepared.
        reading: How its outputs are read.
        spec: Goes into the metadata.

    Returns:
        A checked model: ``crops`` uint8 (N, H, W, 3) to ``keypoints`` float32 (N, K, 3).

    Raises:
        ModelFileError: The network's operators cannot be brought to opset 18, or the
            result is not valid ONNX.
    """
    inner = to_opset(network.model)
    opset = opset_of(inner)
    inner = compose.add_prefix(inner, _PREFIX)
    before, feed_constants = feed_nodes(feed, _PREFIX + network.input_name)
    after, read_constants = read_nodes(reading, spec.keypoint_count, prefix=_PREFIX, opset=opset)
    nodes, constants = _constants_out(inner.graph.node)
    nodes = needed([*before, *nodes, *after], ["keypoints"])
    used = names_used(nodes)
    height, width = spec.input_hw
    graph = helper.make_graph(
        nodes,
        spec.name,
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["batch", height, width, 3])],
        [
            helper.make_tensor_value_info(
                "keypoints", TensorProto.FLOAT, ["batch", spec.keypoint_count, 3]
            )
        ],
    )
    for tensor in (*feed_constants, *inner.graph.initializer, *constants, *read_constants):
        if tensor.name in used:
            graph.initializer.append(tensor)
    graph.sparse_initializer.extend(inner.graph.sparse_initializer)
    domains = [e for e in inner.opset_import if e.domain not in {"", "ai.onnx"}]
    imports = [helper.make_opsetid("", opset), *domains]
    model = helper.make_model(graph, opset_imports=imports, producer_name="steadypose")
    model.ir_version = max(inner.ir_version, helper.find_min_ir_version_for(imports, True))  # noqa: FBT003
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # also if the graph is too large: no common base
        raise ModelFileError(
            f"the wrapped graph is no valid ONNX: {first_line(error)}",
            fix="export the network again with opset 18 and only standard operators",
        ) from error
    return model


def foreign_domains(model: onnx.ModelProto) -> list[str]:
    """Domains of operators that are not ONNX's own; TensorRT does not support them."""
    return sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})


def _constants_out(nodes: Iterable[NodeProto]) -> tuple[list[NodeProto], list[TensorProto]]:
    """Convert Constant nodes to initialisers, which changes of precision look for."""
    kept, constants = [], []
    for node in nodes:
        value = _constant(node) if node.op_type == "Constant" and not node.domain else None
        if value is None:
            kept.append(node)
        else:
            value.name = node.output[0]
            constants.append(value)
    return kept, constants


def _constant(node: NodeProto) -> TensorProto | None:
    attribute = node.attribute[0]
    value: Any = helper.get_attribute_value(attribute)
    tensor = TensorProto()
    if attribute.name == "value":
        tensor.CopyFrom(value)
    elif attribute.name in {"value_float", "value_floats"}:
        tensor = numpy_helper.from_array(np.array(value, np.float32))
    elif attribute.name in {"value_int", "value_ints"}:
        tensor = numpy_helper.from_array(np.array(value, np.int64))
    else:
        return None
    return tensor
