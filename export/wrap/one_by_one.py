"""Let a network that takes one picture take a batch: one picture after another, in the graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from steadypose.export.wrap.opset import opset_of, to_opset

_PREFIX = "one/"
_SLICE, _FIRST = "picture", "first_axis"


def one_by_one(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put a network into a Scan over the pictures of a batch.

    Args:
        model: Its only input and all its outputs begin with a batch of 1.

    Returns:
        A network with the same names and a free batch, of opset 18 or later.

    Raises:
        ModelFileError: Its operators cannot be brought to opset 18.
    """
    inner = onnx.compose.add_prefix(to_opset(model), _PREFIX)
    (entry,) = inner.graph.input
    kind = entry.type.tensor_type.elem_type
    picture = [dim.dim_value for dim in entry.type.tensor_type.shape.dim[1:]]
    axis = numpy_helper.from_array(np.array([0], np.int64), _PREFIX + _FIRST)
    nodes = [helper.make_node("Unsqueeze", [_SLICE, axis.name], [entry.name], _PREFIX + "begin")]
    nodes += inner.graph.node
    ends, outputs, names = [], [], []
    for output in inner.graph.output:
        end, name = f"{output.name}/end", output.name.removeprefix(_PREFIX)
        nodes.append(helper.make_node("Squeeze", [output.name, axis.name], [end], end))
        ends.append(helper.make_tensor_value_info(end, output.type.tensor_type.elem_type, None))
        outputs.append(helper.make_tensor_value_info(name, output.type.tensor_type.elem_type, None))
        names.append(name)
    slice_info = helper.make_tensor_value_info(_SLICE, kind, picture)
    weights = [*inner.graph.initializer, axis]
    body = helper.make_graph(nodes, "one_picture", [slice_info], ends, weights)
    whole = entry.name.removeprefix(_PREFIX)
    scan = helper.make_node("Scan", [whole], names, "one_by_one", body=body, num_scan_inputs=1)
    graph = helper.make_graph(
        [scan],
        inner.graph.name,
        [helper.make_tensor_value_info(whole, kind, ["batch", *picture])],
        outputs,
    )
    others = [e for e in inner.opset_import if e.domain not in {"", "ai.onnx"}]
    imports = [helper.make_opsetid("", opset_of(inner)), *others]
    return helper.make_model(graph, opset_imports=imports, ir_version=max(8, inner.ir_version))
