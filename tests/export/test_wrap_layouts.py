"""A network that finds people, behind the outputs of other projects: the same keypoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper

from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.export.checking.pck import demo_truth
from steadypose.export.wrap.output import people
from steadypose.realtime.model.places import QUALITIES
from tests.export.test_wrap_onnx import Net, save, wrap

pytestmark = pytest.mark.export
SHIPPED = QUALITIES["fast"]
K, (H, W) = 17, read_spec(SHIPPED).input_hw
MANY = 40
Outputs = dict[str, tuple[str, int]]


class Foreign(Net):
    """Our own network between an input and outputs as others have them."""

    def __init__(self, kind: int, *, is_nhwc: bool) -> None:
        super().__init__()
        own = compose.add_prefix(onnx.load(SHIPPED), "own/")
        self.opset = own.opset_import[0].version
        self.add("Cast", ["image"], "floats", to=TensorProto.FLOAT)
        self.const("sides", np.array([-1, H, W, 3] if is_nhwc else [-1, 3, H, W]))
        last = self.add("Reshape", ["floats", "sides"], "pictures")
        if not is_nhwc:
            last = self.add("Transpose", [last], "nhwc", perm=[0, 2, 3, 1])
        if kind in {TensorProto.FLOAT, TensorProto.DOUBLE}:
            last = self.add("Mul", [last, self.const("full", np.float32(255))], "pixels")
        last = self.add("Round", [last], "whole")
        last = self.add("Gather", [last, self.const("bgr", np.array([2, 1, 0]))], "turned", axis=3)
        self.add("Cast", [last], "own/crops", to=TensorProto.UINT8)
        self.nodes += own.graph.node
        self.tensors += own.graph.initializer
        for name, ends in (("begin", [0, 0]), ("end", [K, 3]), ("axes", [1, 2])):
            self.const(name, np.array(ends))
        self.add("Slice", ["own/keypoints", "begin", "end", "axes"], "points")
        self.add("Slice", ["points", self.const("0", np.array([0])), self.const("2", np.array([2])),
                           self.const("last", np.array([2]))], "xy")  # fmt: skip
        self.add("Gather", ["points", self.const("third", np.array(2))], "score", axis=2)
        self.const("one", np.array([1]))
        self.add("ReduceMean", ["score", "one"], "sure", keepdims=1)

    def fixed(self, name: str, value: Any) -> str:
        return self.const(name, np.asarray(value, np.float32))

    def shape(self, given: str, output: str, *sides: int) -> str:
        return self.add("Reshape", [given, self.const(f"{output}_sides", np.array(sides))], output)


def simcc(net: Foreign) -> Outputs:
    """A Gaussian around each place, two bins a pixel, as high as the score."""
    outputs: Outputs = {}
    for axis, (name, bins) in enumerate((("simcc_x", 2 * W), ("simcc_y", 2 * H))):
        net.add("Gather", ["xy", net.const(f"axis{axis}", np.array([axis]))], f"p{axis}", axis=2)
        at = net.fixed(f"bins{axis}", (np.arange(bins) / 2).reshape(1, 1, bins))
        far = net.add("Sub", [f"p{axis}", at], f"far{axis}")
        square = net.add("Mul", [far, far], f"square{axis}")
        down = net.add("Mul", [square, net.fixed(f"f{axis}", -0.125)], f"down{axis}")
        high = net.shape("score", f"high{axis}", -1, K, 1)
        net.add("Mul", [net.add("Exp", [down], f"bell{axis}"), high], name)
        outputs[name] = ("n", TensorProto.FLOAT)
    return outputs


def _rows(net: Foreign, *, classes: int, best: int = 7) -> str:
    """(N, MANY, 4 + classes + 3 K): one row is right, others are less certain and elsewhere."""
    flat = net.shape("points", "row", -1, 1, 3 * K)
    wrong = np.where(np.arange(MANY) == best, 0, 30).reshape(1, MANY, 1)
    places = net.add("Add", [flat, net.fixed("wrong", wrong)], "places")
    sure = net.shape("sure", "sure3", -1, 1, 1)
    share = np.full((1, MANY, classes), 0.1)
    share[0, best, -1] = 1
    scores = net.add("Mul", [sure, net.fixed("share", share)], "scores_of_rows")
    box = net.add("Mul", [scores, net.fixed("w4", np.full((1, 1, 1), 9))], "b1")
    box = net.add("Slice", [box, "0s", "1s", "2s"], "b2")
    boxes = net.add("Concat", [box, box, box, box], "boxes4", axis=2)
    return net.add("Concat", [boxes, scores, places], "rows", axis=2)


def detector(classes: int) -> Callable[[Foreign], Outputs]:
    """YOLO's rows, (N, numbers, candidates)."""

    def build(net: Foreign) -> Outputs:
        for name, value in (("0s", 0), ("1s", 1), ("2s", 2)):
            net.const(name, np.array([value]))
        net.add("Transpose", [_rows(net, classes=classes)], "output0", perm=[0, 2, 1])
        return {"output0": ("n", TensorProto.FLOAT)}

    return build


def several(net: Foreign) -> Outputs:
    """TensorFlow's MoveNet for several people: points of y, x, score, then box and score."""
    pixel = net.fixed("half", [0.5, 0.5, 0])
    moved = net.add("Add", ["points", pixel], "moved")
    share = net.add("Div", [moved, net.fixed("side", [W, H, 1])], "shares")
    yxs = net.add("Gather", [share, net.const("yxs", np.array([1, 0, 2]))], "turned_points", axis=2)
    row = net.shape(yxs, "row", -1, 1, 3 * K)
    wrong = np.where(np.arange(6) == 4, 0, 0.2).reshape(1, 6, 1)
    places = net.add("Add", [row, net.fixed("wrong", wrong)], "places")
    high = np.zeros((1, 6, 5))
    high[0, :, 4] = np.where(np.arange(6) == 4, 1, 0.1)
    boxes = net.add("Mul", [net.shape("sure", "sure3", -1, 1, 1), net.fixed("h", high)], "boxes")
    net.add("Concat", [places, boxes], "output_0", axis=2)
    return {"output_0": ("n", TensorProto.FLOAT)}


def _people(net: Foreign, extra: int) -> list[str]:
    """Three people of one picture, or nobody where the network is not sure; the second is right."""
    wrong = np.array([25, 0, -25]).reshape(3, 1, 1)
    three = net.add("Add", ["points", net.fixed("wrong3", wrong)], "three")
    sure = net.add("Mul", ["sure", net.fixed("less", [[0.5], [1], [0.2]])], "sure_of_three")
    zeros = net.fixed("zeros", np.zeros((3, extra)))
    dets = net.add("Concat", [zeros, sure], "dets3", axis=1)
    seen = net.add("Greater", ["sure_of_three", net.fixed("least", 0.02)], "seen")
    seen = net.shape("seen", "seen1", 3)
    return [net.add("Compress", [x, seen], f"kept_{x}", axis=0) for x in (three, dets)]


def one_stage(net: Foreign) -> Outputs:
    """RTMO's: boxes with scores (1, people, 5), keypoints (1, people, K, 3)."""
    three, dets = _people(net, 4)
    net.add("Unsqueeze", [dets, net.const("zero", np.array([0]))], "dets")
    net.add("Unsqueeze", [three, "zero"], "keypoints")
    return {"dets": ("1", TensorProto.FLOAT), "keypoints": ("1", TensorProto.FLOAT)}


def two_stages(net: Foreign) -> Outputs:
    """Keypoint R-CNN's: boxes, labels, scores, keypoints, scores of keypoints that are logits."""
    three, dets = _people(net, 4)
    net.add("Gather", [dets, net.const("four", np.arange(4))], "boxes", axis=1)
    net.add("Gather", [dets, net.const("fifth", np.array(4))], "scores", axis=1)
    net.add("Cast", ["scores"], "labels", to=TensorProto.INT64)
    net.add("Identity", [three], "keypoints")
    net.add("Gather", [three, "third"], "keypoints_scores", axis=2)
    kinds = {"labels": TensorProto.INT64}
    names = ("boxes", "labels", "scores", "keypoints", "keypoints_scores")
    return {name: ("people", kinds.get(name, TensorProto.FLOAT)) for name in names}


def apart(net: Foreign) -> Outputs:
    """Places in one output, their scores in another."""
    net.add("Identity", ["xy"], "keypoints")
    net.add("Identity", ["score"], "scores")
    return {"keypoints": ("n", TensorProto.FLOAT), "scores": ("n", TensorProto.FLOAT)}


LAYOUTS: dict[str, tuple[Callable[[Foreign], Outputs], int, list[int | str], float]] = {
    "simcc": (simcc, TensorProto.FLOAT, ["n", 3, H, W], 0.36),
    "yolo": (detector(1), TensorProto.FLOAT, ["n", 3, H, W], 0.01),
    "yolo of three classes": (detector(3), TensorProto.FLOAT, ["n", 3, H, W], 0.01),
    "multipose": (several, TensorProto.INT32, [1, H, W, 3], 0.01),
    "rtmo": (one_stage, TensorProto.FLOAT, [1, 3, H, W], 0.01),
    "keypoint r-cnn": (two_stages, TensorProto.FLOAT, [3, H, W], 0.01),
    "apart": (apart, TensorProto.DOUBLE, ["n", 3, H, W], 0.01),
}


def foreign(layout: str) -> onnx.ModelProto:
    build, kind, sides, _ = LAYOUTS[layout]
    net = Foreign(kind, is_nhwc=sides[-1] == 3)
    outputs = build(net)
    graph = helper.make_graph(
        net.nodes,
        "foreign",
        [helper.make_tensor_value_info("image", kind, sides)],
        [helper.make_tensor_value_info(name, kind, None) for name, (_, kind) in outputs.items()],
        net.tensors,
    )
    imports = [helper.make_opsetid("", net.opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def keypoints(path: Path, crops: NDArray[np.uint8], backend: str) -> NDArray[np.float32]:
    engine = open_engine(path, backend=backend, options=EngineOptions("fp32", 1)).engine
    try:
        found = [engine.infer(crops[i : i + 3]).copy() for i in range(0, len(crops), 3)]
    finally:
        engine.close()
    return np.concatenate(found)[:, :K]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_keypoints_of_our_network_come_through_the_outputs_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    path = save(foreign(layout), tmp_path / "f.onnx")
    words = ("--normalise", "unit") if layout in {"simcc", "apart"} else ()
    output = tmp_path / "w.onnx"
    assert wrap("--onnx", path, "--output", output, *words) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    crops = demo_truth(read_spec(output), count=6)[0]
    wanted = keypoints(SHIPPED, crops, "onnxruntime")
    found = keypoints(output, crops, "onnxruntime")
    far = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=2)
    assert far.max() <= LAYOUTS[layout][3]
    # As certain as the network is of the point, and of the person.
    low = np.minimum(wanted[..., 2], wanted[..., 2].mean(axis=1, keepdims=True))
    is_of_point = layout in {"simcc", "apart"}
    np.testing.assert_allclose(found[..., 2], wanted[..., 2] if is_of_point else low, atol=0.02)
    assert float(said.partition("PCK@0.2 ")[2].partition(",")[0]) > 0.95
    assert not read_spec(output).decoder.startswith("coordinates without")


def test_whole_numbers_of_the_chosen_person_have_64_bits_where_numpys_have_32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = np.asarray

    def as_on_windows(value: Any, dtype: Any = None, **more: Any) -> NDArray[Any]:
        array = make(value, dtype, **more)
        is_of_numpy = isinstance(value, (np.ndarray, np.generic))
        is_chosen = dtype is not None or is_of_numpy or array.dtype != np.int64
        return array if is_chosen else array.astype(np.int32)

    shapes = {"dets": (1, 5), "keypoints": (1, K, 3)}
    choice = people._Choice({"keypoints": 3 * K, "dets": 5}, "dets", 4)
    model = onnx.load(save(foreign("rtmo"), tmp_path / "f.onnx"))
    monkeypatch.setattr(np, "asarray", as_on_windows)
    made = people._with_person(model, choice, shapes)
    kinds = {t.data_type for t in made.graph.initializer if t.name.startswith("person/")}
    assert kinds == {TensorProto.INT64, TensorProto.FLOAT}


@pytest.mark.parametrize("layout", ["rtmo", "keypoint r-cnn"])
def test_nobody_in_a_picture_has_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    path, output = save(foreign(layout), tmp_path / "f.onnx"), tmp_path / "w.onnx"
    assert wrap("--onnx", path, "--output", output, "--normalise", "unit") == 0
    said = capsys.readouterr().out
    sure = "dets" if layout == "rtmo" else "scores"
    assert f"holds the people of a picture: the most certain by {sure!r} is taken" in said
    pytest.importorskip("openvino")
    seen = demo_truth(read_spec(output), count=1)[0]
    crops = np.concatenate((np.zeros_like(seen), seen))  # a batch with somebody and nobody
    for backend in ("onnxruntime", "openvino"):
        black, found = keypoints(output, crops, backend)
        assert not black.any()
        assert found[:, 2].mean() > 0.3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--person-score", "boxes"), "'boxes' has no score for each person of 'keypoints'"),
        (("--point-scores", "nothing"), "there is no output 'nothing'"),
        (("--point-scores", "boxes", "--point", "xy-"), "'boxes' has no number for each keypoint"),
    ],
)
def test_scores_that_are_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    path = save(foreign("keypoint r-cnn"), tmp_path / "f.onnx")
    given = ("--onnx", path, "--output", tmp_path / "w.onnx", "--points", "keypoints", *words)
    assert wrap(*given) == 2
    assert why in capsys.readouterr().err


def test_logits_of_the_points_become_their_scores(tmp_path: Path) -> None:
    path, output = save(foreign("keypoint r-cnn"), tmp_path / "f.onnx"), tmp_path / "w.onnx"
    words = ("--normalise", "unit", "--points", "keypoints", "--point", "xy-")
    more = ("--person-score", "scores", "--point-scores", "keypoints_scores")
    given = ("--onnx", path, "--output", output, *words, *more, "--activation", "sigmoid")
    assert wrap(*given) == 0
    crops = demo_truth(read_spec(output), count=2)[0]
    wanted = keypoints(SHIPPED, crops, "onnxruntime")[..., 2]
    low = np.minimum(1 / (1 + np.exp(-wanted)), wanted.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(keypoints(output, crops, "onnxruntime")[..., 2], low, atol=0.02)
