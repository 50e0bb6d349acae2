"""From a folder of labelled pictures to an engine, with a skeleton nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.spec import ModelSpec
from tests.conftest import tiny_model
from tests.support.drawn import look_at
from tests.training.made_up import NAMES, coco_file

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")
pytest.importorskip("pycocotools")

CONFIG = """
name = "arrows"
[network]
deconv = [32, 32, 32]
[augment]
half_body = 0.0
rotation = 10.0
[[train]]
kind = "coco"
annotations = "train/labels.json"
[[validate]]
kind = "coco"
annotations = "test/labels.json"
[[stage]]
input = [64, 64]
sigma = 1.5
batch = 16
epochs = 12
rate = 2e-3
warmup = 10
average = 0.9
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with arrows, a config, weights trained on them and their model file."""
    from steadypose.export.export_onnx import main as export
    from training.train import main as train

    folder = tmp_path_factory.mktemp("arrows")
    coco_file(folder / "train", count=160, seed=1)
    coco_file(folder / "test", count=24, seed=2)
    (folder / "arrows.toml").write_text(CONFIG)
    out = folder / "run"
    done = train(
        ["--config", str(folder / "arrows.toml"), "--out", str(out), "--workers", "0", "--quiet"]
    )
    assert done == 0
    given = ["--weights", str(out / "weights.pt"), "--output", str(folder / "arrows.onnx")]
    assert export([*given, "--check-source", str(folder / "test"), "--check-crops", "8"]) == 0
    return folder


def evaluate(*arguments: str) -> int:
    from training.evaluate import main

    return main(list(arguments))


@pytest.mark.slow
def test_a_skeleton_of_ones_own_reaches_an_engine(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.engines.model_file import read_spec

    spec = read_spec(trained / "arrows.onnx")
    assert spec.skeleton.keypoints == NAMES
    assert spec.name == "arrows"
    labels = str(trained / "test" / "labels.json")
    sheet = trained / "worst.png"
    assert evaluate(str(trained / "arrows.onnx"), "--coco", labels, "--sheet", str(sheet)) == 0
    said = capsys.readouterr().out
    pck = float(said.split("PCK@0.2 ")[1].split()[0])
    precision = float(said.split("AP ")[1].split(",")[0])
    assert pck > 0.5  # a keypoint within 3 px of a 64 px crop
    assert precision > 0.1
    assert "| left_barb | 24 |" in said
    drawn = look_at(sheet)
    assert drawn is not None
    assert drawn.shape == (2 * (192 + 16), 10 * 192, 3)  # the twenty worst


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0.1, 0.2, 0.8, 0.7]], "boxes between 0 and 1"),
        ([[10, 20, 110, 101]], "fit as x1, y1, x2, y2"),
        ([[60, 20, 110, 100], [10, 20, 80, 110]], "fit as x1, y1, x2, y2"),
    ],
)
def test_detections_in_another_form_are_said(
    tmp_path: Path, boxes: list[list[float]], message: str
) -> None:
    from steadypose.engines.errors import SourceError
    from training.datasets.coco import CocoDataset
    from training.measures.coco_eval import load_detections

    dataset = CocoDataset(coco_file(tmp_path, count=2))  # 120 x 120
    path = tmp_path / "boxes.json"
    one = {"image_id": 1, "category_id": 7, "score": 0.9}
    path.write_text(json.dumps([{**one, "bbox": box} for box in boxes]))
    with pytest.raises(SourceError, match=message):
        load_detections(path, dataset=dataset)
    good = [[2, 3, 40, 50], [0, 0, 121, 120], [30, 30, 95, 60]]  # some leave it a little
    path.write_text(json.dumps([{**one, "bbox": box} for box in good]))
    assert len(load_detections(path, dataset=dataset)) == 3


@pytest.mark.slow
def test_weights_in_torch_measure_as_the_model_file(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = str(trained / "test" / "labels.json")
    scores = []
    for model, more in (("arrows.onnx", ["--precision", "fp32"]), ("run/weights.pt", [])):
        assert evaluate(str(trained / model), "--coco", labels, *more) == 0
        scores.append(float(capsys.readouterr().out.split("PCK@0.2 ")[1].split()[0]))
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


@pytest.mark.slow
def test_backends_are_compared_with_a_model_files_own_weights_in_torch(
    trained: Path, tmp_path: Path
) -> None:
    from benchmarks.accuracy.parity import main

    out, model = tmp_path / "parity.md", str(trained / "arrows.onnx")
    given = ["--onnx", model, "--weights", model, "--source", str(trained / "test")]
    assert main([*given, "--count", "16", "--output", str(out)]) == 0
    first, *rows = [row for row in out.read_text().splitlines() if row.startswith("| ")][1:]
    assert first.startswith("| torch ")
    assert first.endswith(" | 0.000 | 0.000 | 0.00 | 0.0000 |")
    fp32 = next(row for row in rows if "openvino fp32" in row)
    assert max(float(cell) for cell in fp32.split("|")[2:4]) < 0.01
    assert "remote" not in out.read_text()  # there is no server to compare with


@pytest.mark.slow
def test_boxes_of_a_detector_and_the_flip_test(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((trained / "test" / "labels.json").read_text())
    boxes = [
        {"image_id": a["image_id"], "category_id": 7, "bbox": a["bbox"], "score": 0.5}
        for a in data["annotations"]
    ]
    boxes.append({"image_id": 999, "category_id": 7, "bbox": [0, 0, 5, 5], "score": 1.0})
    (trained / "boxes.json").write_text(json.dumps(boxes))
    model, labels = str(trained / "arrows.onnx"), str(trained / "test" / "labels.json")
    given = ["--detections", str(trained / "boxes.json"), "--flip-test"]
    assert evaluate(model, "--coco", labels, *given) == 0
    said = capsys.readouterr().out
    assert "boxes of boxes.json" in said
    assert "flip test on" in said
    (trained / "boxes.json").write_text("[{}]")
    assert evaluate(model, "--coco", labels, *given) == 2
    assert "no COCO list of detections" in capsys.readouterr().err


@pytest.mark.slow
def test_the_app_runs_a_skeleton_of_ones_own(trained: Path) -> None:
    from tests.realtime.app.test_cli import run

    done = run(
        "--source", str(trained / "test"), "--model", str(trained / "arrows.onnx"), "--headless",
        "--csv", str(trained / "out.csv"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "left_barb_x" in (trained / "out.csv").read_text().splitlines()[0]


def test_perfect_results_have_an_average_precision_of_one(tmp_path: Path) -> None:
    from training.datasets.coco import CocoDataset
    from training.measures.coco_eval import STATISTICS, average_precision

    path = coco_file(tmp_path, count=5)
    data = json.loads(path.read_text())
    truth = CocoDataset(path)
    exact = [
        {
            "image_id": a["image_id"],
            "category_id": 7,
            "keypoints": [v if i % 3 < 2 else 1.0 for i, v in enumerate(a["keypoints"])],
            "score": 1.0,
        }
        for a in data["annotations"]
    ]
    found = average_precision(truth, exact, sigmas=[0.08] * 4)
    assert tuple(found) == STATISTICS
    assert found["AP"] == pytest.approx(1.0)
    # OKS of a keypoint d pixels off is exp(-d² / (2 area (2 sigma)²)); at 0.6 the thresholds
    # 0.5 and 0.55 hold and the other eight (0.6 itself is just missed) do not.
    for result, a in zip(exact, data["annotations"], strict=True):
        off = float(np.sqrt(-np.log(0.599) * 2 * a["area"] * (2 * 0.08) ** 2))
        result["keypoints"] = [
            v + off if i % 3 == 0 else v for i, v in enumerate(result["keypoints"])
        ]
    assert average_precision(truth, exact, sigmas=[0.08] * 4)["AP"] == pytest.approx(0.2)


def test_average_precision_counts_missed_pictures_and_false_alarms(tmp_path: Path) -> None:
    from training.datasets.coco import CocoDataset
    from training.measures.coco_eval import average_precision

    path = coco_file(tmp_path, count=10)
    data = json.loads(path.read_text())
    kind = data["categories"][0]
    data["categories"].append({**kind, "id": 8, "name": "other"})
    for number, annotation in enumerate(data["annotations"]):
        annotation["id"] = number  # from 0, which pycocotools takes for unmatched
        annotation.pop("bbox")
        annotation["area"] = None
    data["annotations"].append({**data["annotations"][0], "id": 77, "category_id": 8})
    data["images"].append({"id": 99, "file_name": "0.png", "width": 120, "height": 120})
    path.write_text(json.dumps(data))
    truth = CocoDataset(path, category="arrow")

    def result(annotation: dict[str, Any], image: int, score: float) -> dict[str, Any]:
        return {"image_id": image, "category_id": 7, "score": score,
                "keypoints": annotation["keypoints"]}  # fmt: skip

    rows = data["annotations"][:10]
    all_found = [result(a, a["image_id"], 0.9) for a in rows]

    def ap(results: list[dict[str, Any]]) -> float:
        return average_precision(truth, results, sigmas=[0.08] * 4)["AP"]

    assert ap(all_found) == pytest.approx(1.0)
    assert ap(all_found[:3]) == pytest.approx(0.3, abs=0.01)
    assert ap([]) == 0.0
    alarm = result(rows[0], 99, 1.0)  # in a picture without labels, before all others
    assert ap([alarm, *all_found]) < 0.95


def test_all_ten_statistics_of_coco_in_a_case_done_by_hand(tmp_path: Path) -> None:
    """Two people: one medium, one large; found: both, the medium one 0.72 alike.

    OKS 0.72 is a hit at the five thresholds 0.5 to 0.7 and a miss at the other five, so AP
    and AR of the medium one are 0.5. Of both together AP is 1 at the easy thresholds; at the
    hard ones only the large one is a hit, whose recall of a half reaches 51 of COCO's 101 levels.
    """
    from training.datasets.coco import CocoDataset
    from training.measures.coco_eval import average_precision

    path = coco_file(tmp_path, count=2)
    data = json.loads(path.read_text())
    medium, large = data["annotations"]
    medium["area"], large["area"] = 64.0**2, 110.0**2  # COCO's border is 96 squared
    path.write_text(json.dumps(data))
    off = float(np.sqrt(-np.log(0.72) * 2 * medium["area"] * (2 * 0.08) ** 2))

    def result(a: dict[str, Any], moved: float, score: float) -> dict[str, Any]:
        values = [v + moved if i % 3 == 0 else v for i, v in enumerate(a["keypoints"])]
        return {"image_id": a["image_id"], "category_id": 7, "keypoints": values, "score": score}

    results = [result(medium, off, 0.5), result(large, 0.0, 0.9)]
    found = average_precision(CocoDataset(path), results, sigmas=[0.08] * 4)
    wanted = {
        "AP": 0.5 + 0.5 * 51 / 101, "AP50": 1.0, "AP75": 51 / 101, "AP (M)": 0.5, "AP (L)": 1.0,
        "AR": 0.75, "AR50": 1.0, "AR75": 0.5, "AR (M)": 0.5, "AR (L)": 1.0,
    }  # fmt: skip
    assert found == pytest.approx(wanted, abs=1e-4)


def made_found(error: NDArray[np.float64], **changes: Any) -> Any:
    """Predictions with these errors in pixels, (N, 16), of MPII's skeleton."""
    from steadypose.engines.skeletons.people import MPII16
    from training.measures.measure import Found

    n = len(error)
    truth = np.zeros((n, 16, 2), np.float32)
    xy = truth.astype(np.float64)
    xy[..., 0] = error
    yes = np.ones((n, 16), np.bool_)
    given: dict[str, Any] = {
        "skeleton": MPII16, "rows": np.arange(n), "xy": xy, "score": np.ones((n, 16), np.float32),
        "truth": truth, "is_known": yes, "is_counted": yes, "reference_px": np.full(n, 100.0),
        "head_px": np.full(n, 20.0), "is_hidden": ~yes,
    }  # fmt: skip
    return Found(**{**given, **changes})


def test_pckh_in_a_case_done_by_hand() -> None:
    from steadypose.engines.skeletons.people import MPII16
    from training.measures.tables import summary

    error = np.full((2, 16), 1.0)  # a twentieth of the head
    error[0, :4] = 6.0  # 0.3 heads
    error[0, 4:6] = 12.0  # 0.6 heads
    for name in ("pelvis", "thorax"):
        error[0, MPII16.index(name)] = 99.0  # does not count
    error[1] = 99.0
    (_, line) = summary(made_found(error, head_px=np.array((20.0, np.nan))))  # nor does the second
    wrong = sum(MPII16.keypoints[k] not in {"pelvis", "thorax"} for k in range(4, 6))
    rough = wrong + sum(MPII16.keypoints[k] not in {"pelvis", "thorax"} for k in range(4))
    assert line == f"PCKh@0.5 {1 - wrong / 14:.4f}   PCKh@0.1 {1 - rough / 14:.4f}"


def test_visible_and_hidden_keypoints_are_told_apart() -> None:
    from training.measures.tables import summary

    error, hidden = np.full((1, 16), 5.0), np.zeros((1, 16), np.bool_)
    hidden[0, :4], error[0, :3] = True, 50.0
    lines = summary(made_found(error, is_hidden=hidden, head_px=np.array((np.nan,))))
    assert lines[1] == "PCK@0.2 of visible keypoints 1.0000, of hidden 0.2500"


def test_the_worst_come_first() -> None:
    from training.evaluate import worst_rows

    error = np.arange(25)[:, None] * np.ones((1, 16))
    counted = np.ones((25, 16), np.bool_)
    counted[24] = False
    worst = worst_rows(made_found(error, is_counted=counted))
    assert [place for place, _ in worst] == list(range(23, 3, -1))
    assert worst[0][1] == pytest.approx(0.23)


def test_the_flip_test_mirrors_back_swaps_and_takes_the_surer() -> None:
    from steadypose.engines.skeletons.people import COCO17
    from training.measures.measure import infer_crops

    left, right = COCO17.index("left_wrist"), COCO17.index("right_wrist")
    straight = np.zeros((1, 17, 3), np.float32)
    straight[0, left], straight[0, right] = (60, 20, 0.9), (10, 30, 0.3)
    mirrored = np.zeros((1, 17, 3), np.float32)
    # In the mirror (x to 95 - x) the left wrist looks like a right one.
    mirrored[0, right], mirrored[0, left] = (95 - 62, 20, 0.9), (95 - 80, 30, 0.7)

    class Engine:
        spec = ModelSpec("fake", COCO17, (128, 96), 1.25)
        seen: list[int] = []  # noqa: RUF012

        def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            self.seen.append(int(crops[0, 0, 0, 0]))
            return straight if crops[0, 0, 0, 0] == 1 else mirrored

    crops = np.zeros((1, 128, 96, 3), np.uint8)
    crops[0, 0, 0] = 1
    found = infer_crops(Engine(), crops, is_flip_tested=True)  # type: ignore[arg-type]
    assert Engine.seen == [1, 0]
    np.testing.assert_allclose(found[0, left], (61, 20, 0.9), rtol=1e-6)  # between the two
    np.testing.assert_allclose(found[0, right], (80, 30, 0.5), rtol=1e-6)  # far apart: the surer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--coco", "labels.json", "--detections", "x.json"), "--detections need a COCO file"),
        ((), "give either --config or --coco"),
        (("--coco", "none.json"), "cannot read none.json"),
        (("--coco", "labels.json"), "shares too few keypoint names"),
    ],
)
def test_mistakes_are_sentences(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    coco_file(tmp_path, count=2)
    spec = ModelSpec("tiny", COCO17, (64, 48), decoder="none")
    (tmp_path / "m.onnx").write_bytes(tiny_model(spec).SerializeToString())
    monkeypatch.chdir(tmp_path)
    assert evaluate("m.onnx", *arguments) == 2
    assert message in capsys.readouterr().err


def test_weights_without_a_recipe_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pt")
    assert evaluate(str(tmp_path / "w.pt"), "--coco", "x.json") == 2
    assert "has no recipe beside it" in capsys.readouterr().err
