"""The document's five commands, from a made-up animal's pictures to a running model."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from steadypose.realtime.model.places import ROOT
from tests.support.drawn import look_at
from training.people.animal.body import LEGS, NAMES, Posture, any_posture, walking


def standing(**changes: float) -> Posture:
    given = {"yaw": 0.0, "pitch": 0.0, "lean": 0.0, "neck": 30.0, "look": 0.0}
    return Posture(**{**given, **changes}, tail=(0.0, 0.0), legs=((0.0, 0.0),) * 4)


def test_left_is_left_from_wherever_it_is_seen() -> None:
    to_the_right = standing().joints()
    assert to_the_right["snout"][0] > to_the_right["rump"][0]
    assert to_the_right["left_front_paw"][2] > to_the_right["right_front_paw"][2]  # farther away
    assert to_the_right["left_front_paw"][1] > to_the_right["withers"][1]  # paws are below
    to_the_left = standing(yaw=180.0).joints()
    assert to_the_left["snout"][0] < to_the_left["rump"][0]
    assert to_the_left["left_front_paw"][2] < to_the_left["right_front_paw"][2]
    towards = standing(yaw=-90.0).joints()  # who looks at us has the left where our right is
    assert towards["left_front_paw"][0] > towards["right_front_paw"][0]
    assert standing(lean=90.0).joints()["snout"][1] > 0  # clockwise: the head goes down


def test_bones_keep_their_lengths_in_every_posture() -> None:
    rng = np.random.default_rng(0)
    for posture in [any_posture(rng) for _ in range(20)] + [walking(0.3, yaw=40)]:
        joints = posture.joints()
        assert np.linalg.norm(joints["withers"] - joints["rump"]) == pytest.approx(1.0, abs=0.01)
        for leg in LEGS:
            shin = np.linalg.norm(joints[f"{leg}_paw"] - joints[f"{leg}_knee"])
            assert shin == pytest.approx(0.29)


def test_labels_lie_in_their_boxes_and_where_something_is_painted(tmp_path: Path) -> None:
    from training.datasets.coco import CocoDataset
    from training.datasets.review import review_one
    from training.people.animal.pictures import render

    render(tmp_path, count=12, seed=1)
    before = (tmp_path / "labels.json").read_bytes()
    data = CocoDataset(tmp_path / "labels.json")
    assert data.skeleton.keypoints == NAMES
    assert len(data.skeleton.flip_pairs) == 3  # ears, front paws, hind paws
    assert review_one(data) == []
    visible = {v for row in data.rows for v in row.keypoints[2::3]}
    assert {1.0, 2.0} <= visible
    for n, row in enumerate(data.rows):
        sample = data.sample(n)
        x, y, w, h = row.bbox or (0, 0, 0, 0)
        inside = sample.xy[sample.is_known]
        assert (inside >= (x - 2, y - 2)).all()
        assert (inside <= (x + w + 2, y + h + 2)).all()
        assert 0 < (row.area or 0) < w * h
    render(tmp_path, count=12, seed=1)
    assert (tmp_path / "labels.json").read_bytes() == before


def in_this_process(words: Sequence[str], folder: Path) -> None:
    """Run a command of the document without a new interpreter, which would load torch again."""
    from benchmarks.accuracy.animal import located

    name = words[1] if words[0] == "-m" else f"steadypose.{words[0]}".removesuffix(".py")
    name = {
        "steadypose.run": "steadypose.realtime.cli",
        "training.people.animal": "training.people.animal.__main__",
    }.get(name, name.replace("/", "."))
    given = words[2:] if words[0] == "-m" else words[1:]
    status = import_module(name).main(located(given, folder))
    assert status == 0, words


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several wait for each other where other tests run beside, many times as long as one works."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("pycocotools")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.export
@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_five_commands_lead_from_pictures_to_a_running_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.accuracy.animal import commands, in_film

    monkeypatch.chdir(ROOT)
    render, *five = commands()
    assert len(five) == 5
    in_this_process([*render, "--count", "40", "--epochs", "7", "--frames", "20"], tmp_path)
    said = []
    for words in five:
        in_this_process(words, tmp_path)
        said.append(capsys.readouterr().out)
    quib = tmp_path / "quib"
    assert "with a usable label, 10 keypoints (quib)" in said[0]
    assert look_at(quib / "sheet.jpg") is not None
    # Nothing learnt is right by chance in one of fifteen: a disc of 0.15 of the longer side.
    right = re.search(r"PCK@0\.5 ([\d.]+)", said[2])
    assert right is not None
    assert float(right[1]) > 0.2
    assert "| left_hind_paw | " in said[2]
    assert look_at(quib / "errors.png") is not None
    assert "quib.onnx" in said[3]
    with (quib / "walk.csv").open(newline="") as file:
        head = next(csv.reader(file))
    assert head[4:7] == ["snout_x", "snout_y", "snout_score"]
    assert len(head) == 4 + 3 * len(NAMES)
    assert in_film(quib / "walk.csv").startswith("In the film: ")
    assert (quib / "followed.mp4").stat().st_size > 10_000
    recipe = json.loads((quib / "run" / "weights.json").read_text())
    assert "quib" in json.dumps(recipe)


def test_what_lies_there_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.people.animal.__main__ import main

    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "labels.json").write_text("mine")
    given = ["--out", str(tmp_path), "--count", "4", "--frames", "2"]
    assert main(given) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "train" / "labels.json").read_text() == "mine"
    assert main([*given, "--force"]) == 0
    assert (tmp_path / "walk.mp4").is_file()
