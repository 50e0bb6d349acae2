"""Foreign networks with more outputs than needed, and guesses that refute themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("torch")

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.export.wrap.cutting import cut_to, refuse_training
from steadypose.export.wrap.feed import choose_feed
from steadypose.export.wrap.network import Network
from steadypose.export.wrap.options import WrapOptions
from steadypose.export.wrap.output.choice import choose_reading
from steadypose.export.wrap.output.reading import HeatmapReading
from tests.export.test_wrap_onnx import HW, Net, heatmap_net, ours, picture, save, wrap

pytestmark = pytest.mark.export


def with_mask(*, is_broken: bool = False) -> onnx.ModelProto:
    """SimCC scores of a free batch, and a mask that has the batch of 1 written into it."""
    net, rng = Net(), np.random.default_rng(0)
    net.const("shape", np.array([1, 1, 64 * 48], np.int64))
    net.const("flat", np.array([0, -1], np.int64))
    net.const("channel", rng.standard_normal((1, 3, 1, 1)).astype(np.float32))
    net.add("Conv", ["image", "channel"], "grey")
    net.add("Reshape", ["grey", "shape"], "mask")
    net.const("small", rng.standard_normal((4, 3, 8, 8)).astype(np.float32) / 30)
    net.add("Conv", ["image", "small"], "features", strides=[8, 8])
    net.add("Reshape", ["features", "flat"], "vector")
    for axis, bins in (("x", 96), ("y", 128)):
        net.const(f"w{axis}", rng.standard_normal((192, 17 * bins)).astype(np.float32) / 30)
        net.const(f"s{axis}", np.array([-1, 17, bins], np.int64))
        net.add("MatMul", ["vector", f"w{axis}"], f"m{axis}")
        net.add("Reshape", [f"m{axis}", f"s{axis}"], f"r{axis}")
        net.add("Sigmoid", [f"r{axis}"], f"simcc_{axis}")
    outputs = {"mask": [1, 1, 3072], "simcc_x": ["n", 17, 96], "simcc_y": ["n", 17, 128]}
    if is_broken:
        net.const("bad", np.array([5, 5], np.int64))
        net.add("Reshape", ["grey", "bad"], "worse")
        outputs["worse"] = [5, 5]
    return net.model(["n", 3, *HW], outputs)  # type: ignore[arg-type]


@pytest.mark.parametrize("more", [(), ("--simcc", "simcc_x", "simcc_y")])
def test_an_output_that_nobody_reads_need_not_take_a_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    path = save(with_mask(), tmp_path / "f.onnx")
    assert wrap("--onnx", path, "--output", tmp_path / "w.onnx", *more) == 0, capsys.readouterr()
    made = onnx.load(tmp_path / "w.onnx")
    assert "net/mask" not in {name for node in made.graph.node for name in node.output}


def test_an_output_that_nobody_reads_need_not_even_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(with_mask(is_broken=True), tmp_path / "f.onnx")
    words = ("--onnx", path, "--output", tmp_path / "w.onnx")
    assert wrap(*words) == 2
    assert wrap(*words, "--simcc", "simcc_x", "simcc_y") == 0, capsys.readouterr()


def test_a_cut_graph_keeps_what_its_outputs_need_and_nothing_else() -> None:
    model = with_mask()
    cut_to(model, ["simcc_y"])
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.output] == ["simcc_y"]
    assert {t.name for t in model.graph.initializer} == {"small", "flat", "wy", "sy"}


def trained(kind: str, opset: int, *, is_training: bool) -> onnx.ModelProto:
    f = TensorProto.FLOAT
    names = ["scale", "b", "mean", "var"]
    tensors = [numpy_helper.from_array(np.ones(3, np.float32), name) for name in names]
    outputs = ["y"]
    if kind == "BatchNormalization":
        outputs = ["y", "m", "v"] if is_training else ["y"]
        told = {"training_mode": int(is_training)} if opset >= 14 else {}
        node = helper.make_node(kind, ["image", *names], outputs, **told)
    else:
        tensors = [
            numpy_helper.from_array(np.array(0.5, np.float32), "ratio"),
            numpy_helper.from_array(np.array(is_training), "train"),
        ]
        node = helper.make_node(kind, ["image", "ratio", "train"], outputs)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("image", f, ["n", 3, *HW])],
        [helper.make_tensor_value_info("y", f, None)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize(
    ("kind", "opset"), [("BatchNormalization", 9), ("BatchNormalization", 15), ("Dropout", 13)]
)
def test_a_graph_in_training_mode_is_named(kind: str, opset: int) -> None:
    refuse_training(trained(kind, opset, is_training=False))
    with pytest.raises(ModelFileError, match=f"in training mode: {kind}") as kept:
        refuse_training(trained(kind, opset, is_training=True))
    assert "model.eval()" in kept.value.fix


def network(shape: tuple[int, ...], input_hw: tuple[int, int] = HW) -> Network:
    def nothing(_: Any) -> Any:
        raise AssertionError

    return Network(
        onnx.ModelProto(), nothing, "image", input_hw, kind=np.float32, is_nhwc=False,
        is_single=False, shapes={"out": shape},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("input_hw", "cells_hw", "cells", "step"),
    [
        ((385, 385), (25, 25), "udp", 16.0),
        ((385, 289), (25, 19), "udp", 16.0),  # 15.4 by 15.2: not even one stride
        ((257, 193), (65, 49), "udp", 4.0),
        ((256, 192), (64, 48), "corner", 4.0),
        ((384, 384), (24, 24), "corner", 16.0),
        ((385, 385), (35, 35), "corner", 11.0),
        ((65, 65), (5, 5), "corner", 13.0),  # both are whole: as in most published code
    ],
)
def test_a_stride_that_is_no_whole_number_is_not_guessed_where_another_is(
    input_hw: tuple[int, int], cells_hw: tuple[int, int], cells: str, step: float
) -> None:
    guesses: list[str] = []
    made = network((1, 17, *cells_hw), input_hw)
    reading = choose_reading(made, COCO17, WrapOptions(), guesses)
    assert isinstance(reading, HeatmapReading)
    assert (reading.cells, reading.step_xy) == (cells, (step, step))
    assert any(cells in guess for guess in guesses)


def test_a_stride_or_cells_that_were_given_stand() -> None:
    made = network((1, 17, 25, 25), (385, 385))
    corner = choose_reading(made, COCO17, WrapOptions(cells="corner"), [])
    assert isinstance(corner, HeatmapReading)
    assert corner.step_xy == (15.4, 15.4)
    given = choose_reading(made, COCO17, WrapOptions(stride=16.0), [])
    assert isinstance(given, HeatmapReading)
    assert (given.cells, given.step_xy) == ("corner", (16.0, 16.0))


@pytest.mark.parametrize(
    "shape", [(1, 16, 16, 12), (1, 21, 16, 12), (1, 1000), (1, 1, 64, 48), (1, 68, 2100), (1, 39)]
)
def test_outputs_with_other_keypoints_are_not_called_coordinates(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="no output has the 17 keypoints"):
        choose_reading(network(shape), COCO17, WrapOptions(), [])


def options(**given: Any) -> WrapOptions:
    return WrapOptions(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, "for pixels of 0 to 1"),
        ({"mean": (0.5,), "std": (0.5,)}, "for pixels of 0 to 1"),
        ({"mean": (0.5,), "scale": 1.0}, "for pixels of 0 to 1"),
        ({"mean": (123.7,), "std": (58.4,), "scale": 1 / 255}, "for pixels of 0 to 255"),
    ],
)
def test_statistics_for_another_range_of_pixels_are_refused(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as kept:
        choose_feed(network((1, 17, 16, 12)), options(**given), [])
    assert "--scale" in kept.value.fix


@pytest.mark.parametrize(
    "given",
    [
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "scale": 1 / 255},
        {"mean": (123.7,), "std": (58.4,)},
        {"mean": (127.5,), "std": (127.5,)},
        {"mean": (0.0,), "std": (1.0,)},
        {"mean": (1.0,), "scale": 1 / 127.5},
        {"mean": (0.0,), "std": (255.0,)},
    ],
)
def test_statistics_of_published_networks_are_taken(given: dict[str, Any]) -> None:
    feed = choose_feed(network((1, 17, 16, 12)), options(**given), [])
    crops = np.array([[[[0, 0, 0]], [[255, 255, 255]]]], np.uint8)
    assert np.abs(feed.to_inputs(crops)).max() < 256


def test_sums_with_a_constant_stay_as_they_are_in_int8() -> None:
    from steadypose.export.quantize import _with_constants

    f = TensorProto.FLOAT
    nodes = [
        helper.make_node("Identity", ["bias"], ["copied"], "copy"),
        helper.make_node("Add", ["x", "bias"], ["a"], "with a constant"),
        helper.make_node("Add", ["copied", "a"], ["b"], "with a computed constant"),
        helper.make_node("Add", ["a", "b"], ["c"], "of two activations"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", f, [1, 3])],
        [helper.make_tensor_value_info("c", f, [1, 3])],
        [numpy_helper.from_array(np.ones(3, np.float32), "bias")],
    )
    model = helper.make_model(graph)
    assert _with_constants(model, nodes) == {"with a constant", "with a computed constant"}


def test_a_heatmap_of_the_background_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its highest cell is nobody's; the others are read as without it."""
    found = []
    orders = {"none": [], "last": [*range(17), 0], "first": [5, *range(17)]}
    for which, order in orders.items():
        model = heatmap_net(k=17)
        words = ["--background", which] if order else []
        if order:
            (output,) = model.graph.output
            model.graph.initializer.append(
                numpy_helper.from_array(np.array(order), "with_one_more")
            )
            gathered = helper.make_node("Gather", [output.name, "with_one_more"], ["all"], axis=1)
            model.graph.node.append(gathered)
            output.CopyFrom(
                helper.make_tensor_value_info("all", TensorProto.FLOAT, ["n", 18, 16, 12])
            )
        foreign, output_path = save(model, tmp_path / "f.onnx"), tmp_path / f"{which}.onnx"
        if order:  # 17 and a background, or a skeleton of 18: nobody can tell
            assert wrap("--onnx", foreign, "--output", output_path) == 2
            assert "--background last or first" in capsys.readouterr().err
        assert wrap("--onnx", foreign, "--output", output_path, *words) == 0
        found.append(ours(output_path, picture()))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
