"""``--angles``: on the picture, in a long CSV and in JSON lines."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.realtime import cli
from steadypose.realtime.app.draw import draw_angles
from steadypose.realtime.smooth.angles import NAMES
from tests.conftest import make_pose

RUN = ["--source", "demo", "--headless", "--max-frames", "12", "--precision", "fp32"]


@pytest.mark.slow
def test_what_is_recorded_is_what_the_library_measures(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    given = ["--csv", str(table), "--csv-layout", "long", "--jsonl", str(lines)]
    assert cli.main([*RUN, *given, "--angles"]) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    objects = [json.loads(line) for line in lines.read_text().splitlines()[1:]]
    with sp.open("demo") as frames:
        # The last frame of --max-frames is followed by none, whose crop would be foreseen first.
        for frame, told in zip(frames, objects[:-1], strict=False):
            (person,) = frame.persons
            here = {r["keypoint"]: r for r in rows if r["frame"] == str(frame.index)}
            assert len(person.angles) == len(NAMES)
            for name, (degrees, std) in person.angles.items():
                wanted = pytest.approx([degrees, std], abs=0.0051)
                assert told["persons"][0]["angles"][name] == wanted
                row = here.get(name, here["nose"])
                columns = ("trunk", "trunk_std") if name == "trunk" else ("angle", "angle_std")
                assert [float(row[column]) for column in columns] == wanted
            assert here["nose"]["angle"] == here["left_wrist"]["angle_std"] == ""
    assert [len(track.frame) for track in sp.read(table).people] == [12]
    plain = tmp_path / "b.csv"
    assert "rows" in sp.convert(table, plain, "--csv-layout", "long")
    assert plain.read_text().splitlines()[5] == ",".join(
        table.read_text().splitlines()[5].split(",")[:10]
    )


def test_angles_cannot_be_had_of_a_second_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--jsonl", str(tmp_path / "a.jsonl"), "--angles", "--offline-smooth"]
    assert cli.main([*RUN, *given]) == 2
    assert "--offline-smooth has no angles" in capsys.readouterr().err


def test_angles_stand_beside_their_joints_unless_they_are_hardly_known() -> None:
    pose = make_pose(track_id=1)
    blank = np.zeros((240, 320, 3), np.uint8)

    def drawn(degrees: float, std: float) -> int:
        image = blank.copy()
        image[:] = 200
        draw_angles(image, [pose], [np.tile((degrees, std), (len(NAMES), 1))])
        return int((image != 200).sum())

    assert drawn(120.0, 5.0) > 0
    assert drawn(120.0, float("nan")) > 0  # without a filter nobody knows how certain it is
    assert drawn(120.0, 60.0) == 0
    assert drawn(float("nan"), float("nan")) == 0
    image = blank.copy()
    draw_angles(image, [pose], [])
    assert (image == blank).all()
