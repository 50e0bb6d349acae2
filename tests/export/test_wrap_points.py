"""Networks that output coordinates: of one person, or of many candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.checking.pck import demo_truth, told_places
from steadypose.export.wrap.output.points import are_points
from steadypose.realtime.model.places import ROOT
from tests.conftest import TINY_SPEC
from tests.export.test_wrap_onnx import HW, Net, save, wrap

pytestmark = pytest.mark.export
K = 17
RNG = np.random.default_rng(11)
XY = RNG.uniform((4, 4), (HW[1] - 4, HW[0] - 4), (K, 2)).astype(np.float32)


def point_net(
    numbers: NDArray[np.float32],
    shape: tuple[int, ...],
    *,
    kind: int = TensorProto.FLOAT,
    is_bound: bool = False,
    batch: int | str = "n",
    more: tuple[float, ...] = (),
) -> onnx.ModelProto:
    """``numbers`` plus the mean brightness of a picture (0 to 1), in a shape; NHWC.

    Args:
        numbers: What it outputs for black.
        shape: Of a picture's output.
        kind: Of the input.
        is_bound: The batch of 1 is written into what is no Reshape, too.
        batch: Of the input.
        more: Numbers of a second output.
    """
    net = Net()
    net.const("full", np.float32(255 * 50))
    net.const("axes", np.array([1, 2, 3], np.int64))
    net.const("numbers", numbers.reshape(1, -1).astype(np.float32))
    net.const("shape", np.array([1 if batch == 1 else -1, *shape], np.int64))
    net.const("row", np.array([1 if batch == 1 else -1, 1], np.int64))
    net.add("Cast", ["image"], "floats", to=TensorProto.FLOAT)
    net.add("ReduceMean", ["floats", "axes"], "mean", keepdims=1)
    net.add("Reshape", ["mean", "row"], "flat")
    net.add("Div", ["flat", "full"], "small")
    net.add("Add", ["small", "numbers"], "sum")
    last = net.add("Reshape", ["sum", "shape"], "points")
    outputs: dict[str, Any] = {last: [batch, *shape]}
    if is_bound:
        net.const("one", np.zeros((1, *shape), np.float32))
        net.add("Concat", ["points", "one"], "two", axis=0)
        net.const("zero", np.array([0], np.int64))
        last = net.add("Gather", ["two", "zero"], "first", axis=0)
        outputs = {last: [1, *shape]}
    if more:
        net.const("others", np.array([more], np.float32))
        net.add("Add", ["small", "others"], "person")
        outputs["person"] = [batch, len(more)]
    graph = helper.make_graph(
        net.nodes,
        "foreign",
        [helper.make_tensor_value_info("image", kind, [batch, *HW, 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        net.tensors,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def points(order: str, xy: NDArray[np.float32] = XY, score: float = 0.8) -> NDArray[np.float32]:
    columns = {"x": xy[:, 0], "y": xy[:, 1], "s": np.full(len(xy), score), "-": np.full(len(xy), 9)}
    return np.stack([columns[letter] for letter in order], axis=1).astype(np.float32)


def told(path: Path, backend: str = "onnxruntime") -> NDArray[np.float32]:
    engine = open_engine(path, backend=backend, options=EngineOptions("fp32", 1)).engine
    try:
        return engine.infer(np.zeros((2, *HW, 3), np.uint8)).copy()
    finally:
        engine.close()


def made(tmp_path: Path, model: onnx.ModelProto, *more: object) -> Path:
    path = save(model, tmp_path / "f.onnx")
    given = ("--onnx", path, "--output", tmp_path / "w.onnx", "--normalise", "none")
    assert wrap(*given, *more) == 0
    return tmp_path / "w.onnx"


@pytest.mark.parametrize(
    ("order", "shape", "words"),
    [
        ("xys", (K, 3), ()),
        ("xys", (1, K, 3), ("--point", "xys")),
        ("yxs", (1, K, 3), ("--point", "yxs")),
        ("xys", (K * 3,), ()),
        ("xy", (K, 2), ()),
        ("xy", (K * 2, 1), ()),
        ("x-ys-", (K * 5,), ("--points", "points", "--point", "x-ys-")),
    ],
)
def test_one_persons_numbers_are_read_in_their_order(
    tmp_path: Path, order: str, shape: tuple[int, ...], words: tuple[str, ...]
) -> None:
    path = made(tmp_path, point_net(points(order), shape), *words)
    found = told(path)
    np.testing.assert_allclose(found[1, :, :2], XY, atol=1e-3)
    np.testing.assert_allclose(found[..., 2], 0.8 if "s" in order else 1.0, atol=1e-3)
    told_so = read_spec(path).decoder.startswith("coordinates")
    assert told_so == ("s" not in order)  # the app says that everything looks like a person


def test_shares_of_the_crop_begin_at_its_edge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = ((XY + 0.5) / (HW[1], HW[0])).astype(np.float32)
    path = made(tmp_path, point_net(points("yxs", shares), (1, K, 3)))
    np.testing.assert_allclose(told(path)[0, :, :2], XY, atol=1e-2)
    said = capsys.readouterr()
    assert "coordinates are shares of the crop (--unit)" in said.out + said.err
    assert "the numbers of a point are yxs (--point)" in said.out + said.err


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT32])
@pytest.mark.parametrize("is_bound", [False, True])
def test_whole_numbers_and_a_bound_batch_are_fed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: int, *, is_bound: bool
) -> None:
    model = point_net(points("xys"), (K, 3), kind=kind, is_bound=is_bound, batch=1)
    path = save(model, tmp_path / "f.onnx")
    given = ("--onnx", path, "--output", tmp_path / "w.onnx")
    assert wrap(*given) == 0
    said = capsys.readouterr().out
    assert ("one after another" in said) == is_bound
    assert "whole numbers are pixels of 0 to 255" in said
    for backend in ("onnxruntime", "openvino"):
        pytest.importorskip(backend)
        found = told(tmp_path / "w.onnx", backend)
        np.testing.assert_allclose(found[1, :, :2], XY, atol=1e-3)
    assert wrap(*given, "--normalise", "imagenet") == 2
    assert "takes" in (error := capsys.readouterr().err)
    assert "makes fractions" in error


def candidates(row: int, first: int, count: int = 40, sure: float = 0.9) -> NDArray[np.float32]:
    """Rows of a detector: one is sure, the others are not and lie elsewhere."""
    rows = RNG.uniform(0, 40, (count, row)).astype(np.float32)
    rows[:, 4:first] = RNG.uniform(0, 0.3, (count, first - 4))  # classes, where rows come last
    rows[7, 4] = sure
    rows[7, first:] = points("xys").ravel()
    return rows


@pytest.mark.parametrize(("row", "first"), [(5 + 3 * K, 5), (6 + 3 * K, 6)])
@pytest.mark.parametrize("is_last", [True, False])
@pytest.mark.parametrize(("sure", "score"), [(0.9, 0.8), (0.5, 0.5)])
def test_of_many_candidates_the_most_certain_is_taken(
    tmp_path: Path, row: int, first: int, sure: float, score: float, *, is_last: bool
) -> None:
    rows = candidates(row, first, sure=sure)
    numbers = rows if is_last else np.ascontiguousarray(rows.T)
    path = made(tmp_path, point_net(numbers, numbers.shape))
    found = told(path)
    np.testing.assert_allclose(found[1, :, :2], XY, atol=1e-3)
    # A person that is hardly one has no certain keypoints.
    np.testing.assert_allclose(found[..., 2], score, atol=1e-3)


def test_a_persons_score_stands_in_another_output(tmp_path: Path) -> None:
    logits = points("xys", score=2.0)
    model = point_net(logits, (K, 3), more=(0.3,))
    words = ("--activation", "sigmoid", "--points", "points")
    alone = told(made(tmp_path, model, *words))
    np.testing.assert_allclose(alone[..., 2], 1 / (1 + np.exp(-2.0)), atol=1e-3)
    (tmp_path / "w.onnx").unlink()
    both = told(made(tmp_path, model, *words, "--person-score", "person"))
    np.testing.assert_allclose(both[..., 2], 0.3, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--points", "points", "--heatmaps", "x"), "several kinds"),
        (("--point", "xyy"), "is not x, y and perhaps s"),
        (("--point", "sy"), "is not x, y and perhaps s"),
        (("--points", "nothing"), "there is no output 'nothing'"),
        (("--points", "points", "--point", "xy--s-"), "does not hold 17 points of 6"),
        (("--points", "points", "--person-score", "points"), "not a person's one score"),
        (("--stride", "4"), "coordinates do not use --stride"),
        (("--skeleton", "hand21"), "no output has the 21 keypoints"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    path = save(point_net(points("xys"), (K, 3)), tmp_path / "f.onnx")
    assert wrap("--onnx", path, "--output", tmp_path / "w.onnx", *words) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "w.onnx").exists()


@pytest.mark.parametrize(
    "shape",
    [
        *((1, 56, 100), (1, 8400, 56), (1, 57, 8400), (1, 300, 57), (1, 17, 3), (1, 1, 17, 3)),
        *((1, 34), (1, 51), (1, 17, 2)),
    ],
)
def test_outputs_with_coordinates_are_known_by_their_shape(shape: tuple[int, ...]) -> None:
    assert are_points(shape, K)


def test_bins_are_not_taken_for_candidates() -> None:
    """SimCC scores of 30 keypoints and 95 bins have as many numbers as a row of a detector."""
    assert not are_points((1, 30, 95), 30)
    assert are_points((1, 40, 95), 30)


def test_numbers_without_a_score_cannot_have_its_activation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(point_net(points("xy"), (K, 2)), tmp_path / "f.onnx")
    words = ("--onnx", path, "--output", tmp_path / "w.onnx", "--activation", "sigmoid")
    assert wrap(*words) == 2
    assert "coordinates do not use --activation" in capsys.readouterr().err


def answer(spec: Any, change: Any) -> bytes:
    """A model file that knows the demo: each crop's truth, changed; a table by brightness."""
    crops, places, _ = demo_truth(spec, count=60)
    keys = crops.reshape(len(crops), -1).astype(np.float64).mean(axis=1).astype(np.float32)
    table = np.concatenate((change(places), np.full((60, K, 1), 0.9)), axis=2).astype(np.float32)
    net = Net()
    net.const("axes", np.array([1, 2, 3], np.int64))
    net.const("keys", -keys[None])
    net.const("one", np.array([1], np.int64))
    net.const("table", table)
    net.const("column", np.array([-1, 1], np.int64))
    net.add("Cast", ["image"], "f", to=TensorProto.FLOAT)
    net.add("ReduceMean", ["f", "axes"], "m", keepdims=1)
    net.add("Reshape", ["m", "column"], "c")
    net.add("Add", ["c", "keys"], "d")
    net.add("Abs", ["d"], "a")
    net.add("ArgMin", ["a"], "i", axis=1, keepdims=0)
    net.add("Gather", ["table", "i"], "keypoints", axis=0)
    graph = helper.make_graph(
        net.nodes,
        "known",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *spec.input_hw, 3])],
        [helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["n", K, 3])],
        net.tensors,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    made.graph.input[0].name = "crops"
    made.graph.node[0].input[0] = "crops"
    return made.SerializeToString()


def test_the_proof_on_pictures_tells_what_agreement_cannot() -> None:
    """Agreeing within 0.0000 px with a network whose x and y are exchanged proves nothing."""
    import dataclasses

    spec = dataclasses.replace(TINY_SPEC, input_hw=(96, 96))
    (line,) = told_places(answer(spec, lambda xy: xy), spec)
    assert "PCK@0.2 1.000, PCK@0.05 1.000 of 17 keypoints, mean score 0.900" in line
    _, note = told_places(answer(spec, lambda xy: xy[..., ::-1]), spec)
    assert "would be 1.000 if x and y were exchanged (--point)" in note
    order = list(COCO17.flip_order)
    _, note = told_places(answer(spec, lambda xy: xy[:, order]), spec)
    assert "if left and right were exchanged" in note
    _, note = told_places(answer(spec, lambda xy: xy + 30), spec)
    assert "are the guesses right" in note
    other = Skeleton("o", tuple(f"p{n}" for n in range(K)), (), (), (0.1,) * K)
    (note,) = told_places(b"", dataclasses.replace(spec, skeleton=other))
    assert "not proved on pictures" in note


def test_the_document_has_the_options_that_were_measured() -> None:
    """The table of the document comes from these options; the real files are not here."""
    from benchmarks.accuracy.foreign import NETWORKS

    page = (ROOT / "docs" / "foreign_models.md").read_text().replace("\\\n", " ")
    lines = [set(line.split()) for line in page.splitlines() if "export/wrap_onnx.py" in line]
    for file, words in NETWORKS.values():
        assert any({f"out/foreign/{file}", *words.split()} <= line for line in lines), file
