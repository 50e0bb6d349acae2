"""Foreign ONNX networks as model files: the same keypoints, or a sentence."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.model.places import ROOT

pytestmark = pytest.mark.export
HW = (64, 48)
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
# Of our own part; see export/models/decoding.py for what TensorRT does not take.
REFUSED = {"ArgMax", "NonZero", "Mod", "ScatterND", "Loop", "If", "Unique"}


@pytest.fixture(scope="module", autouse=True)
def _decoders_are_exported_once() -> Iterator[None]:
    """Torch needs one to ten seconds for each, and most tests want the same few."""
    from steadypose.export.wrap.output import decode
    from steadypose.export.wrap.output.reading import HeatmapReading

    real, made = decode.export_decode, dict[tuple[object, ...], bytes]()

    def export_decode(reading: HeatmapReading, keypoints: int) -> onnx.ModelProto:
        key = (reading.heatmap_hw, reading.refine, reading.sigma, keypoints)  # all it may use
        if key not in made:
            made[key] = real(reading, keypoints).SerializeToString()
        return onnx.load_from_string(made[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "export_decode", export_decode)
        yield


def wrap(*arguments: object) -> int:
    from steadypose.export.wrap_onnx import main

    return main([*(str(a) for a in arguments), "--check-crops", "8"])


def picture(seed: int = 3, count: int = 3, hw: tuple[int, int] = HW) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 8, 6, 3), dtype=np.uint8)
    crops = [cv2.resize(c, hw[::-1], interpolation=cv2.INTER_CUBIC) for c in coarse]
    return np.ascontiguousarray(np.stack(crops))


class Net:
    """A small ONNX graph, written node by node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def const(self, name: str, value: Any) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def model(
        self,
        shape: Sequence[int | str | None],
        outputs: dict[str, Sequence[int | str]],
        *,
        opset: int = 18,
        kind: int = TensorProto.FLOAT,
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "foreign",
            [helper.make_tensor_value_info("image", kind, shape)],
            [helper.make_tensor_value_info(n, kind, s) for n, s in outputs.items()],
            self.tensors,
        )
        imports = [helper.make_opsetid("", opset)]
        made = helper.make_model(graph, opset_imports=imports, ir_version=10)
        onnx.checker.check_model(made)
        return made


def heatmap_net(
    *,
    k: int = 17,
    stride: int = 4,
    batch: int | str = "n",
    size: tuple[int | str, int | str] = HW,
    opset: int = 18,
    nhwc: bool = False,
    half: bool = False,
    logits: bool = False,
    stages: int = 1,
    channels: int | str = 3,
) -> onnx.ModelProto:
    """Random filters and a sigmoid: heatmaps with one highest cell, which moves with the crop."""
    net, rng = Net(), np.random.default_rng(k + stride)
    dtype = np.float16 if half else np.float32
    x = "image"
    if nhwc:
        x = net.add("Transpose", [x], "planes", perm=[0, 3, 1, 2])
    outputs: dict[str, Sequence[int | str]] = {}
    for stage in range(stages):
        weight = rng.standard_normal((k, 3, stride, stride)) / stride
        net.const(f"w{stage}", weight.astype(dtype))
        strides = [stride, stride]
        y = net.add("Conv", [x, f"w{stage}"], f"raw{stage}", strides=strides)
        if not logits:
            y = net.add("Sigmoid", [y], f"map{stage}")
        hw: list[int | str] = [s // stride if isinstance(s, int) else f"o{s}" for s in size]
        shape: list[int | str] = [batch, k, *hw]
        if nhwc:
            y = net.add("Transpose", [y], f"last{stage}", perm=[0, 2, 3, 1])
            shape = [batch, *hw, k]
        outputs[y] = shape
    given = [batch, *size, channels] if nhwc else [batch, channels, *size]
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    return net.model(given, outputs, opset=opset, kind=kind)


def simcc_net(
    *,
    k: int = 17,
    ratio: int = 2,
    opset: int = 11,
    hw: tuple[int, int] = HW,
    names: tuple[str, str] = ("simcc_x", "simcc_y"),
    y_first: bool = False,
    gain: float = 1.0,
) -> onnx.ModelProto:
    """Like RTMPose's head as mmdeploy writes it: rows and columns of heatmaps, opset 11."""
    net, rng = Net(), np.random.default_rng(5)
    net.const("w", (rng.standard_normal((k, 3, 4, 4)) / 4).astype(np.float32))
    y = net.add("Conv", ["image", "w"], "maps", strides=[4, 4])
    for name, axis, length in zip(names, (2, 3), hw[::-1], strict=True):
        flat = net.add("ReduceL2", [y], f"{name}_sum", axes=[axis], keepdims=0)
        weight = rng.standard_normal((length // 4, length * ratio)) * (gain / 9)
        net.const(f"{name}_w", weight.astype(np.float32))
        net.add("MatMul", [flat, f"{name}_w"], name)
    pairs = list(zip(names, hw[::-1], strict=True))
    shapes: dict[str, Sequence[int | str]] = {
        name: ["n", k, length * ratio] for name, length in (pairs[::-1] if y_first else pairs)
    }
    return net.model(["n", 3, *hw], shapes, opset=opset)


def run_foreign(path: Path, x: NDArray[Any]) -> list[NDArray[Any]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    if entry.shape[0] == 1:
        each = [session.run(None, {entry.name: x[i : i + 1]}) for i in range(len(x))]
        return [np.concatenate(parts) for parts in zip(*each, strict=True)]
    result: list[NDArray[Any]] = session.run(None, {entry.name: x})
    return result


def feed(crops: NDArray[np.uint8], *, nhwc: bool = False) -> NDArray[np.float32]:
    x = (crops[..., ::-1].astype(np.float32) - MEAN) / STD
    return np.ascontiguousarray(x if nhwc else x.transpose(0, 3, 1, 2), np.float32)


def peaks(heatmaps: NDArray[Any]) -> NDArray[np.float64]:
    """(N, K, h, w) to (N, K, 3): x and y in cells and the highest value, one by one."""
    n, k, _, width = heatmaps.shape
    found = np.zeros((n, k, 3))
    for i in range(n):
        for j in range(k):
            best = int(heatmaps[i, j].argmax())
            found[i, j] = best % width, best // width, heatmaps[i, j].max()
    return found


def ours(path: Path, crops: NDArray[np.uint8], backend: str = "onnxruntime") -> NDArray[np.float32]:
    """What a wrapped file finds, in float32: bf16 decides other near ties of random networks."""
    engine = open_engine(path, backend=backend, options=EngineOptions("fp32", threads=1)).engine
    try:
        return engine.infer(crops).copy()
    finally:
        engine.close()


def save(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, []),
        ({"stride": 8}, []),
        ({"batch": 1}, []),
        ({"nhwc": True}, []),
        ({"nhwc": True, "batch": 1, "stride": 8}, []),
        ({"half": True}, []),
        ({"opset": 13}, []),
        ({"opset": 21}, []),
        ({"size": ("h", "w")}, ["--input", "64x48"]),
        ({"size": ("h", "w"), "channels": "c"}, ["--input", "64x48", "--layout", "nchw"]),
        ({"size": (66, 50)}, ["--stride", "4"]),
        ({"k": 16}, ["--skeleton", "mpii16"]),
        ({"stages": 3}, []),
        ({"logits": True}, ["--activation", "sigmoid"]),
    ],
    ids=lambda v: "-".join(f"{k}={x}" for k, x in v.items()) if isinstance(v, dict) else "",
)
def test_a_heatmap_network_gives_the_keypoints_of_plain_numpy(
    changes: dict[str, Any], more: list[str], tmp_path: Path
) -> None:
    foreign, output = tmp_path / "foreign.onnx", tmp_path / "mine.onnx"
    save(heatmap_net(**changes), foreign)
    given = ["--onnx", foreign, "--output", output, "--refine", "none", "--cells", "half"]
    assert wrap(*given, *more) == 0
    crops, nhwc = picture(hw=read_spec(output).input_hw), changes.get("nhwc", False)
    x = feed(crops, nhwc=nhwc)
    (*_, heat) = run_foreign(foreign, x.astype(np.float16) if "half" in changes else x)
    if nhwc:
        heat = heat.transpose(0, 3, 1, 2)
    if "logits" in changes:
        heat = 1 / (1 + np.exp(-heat))
    wanted, stride = peaks(heat), changes.get("stride", 4)
    wanted[..., :2] = (wanted[..., :2] + 0.5) * stride - 0.5
    got = ours(output, crops)
    is_same = np.abs(got - wanted).max(2) < (5e-3 if "half" in changes else 1e-4)
    # In fp16 many of a map's values are equal, and the last digit decides.
    assert is_same.mean() == (pytest.approx(1, abs=0.06) if "half" in changes else 1)


def test_the_result_keeps_the_contract(tmp_path: Path) -> None:
    foreign, output = save(heatmap_net(batch=1), tmp_path / "f.onnx"), tmp_path / "mine.onnx"
    about = ["--licence", "MIT", "--provenance", "made by a test", "--padding", "1.3"]
    assert wrap("--onnx", foreign, "--output", output, *about, "--refine", "dark") == 0
    spec = read_spec(output)
    assert (spec.name, spec.skeleton, spec.input_hw) == ("mine", COCO17, HW)
    assert (spec.box_padding, spec.colour) == (1.3, "rgb")
    np.testing.assert_allclose(spec.mean, [0.485, 0.456, 0.406])
    np.testing.assert_allclose(spec.std, [0.229, 0.224, 0.225])
    assert spec.decoder == "dark, corner cells, stride 4"
    assert spec.weights["licence"] == "MIT"
    assert spec.weights["source"] == "made by a test"
    assert spec.weights["preprocessing"] == "imagenet"
    model = onnx.load(output)
    onnx.checker.check_model(model, full_check=True)
    (crops,), (keypoints,) = model.graph.input, model.graph.output
    assert (crops.name, keypoints.name) == ("crops", "keypoints")
    assert crops.type.tensor_type.elem_type == TensorProto.UINT8
    dims = crops.type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", *HW, 3]
    assert model.graph.node[0].op_type == "Cast"
    assert list(model.graph.node[0].input) == ["crops"]
    assert sum("crops" in node.input for node in model.graph.node) == 1
    assert {node.op_type for node in model.graph.node}.isdisjoint(REFUSED)
    # Index arithmetic stays float: no integer is computed, only looked up with.
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    whole = {v.name for v in inferred if v.type.tensor_type.elem_type == TensorProto.INT64}
    users = {n.op_type for n in model.graph.node if whole & set(n.input)}
    assert users <= {"Cast", "GatherElements", "Expand", "Reshape", "Concat"}
    assert len(list(tmp_path.iterdir())) == 2  # nothing temporary is left


@pytest.mark.parametrize(
    ("cells", "place"),
    # The spot covers cell (7, 9) of 12 x 16, so 4 pixels from (28, 36).
    [("half", (29.5, 37.5)), ("corner", (28.0, 36.0)), ("udp", (7 * 47 / 11, 9 * 63 / 15))],
)
def test_a_red_spot_is_found_where_it_is(
    cells: str, place: tuple[float, float], tmp_path: Path
) -> None:
    """The network looks at red alone: 17 times the mean of 4 x 4 pixels of channel 0."""
    net = Net()
    weight = np.zeros((17, 3, 4, 4), np.float32)
    weight[:, 0] = 1 / 16
    net.const("w", weight)
    net.add("Conv", ["image", "w"], "heat", strides=[4, 4])
    foreign = tmp_path / "f.onnx"
    save(net.model(["n", 3, *HW], {"heat": ["n", 17, 16, 12]}), foreign)
    output = tmp_path / "m.onnx"
    given = ["--onnx", foreign, "--output", output, "--normalise", "unit", "--cells", cells]
    assert wrap(*given, "--refine", "none") == 0
    crops = np.zeros((2, *HW, 3), np.uint8)
    crops[:, 36:40, 28:32] = (0, 0, 204)  # BGR
    crops[:, 8:12, 8:12] = (255, 255, 0)  # brighter, but not red
    got = ours(output, crops)
    np.testing.assert_allclose(got, np.broadcast_to([*place, 0.8], got.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("more", "formula"),
    [
        (["--normalise", "none", "--colour", "bgr"], lambda bgr: bgr),
        (["--normalise", "minus-one-one"], lambda bgr: bgr[..., ::-1] / 127.5 - 1),
        (["--normalise", "caffe"], lambda bgr: bgr - [103.939, 116.779, 123.68]),
        (["--scale", "0.5", "--mean", "1", "2", "3"], lambda b: b[..., ::-1] * 0.5 - [1, 2, 3]),
        (["--std", "2", "--colour", "bgr"], lambda bgr: bgr / 2),
    ],
    ids=["none", "minus-one-one", "caffe", "numbers", "one-number"],
)
def test_pixels_are_normalised_as_asked(more: list[str], formula: Any, tmp_path: Path) -> None:
    """SimCC bins that are the input's means, so that the score shows what was fed."""
    net = Net()
    net.const("w", np.full((17, 3, 64, 48), 1e-5, np.float32) * [[[[1]], [[2]], [[3]]]])
    net.tensors[-1].CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(net.tensors[-1]).astype(np.float32), "w")
    )
    mean = net.add("Conv", ["image", "w"], "mean")
    flat = net.add("Reshape", [mean, net.const("flat", np.array([-1, 17, 1]))], "flat_mean")
    for name, length in (("x", 96), ("y", 128)):
        bins = np.zeros((1, 1, length), np.float32)
        bins[..., 7] = 1e-3
        # Below 0 elsewhere, so that the highest bin is always bin 7.
        net.add("Add", [flat, net.const(f"{name}_bins", bins)], name)
    foreign, output = tmp_path / "f.onnx", tmp_path / "m.onnx"
    save(net.model(["n", 3, *HW], {"x": ["n", 17, 96], "y": ["n", 17, 128]}), foreign)
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    crops = picture()
    values = formula(crops.astype(np.float64)).sum((1, 2)) @ [1e-5, 2e-5, 3e-5] + 1e-3
    got = ours(output, crops)
    np.testing.assert_allclose(got[..., :2], 3.5)
    wanted = np.clip(np.broadcast_to(values[:, None], got.shape[:2]), 0, 1)
    np.testing.assert_allclose(got[..., 2], wanted, atol=1e-3)


def test_simcc_gives_the_highest_bins_and_the_lower_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign, output = save(simcc_net(), tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output) == 0
    said = capsys.readouterr().out
    assert "outputs 'simcc_x' and 'simcc_y' are SimCC along x and y (--simcc)" in said
    assert "2 bins per pixel (--split-ratio)" in said
    crops = picture()
    x, y = run_foreign(foreign, feed(crops))
    got = ours(output, crops)
    np.testing.assert_allclose(got[..., 0], x.argmax(2) / 2)
    np.testing.assert_allclose(got[..., 1], y.argmax(2) / 2)
    score = np.minimum(x.max(2), y.max(2)).clip(0, 1)
    np.testing.assert_allclose(got[..., 2], score, atol=1e-4)
    assert read_spec(output).decoder == "simcc, split ratio 2"


def test_every_guess_is_said_with_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = save(heatmap_net(stages=2, batch=1), tmp_path / "f.onnx")
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx") == 0
    said = capsys.readouterr().out
    for option in (
        *("--skeleton", "--layout", "--heatmaps", "--stride", "--cells", "--refine"),
        *("--normalise", "--colour", "--activation", "--padding"),
    ):
        assert any(line.startswith("guess:") and option in line for line in said.splitlines())
    assert "of the heatmaps map0, map1 the last are taken" in said
    assert "the fixed batch of 1 is made free" in said
    assert onnx.load(tmp_path / "m.onnx").graph.initializer
    assert "net/w0" not in {t.name for t in onnx.load(tmp_path / "m.onnx").graph.initializer}


@pytest.mark.parametrize(
    ("gain", "note"), [(0.01, "mean score is 0.0"), (50.0, "are the outputs logits?")]
)
def test_scores_that_cannot_be_are_pointed_out(
    gain: float, note: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = save(simcc_net(gain=gain), tmp_path / "f.onnx")
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx") == 0
    assert note in capsys.readouterr().out


def test_what_is_given_is_not_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = save(heatmap_net(), tmp_path / "f.onnx")
    config = tmp_path / "wrap.toml"
    config.write_text(
        'name = "theirs"\nskeleton = "coco17"\nlayout = "nchw"\ncolour = "bgr"\n'
        "scale = 1\nmean = [0.0, 0, 0]\nstd = [255, 255, 255]\nstride = 4\n"
        'cells = "half"\nrefine = "dark"\nsigma = 2\nactivation = "none"\npadding = 1.25\n'
    )
    given = ["--onnx", foreign, "--output", tmp_path / "m.onnx", "--config", config]
    assert wrap(*given, "--cells", "corner") == 0
    guesses = [s for s in capsys.readouterr().out.splitlines() if s.startswith("guess:")]
    assert len(guesses) == 1  # which output it is
    spec = read_spec(tmp_path / "m.onnx")
    assert (spec.name, spec.colour) == ("theirs", "bgr")
    assert spec.decoder == "dark, corner cells, stride 4"  # the command line is stronger


def test_a_skeleton_of_ones_own_comes_from_the_config(tmp_path: Path) -> None:
    foreign = save(heatmap_net(k=3), tmp_path / "f.onnx")
    config = tmp_path / "wrap.toml"
    config.write_text(
        'refine = "none"\n[skeleton]\nname = "arm"\nkeypoints = ["hand", "elbow", "shoulder"]\n'
        'limbs = [["hand", "elbow"], [1, 2]]\nsigmas = [0.06, 0.07, 0.08]\n'
    )
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx", "--config", config) == 0
    skeleton = read_spec(tmp_path / "m.onnx").skeleton
    assert skeleton.keypoints == ("hand", "elbow", "shoulder")
    assert skeleton.limbs == ((0, 1), (1, 2))
    assert ours(tmp_path / "m.onnx", picture()).shape == (3, 3, 3)


def test_operators_of_an_older_exporter_are_brought_to_opset_18(tmp_path: Path) -> None:
    """Opset 11 with axes as attributes, weights as inputs, and constants as nodes."""
    net = Net()
    net.const("w", np.random.default_rng(1).standard_normal((34, 3, 8, 8)).astype(np.float32))
    net.const("one", np.ones(34, np.float32))
    net.const("zero", np.zeros(34, np.float32))
    y = net.add("Conv", ["image", "w"], "a", strides=[8, 8])
    y = net.add("BatchNormalization", [y, "one", "zero", "zero", "one"], "b")
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32))
    net.add("Constant", [], "scales", value=scales)
    how = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    y = net.add("Resize", [y, net.const("roi", np.zeros(0, "f4")), "scales"], "c", **how)
    net.nodes.append(helper.make_node("Split", [y], ["d", "rest"], axis=1, split=[17, 17]))
    y = net.add("Squeeze", [net.add("Unsqueeze", ["d"], "e", axes=[0])], "f", axes=[0])
    flat = net.add("Reshape", [y, net.const("s", np.array([0, 17, -1]))], "flat")
    soft = net.add("Softmax", [flat], "soft", axis=2)
    net.add("Reshape", [soft, net.const("t", np.array([0, 17, 16, 12]))], "heat")
    model = net.model(["n", 3, *HW], {"heat": ["n", 17, 16, 12]}, opset=11)
    model.ir_version = 3
    model.graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in net.tensors
    )
    foreign, output = save(model, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    more = ["--refine", "none", "--cells", "corner"]
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    crops = picture()
    session = onnxruntime.InferenceSession(str(foreign), providers=["CPUExecutionProvider"])
    wanted = peaks(session.run(["heat"], {"image": feed(crops)})[0])
    wanted[..., :2] *= 4
    np.testing.assert_allclose(ours(output, crops), wanted, atol=1e-4)
    made = onnx.load(output)
    assert made.opset_import[0].version == 18
    assert not any(node.op_type == "Constant" for node in made.graph.node)


def test_logits_of_simcc_become_scores(tmp_path: Path) -> None:
    foreign, output = save(simcc_net(opset=17), tmp_path / "f.onnx"), tmp_path / "m.onnx"
    more = ["--activation", "sigmoid", "--simcc", "simcc_x", "simcc_y", "--split-ratio", "2"]
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    crops = picture()
    x, y = run_foreign(foreign, feed(crops))
    lower = np.minimum(x.max(2), y.max(2))
    np.testing.assert_allclose(ours(output, crops)[..., 2], 1 / (1 + np.exp(-lower)), atol=1e-4)


def test_simcc_outputs_in_the_wrong_order_are_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = save(simcc_net(), tmp_path / "f.onnx")
    more = ["--simcc", "simcc_y", "simcc_x"]
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx", *more) == 2
    assert "name x first, then y" in capsys.readouterr().err


@pytest.mark.parametrize("y_first", [False, True])
@pytest.mark.parametrize("names", [("simcc_x", "simcc_y"), ("outX:0", "outY:0")])
def test_simcc_axes_of_a_square_crop_are_known_by_their_names(
    names: tuple[str, str], *, y_first: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = simcc_net(hw=(64, 64), names=names, y_first=y_first)
    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output) == 0
    said = f"outputs {names[0]!r} and {names[1]!r} are SimCC along x and y by their names (--simcc)"
    assert said in capsys.readouterr().out
    crops = picture(hw=(64, 64))
    found = run_foreign(foreign, feed(crops))
    x, y = found[::-1] if y_first else found
    got = ours(output, crops)
    np.testing.assert_allclose(got[..., 0], x.argmax(2) / 2)
    np.testing.assert_allclose(got[..., 1], y.argmax(2) / 2)


def test_simcc_axes_of_a_square_crop_without_such_names_must_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = simcc_net(hw=(64, 64), names=("cols", "rows"), y_first=True)
    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output) == 2
    said = capsys.readouterr().err
    assert "is not clear: 'rows' with 'cols', 'cols' with 'rows' fit" in said
    assert "give --simcc X Y" in said
    assert not output.exists()
    assert wrap("--onnx", foreign, "--output", output, "--simcc", "cols", "rows") == 0
    crops = picture(hw=(64, 64))
    y, x = run_foreign(foreign, feed(crops))
    got = ours(output, crops)
    np.testing.assert_allclose(got[..., 0], x.argmax(2) / 2)
    np.testing.assert_allclose(got[..., 1], y.argmax(2) / 2)


UNUSED: list[tuple[str, list[str], str]] = [
    (
        "simcc",
        [
            *("--stride", "7", "--cells", "udp", "--refine", "dark", "--sigma", "3"),
            *("--heatmap-layout", "nhwc"),
        ],
        "SimCC scores do not use --heatmap-layout, --stride, --cells, --refine, --sigma",
    ),
    ("simcc", ["--refine", "none"], "SimCC scores do not use --refine\n"),
    ("heatmaps", ["--split-ratio", "2"], "refinement quarter do not use --split-ratio\n"),
    ("heatmaps", ["--stride", "4", "--cells", "udp"], "of udp cells with refinement quarter do"),
    ("heatmaps", ["--sigma", "2"], "of corner cells with refinement quarter do not use --sigma\n"),
    ("heatmaps", ["--sigma", "2", "--refine", "none"], "refinement none do not use --sigma\n"),
    (
        "heatmaps",
        ["--sigma", "2", "--cells", "udp", "--stride", "4", "--split-ratio", "1"],
        "do not use --split-ratio, --stride, --sigma\n",
    ),
]


@pytest.mark.parametrize(("kind", "more", "fact"), UNUSED)
def test_options_without_effect_are_refused(
    kind: str, more: list[str], fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = simcc_net() if kind == "simcc" else heatmap_net()
    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output, *more) == 2
    said = capsys.readouterr().err
    assert fact in said
    assert "fix: leave" in said
    assert not output.exists()


def test_udp_cells_need_no_stride(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """16 x 12 cells share 66 x 50 pixels unevenly, which udp allows."""
    foreign, output = save(heatmap_net(size=(66, 50)), tmp_path / "f.onnx"), tmp_path / "m.onnx"
    more = ["--heatmaps", "map0", "--cells", "udp", "--refine", "none"]
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    assert "--stride" not in capsys.readouterr().out
    crops = picture(hw=(66, 50))
    wanted = peaks(run_foreign(foreign, feed(crops))[0])
    wanted[..., :2] *= (49 / 11, 65 / 15)
    np.testing.assert_allclose(ours(output, crops), wanted, atol=1e-4)


# A check that compared nothing, or compared what is no number, is no agreement.


def filled(value: float, *, is_map_same: bool = True) -> onnx.ModelProto:
    """Heatmaps of one value; or as bright as the crop, and flat."""
    net = Net()
    net.const("w", np.full((17, 3, *HW), 0.0 if is_map_same else 1e-6, np.float32))
    mean = net.add("Conv", ["image", "w"], "mean")
    net.add("Add", [mean, net.const("flat", np.full((1, 17, 16, 12), value, "f4"))], "heat")
    return net.model(["n", 3, *HW], {"heat": ["n", 17, 16, 12]})


def peaked() -> onnx.ModelProto:
    """Heatmaps with a clear peak, which is the same for every crop."""
    model = filled(0.5)
    (flat,) = (t for t in model.graph.initializer if t.name == "flat")
    value = numpy_helper.to_array(flat).copy()
    value[..., 7, 5] = 0.9
    flat.CopyFrom(numpy_helper.from_array(value, "flat"))
    return model


USELESS: list[tuple[str, onnx.ModelProto, list[str], str, str]] = [
    (
        *("constant", filled(0.5), []),
        *("output 'heat' is constant: the same for all 8 crops", "--check-source"),
    ),
    ("fixed peak", peaked(), [], "output 'heat' is constant", "--check-source"),
    ("flat", filled(0.5, is_map_same=False), [], "nothing could be compared", "--check-source"),
    ("one crop", filled(0.5), ["--check-crops", "1"], "on none of 1 crops does", "--check-source"),
    ("saturated", simcc_net(gain=0.0), [], "'simcc_x' and 'simcc_y' is constant", "--normalise"),
    ("NaN weights", filled(np.nan), [], "'heat' of the network holds numbers", "--normalise"),
    ("infinite", filled(np.inf), [], "'heat' of the network holds numbers", "--normalise"),
    ("NaN scores", simcc_net(gain=np.nan), [], "'simcc_x' of the network holds", "--normalise"),
    ("NaN mean", filled(0.5), ["--mean", "nan"], "nor anything infinite", "docs"),
    ("NaN std", filled(0.5), ["--std", "1", "nan", "1"], "nor anything infinite", "docs"),
    ("tiny std", filled(0.5), ["--std", "1e-40"], "is more than float32 can hold", "--std"),
    (
        *("fp16 overflow", heatmap_net(half=True), ["--scale", "1e4"]),
        *("pixels are more than float16 can hold", "--scale"),
    ),
]


@pytest.mark.parametrize(
    ("made", "more", "fact", "fix"), [u[1:] for u in USELESS], ids=[u[0] for u in USELESS]
)
def test_a_check_that_proves_nothing_is_an_error(
    made: onnx.ModelProto,
    more: list[str],
    fact: str,
    fix: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from steadypose.export.wrap_onnx import main

    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    given = ["--onnx", str(foreign), "--output", str(output), "--check-crops", "8"]
    assert main([*given, *more]) == 2
    said = capsys.readouterr()
    assert fact in said.err
    assert fix in said.err.partition("fix: ")[2]
    assert "agrees" not in said.out
    assert not output.exists()


@pytest.mark.parametrize("kind", ["heatmaps", "simcc"])
def test_openvino_and_onnxruntime_agree_on_a_wrapped_network(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    made = simcc_net() if kind == "simcc" else heatmap_net(nhwc=True, batch=1)
    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    more = [] if kind == "simcc" else ["--refine", "none"]
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    crops = picture()
    np.testing.assert_allclose(ours(output, crops, "openvino"), ours(output, crops), atol=2e-2)


@pytest.mark.rtx
@pytest.mark.parametrize("kind", ["heatmaps", "simcc"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt_builds_a_wrapped_network(
    kind: str, precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.export.build_trt import main as build

    made = simcc_net() if kind == "simcc" else heatmap_net(nhwc=True, batch=1)
    foreign, output = save(made, tmp_path / "f.onnx"), tmp_path / "m.onnx"
    more = [] if kind == "simcc" else ["--refine", "dark"]
    assert wrap("--onnx", foreign, "--output", output, *more) == 0
    given = ["--flavor", "tensorrt-rtx", "--onnx", str(output), "--precision", precision]
    done = build([*given, "--output", str(tmp_path / "m.engine")])
    assert done == 0, capsys.readouterr().err
    assert (tmp_path / "m.engine").exists()


def test_weights_beside_the_file_come_inside(tmp_path: Path) -> None:
    foreign, output = tmp_path / "f.onnx", tmp_path / "m" / "m.onnx"
    onnx.save(
        simcc_net(opset=17), foreign, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert (tmp_path / "w.bin").exists()
    assert wrap("--onnx", foreign, "--output", output) == 0
    (tmp_path / "w.bin").unlink()
    assert ours(output, picture()).shape == (3, 17, 3)


# What cannot be wrapped is a sentence, and no file.

MISTAKES: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("wrong K", {"k": 14}, [], "no output has the 17 keypoints of coco17; for one crop 'map0'"),
    ("skeleton", {}, ["--skeleton", "mpii16"], "no output has the 16 keypoints of mpii16"),
    ("output name", {}, ["--heatmaps", "nose"], "there is no output 'nose'; for one crop 'map0'"),
    ("simcc names", {}, ["--simcc", "map0", "y"], "there is no output 'y'"),
    ("not simcc", {"stages": 2}, ["--simcc", "map0", "map1"], "no output holds heatmaps or SimCC"),
    ("simcc twice", {}, ["--simcc", "map0", "map0"], "simcc names 'map0' twice"),
    ("layout", {}, ["--layout", "nhwc"], "is not nhwc"),
    ("no size", {"size": ("h", "w")}, [], "has a free size"),
    ("size", {}, ["--input", "128x96"], "has the fixed size 64x48"),
    ("no layout", {"size": ("h", "w"), "channels": "c"}, [], "does not show where its 3 channels"),
    ("uneven", {"size": (66, 50)}, [], "no output holds heatmaps or SimCC scores that fit"),
    ("small", {"size": (64, 16)}, [], "heatmaps of 16x4 cells are too small"),
    ("both", {}, ["--normalise", "unit", "--std", "2"], "both a shorthand and numbers"),
    ("zero", {}, ["--std", "0"], "must not be zero"),
    ("padding", {}, ["--padding", "9"], "is not between 1 and 4"),
    ("mean", {}, ["--mean", "1", "2"], "has 2 numbers"),
    ("two kinds", {}, ["--heatmaps", "a", "--simcc", "a", "b"], "outputs of several kinds"),
    ("short form", {}, ["--strid", "4"], "unrecognized arguments: --strid 4"),
    ("source", {}, ["--check-source", "nowhere.mp4"], "nowhere.mp4"),
]


@pytest.mark.parametrize(("changes", "more", "fact"), [m[1:] for m in MISTAKES],
                         ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_what_does_not_fit_is_a_sentence_with_a_fix(
    changes: dict[str, Any],
    more: list[str],
    fact: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    foreign, output = save(heatmap_net(**changes), tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output, *more) == 2
    said = capsys.readouterr().err
    assert fact in said
    assert "fix: " in said
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (None, "there is no file"),
        (b"", "is not an ONNX file, or is damaged"),
        (b"GIF89a not a network at all", "is not an ONNX file, or is damaged"),
        ("half", "is not an ONNX file, or is damaged"),
        ("ours", "is already a steadypose model file"),
    ],
)
def test_a_file_that_is_no_foreign_network_is_a_sentence(
    content: Any, fact: str, tmp_path: Path, tiny_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "f.onnx"
    if content == "half":
        data = heatmap_net().SerializeToString()
        foreign.write_bytes(data[: len(data) // 2])
    elif content is not None:
        foreign.write_bytes(tiny_path.read_bytes() if content == "ours" else content)
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx") == 2
    assert fact in capsys.readouterr().err


@pytest.mark.parametrize(("batch", "is_mixed"), [(1, False), (4, False), (4, True)])
def test_a_batch_that_is_written_into_a_network_is_freed_if_pictures_stay_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], batch: int, *, is_mixed: bool
) -> None:
    """Its reshape has the batch written into it, and would mix the pictures."""
    net = Net()
    net.const("w", np.random.default_rng(0).standard_normal((17, 3, 4, 4)).astype(np.float32))
    y = net.add("Conv", ["image", "w"], "maps", strides=[4, 4])
    last = net.add("Reshape", [y, net.const("s", np.array([batch, 17, -1, 12]))], "heat")
    if is_mixed:  # four different signs: any picture alone, four times, comes out as it is
        net.const("signs", np.array([1, 1, 1, -1], np.float32).reshape(batch, 1, 1, 1))
        last = net.add("Mul", [last, "signs"], "signed")
    foreign = tmp_path / "f.onnx"
    save(net.model([batch, 3, *HW], {last: [batch, 17, 16, 12]}), foreign)
    status = wrap("--onnx", foreign, "--output", tmp_path / "m.onnx")
    said = capsys.readouterr()
    if is_mixed:
        assert status == 2
        assert "does not work with a free batch: it takes batches of 4 only" in said.err
        assert "dynamic batch" in said.err
    else:
        assert status == 0
        assert f"the fixed batch of {batch} is made free" in said.out
        inputs = feed(crops := picture(count=4))
        maps = run_foreign(foreign, inputs[:batch])[0]
        wanted = peaks(maps)[:, :, :2] * 4
        found = ours(tmp_path / "m.onnx", crops)[:batch, :, :2]
        np.testing.assert_allclose(found, wanted, atol=1.1)  # refined by a quarter of a cell


def test_a_network_that_mixes_its_batch_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = Net()
    net.const("w", np.random.default_rng(0).standard_normal((17, 3, 4, 4)).astype(np.float32))
    y = net.add("Conv", ["image", "w"], "maps", strides=[4, 4])
    mean = net.add("ReduceMean", [y, net.const("axes", np.array([0]))], "mean", keepdims=1)
    net.add("Sub", [y, net.add("Mul", [mean, net.const("h", np.float32(0.5))], "part")], "heat")
    foreign = tmp_path / "f.onnx"
    save(net.model(["n", 3, *HW], {"heat": ["n", 17, 16, 12]}), foreign)
    assert wrap("--onnx", foreign, "--output", tmp_path / "m.onnx") == 2
    assert "a batch of 2 returns another heat than single images" in capsys.readouterr().err


def test_unknown_entries_of_the_config_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = save(heatmap_net(), tmp_path / "f.onnx")
    config = tmp_path / "c.toml"
    for text, fact in (
        ("color = 'rgb'", "has no entry 'color'"),
        ("colour = 'red'", "invalid choice: 'red'"),
        ("mean = [[1]]", "mean cannot be [[1]]"),
        ("stride = true", "stride cannot be True"),
        ("stride =", "is no TOML"),
        ("[skeleton]\nname = 'x'", "the skeleton has no 'keypoints'"),
        ("[skeleton]\nbones = 1", "has no entry 'bones'"),
        ("[skeleton]\nname='x'\nkeypoints=['a']\nsigmas=[1]\nlimbs=[['a','b']]", "not in list"),
        ("[skeleton]\nname='x'\nkeypoints=['a']\nsigmas=[1, 2]", "needs 1 positive sigmas"),
    ):
        config.write_text(text)
        given = ["--onnx", foreign, "--output", tmp_path / "m.onnx", "--config", config]
        assert wrap(*given) == 2
        assert fact in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = save(simcc_net(), tmp_path / "f.onnx")
    (tmp_path / "file").write_text("not a folder")
    assert wrap("--onnx", foreign, "--output", tmp_path / "file" / "m.onnx") == 2
    assert "cannot write" in capsys.readouterr().err
    assert wrap("--onnx", foreign, "--output", foreign) == 2
    assert "would be destroyed" in capsys.readouterr().err


def test_a_wrong_wrapping_would_be_noticed(tmp_path: Path) -> None:
    """The check is no formality: another feed, or another reading, does not pass."""
    from dataclasses import replace

    from steadypose.engines.errors import ModelFileError
    from steadypose.export.wrap.check import check_wrapped
    from steadypose.export.wrap.feed import choose_feed
    from steadypose.export.wrap.network import open_network
    from steadypose.export.wrap.options import WrapOptions
    from steadypose.export.wrap.output.choice import choose_reading
    from steadypose.export.wrap.output.reading import HeatmapReading

    foreign, output = save(heatmap_net(), tmp_path / "f.onnx"), tmp_path / "m.onnx"
    assert wrap("--onnx", foreign, "--output", output, "--refine", "dark") == 0
    options = WrapOptions(refine="dark")
    network = open_network(foreign, options, [])
    reading = choose_reading(network, COCO17, options, [])
    given = choose_feed(network, options, [])
    assert isinstance(reading, HeatmapReading)
    data, crops = output.read_bytes(), picture(count=6)
    _, compared, _ = check_wrapped(data, network, given, reading, crops)
    assert compared > 60
    for feeding, read in (
        (replace(given, colour="bgr"), reading),
        (given, replace(reading, offset_xy=(1.5, 1.5))),
        (given, replace(reading, refine="none")),
    ):
        with pytest.raises(ModelFileError, match="differs from the network"):
            check_wrapped(data, network, feeding, read, crops)


# The whole way, in processes of their own.


def run_in_app(model: Path, folder: Path) -> list[dict[str, str]]:
    command = [sys.executable, "run.py", "--source", "demo", "--headless", "--max-frames", "5"]
    command += ["--model", str(model), "--backend", "onnxruntime", "--threads", "1"]
    done = subprocess.run(
        [*command, "--csv", str(folder / "out.csv")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    with (folder / "out.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras-like", "simcc"])
def test_the_app_runs_a_wrapped_network(kind: str, tmp_path: Path) -> None:
    foreign, output = tmp_path / "f.onnx", tmp_path / "m.onnx"
    save(simcc_net() if kind == "simcc" else heatmap_net(nhwc=True, k=16), foreign)
    more = [] if kind == "simcc" else ["--skeleton", "mpii16", "--refine", "none"]
    done = subprocess.run(
        [sys.executable, "export/wrap_onnx.py", "--onnx", foreign, "--output", output, *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = run_in_app(output, tmp_path)
    assert rows
    names = (COCO17 if kind == "simcc" else MPII16).keypoints
    assert all(f"{name}_x" in rows[0] for name in names)


KERAS = """
import sys
import tensorflow as tf
import tf2onnx

keras = tf.keras
base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(128, 96, 3))
x = base.output
for _ in range(3):
    x = keras.layers.Conv2DTranspose(256, 4, strides=2, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
network = keras.Model(base.input, keras.layers.Conv2D(17, 1)(x))
signature = [tf.TensorSpec((None, 128, 96, 3), tf.float32, name="image")]
function = tf.function(lambda image: network(image, training=False), input_signature=signature)
tf2onnx.convert.from_function(
    function, input_signature=signature, opset=17, output_path=sys.argv[1]
)
"""


@pytest.mark.slow
def test_a_keras_simple_baseline_goes_through_tf2onnx(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow", exc_type=ImportError)
    pytest.importorskip("tf2onnx")
    foreign, output = tmp_path / "keras.onnx", tmp_path / "m.onnx"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(  # not in this process: TensorFlow and torch disagree about libraries
        [sys.executable, "-c", KERAS, str(foreign)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    exact = ("--refine", "none")
    assert wrap("--onnx", foreign, "--output", output, "--normalise", "caffe", *exact) == 0
    said = capsys.readouterr().out
    assert "is nhwc (--layout)" in said
    assert "17 heatmaps of 32x24 cells, nhwc" in said
    assert "stride 4" in said
    assert read_spec(output).colour == "bgr"
    crops = picture(hw=(128, 96))
    bgr = crops.astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    (heat,) = run_foreign(foreign, bgr)
    got = ours(output, crops)
    np.testing.assert_allclose(got[..., 2], heat.max((1, 2)).clip(0, 1), atol=1e-3)
    x, y = (got[..., :2] / 4).astype(int).transpose(2, 0, 1)
    there = heat[np.arange(3)[:, None], y, x, np.arange(17)]
    np.testing.assert_allclose(there, heat.max((1, 2)), atol=1e-3 * np.ptp(heat))
