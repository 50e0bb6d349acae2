"""What ``python -m training.check`` says of a data set before anything is learnt."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.drawn import look_at
from tests.training.made_up import coco_file
from training.check import main


def test_people_sizes_and_keypoints_are_counted_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco_file(tmp_path, count=7)
    data = json.loads(path.read_text())
    data["annotations"][0]["keypoints"][2] = 0
    data["annotations"][1]["keypoints"][5] = 1
    path.write_text(json.dumps(data))
    sheet = tmp_path / "sheet.jpg"
    assert main(["--coco", str(path), "--sheet", str(sheet)]) == 0
    said = capsys.readouterr().out
    assert "7 people, 7 with a usable label, 4 keypoints (arrow), 3.9 of them labelled" in said
    assert "| tip | 6 | 0 |" in said
    assert "| left_barb | 7 | 1 |" in said
    assert "nothing unlikely was found" in said
    drawn = look_at(sheet)
    assert drawn.shape == (208, 8 * 160, 3)


def test_pictures_that_are_nearly_black_are_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco_file(tmp_path, count=4)
    twelve_bits = look_at(tmp_path / "1.png").astype(np.uint16) * 16
    (tmp_path / "1.png").write_bytes(cv2.imencode(".png", twelve_bits)[1].tobytes())
    assert main(["--coco", str(path)]) == 0
    said = capsys.readouterr().out
    assert "1 of 4 pictures (1.png#101) are black or nearly: were fewer bits" in said


def test_what_training_would_refuse_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = coco_file(tmp_path, count=4)
    (tmp_path / "2.png").write_bytes(b"no picture")
    assert main(["--coco", str(path)]) == 2
    assert "2.png is not a readable picture" in capsys.readouterr().err
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        annotation["bbox"] = [0.1, 0.1, 0.5, 0.5]
    path.write_text(json.dumps(data))
    assert main(["--coco", str(path)]) == 2
    assert "a box between 0 and 1" in capsys.readouterr().err


def test_every_data_set_of_a_config_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco_file(tmp_path / "a", count=3)
    coco_file(tmp_path / "b", count=5)
    (tmp_path / "c.toml").write_text(
        'name = "x"\n[[train]]\nkind = "coco"\nannotations = "a/labels.json"\n'
        '[[validate]]\nkind = "coco"\nannotations = "b/labels.json"\n'
        "[[stage]]\ninput = [64, 64]\nepochs = 1\n"
    )
    assert main(["--config", str(tmp_path / "c.toml"), "--sheet", str(tmp_path / "s.png")]) == 0
    said = capsys.readouterr().out
    assert said.index("3 people") < said.index("5 people")
    assert (tmp_path / "s_1.png").is_file()
    assert (tmp_path / "s_2.png").is_file()


@pytest.mark.parametrize("words", [[], ["--sheet", "labels.json"]])
def test_mistakes_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:  # fmt: skip
    before = coco_file(tmp_path, count=2).read_bytes()
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--coco", "labels.json"] if words else []) == 2
    assert "fix:" in capsys.readouterr().err
    assert (tmp_path / "labels.json").read_bytes() == before
