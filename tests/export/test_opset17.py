"""What TensorRT 8 reads: every network that ships, in opset 17, computing the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines.errors import ModelFileError
from steadypose.engines.model_file import read_spec
from steadypose.export.trt.opset17 import to_opset17
from steadypose.realtime.model.places import MODELS


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(MODELS.glob("*.onnx")), ids=lambda path: path.stem)
def test_every_network_that_ships_computes_the_same_in_opset_17(path: Any) -> None:
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    model = onnx.load(path)
    lowered = to_opset17(model)
    onnx.checker.check_model(lowered, full_check=True)
    assert {e.domain: e.version for e in lowered.opset_import} == {"": 17}
    assert model.opset_import[0].version == 18  # the caller's own is as it was
    height, width = read_spec(path).input_hw
    shape = (2, height, width, 3)
    crops = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)

    def run(graph: onnx.ModelProto) -> Any:
        session = onnxruntime.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"crops": crops})[0]

    np.testing.assert_allclose(run(lowered), run(model), atol=1e-3)


def one_node(node: Any, *constants: Any) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(constants),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_axes_become_an_attribute_again() -> None:
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    lowered = to_opset17(one_node(helper.make_node("ReduceMean", ["x", "axes"], ["y"]), axes))
    node = lowered.graph.node[0]
    assert list(node.input) == ["x"]
    assert {a.name: list(a.ints) for a in node.attribute}["axes"] == [2, 3]
    assert not lowered.graph.initializer


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("ReduceMax", ["x", "computed"], ["y"]),
        helper.make_node("ReduceMax", ["x"], ["y"], noop_with_empty_axes=1),
        helper.make_node("Resize", ["x", "", "scales"], ["y"], antialias=1),
        helper.make_node("Resize", ["x", "", "scales"], ["y"], axes=[2, 3]),
        helper.make_node("CenterCropPad", ["x", "shape"], ["y"]),
    ],
    ids=["axes that are computed", "no axes", "antialias", "some axes", "a new operator"],
)
def test_what_opset_17_cannot_say_is_refused_with_the_operator(node: Any) -> None:
    with pytest.raises(ModelFileError, match=f"operator {node.op_type} .* needs opset 18"):
        to_opset17(one_node(node))
