"""``--angles``: on the picture, in a long CSV and in JSON lines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import steadypose as sp
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.app.draw import draw_angles
from steadypose.realtime.command.output_checks import check_angles
from steadypose.realtime.datatypes import Pose, State
from steadypose.realtime.smooth.angles import NAMES
from tests.conftest import make_pose
from tests.realtime.command.test_sentences import settings_of

RUN = ["--source", "demo", "--headless", "--max-frames", "12", "--precision", "fp32"]


@pytest.mark.slow
@pytest.mark.usefixtures("in_fp32")
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


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("shown", [[], ["--headless"]])
@pytest.mark.parametrize("others", [[], ["--source", "demo:2"]])
def test_angles_cannot_be_had_of_a_second_pass(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    shown: list[str],
    others: list[str],
) -> None:
    table = tmp_path / name
    given = [f"--{table.suffix[1:]}", str(table), "--angles", "--offline-smooth"]
    assert cli.main(["--source", "demo", *others, *shown, *given]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --offline-smooth cannot record angles")
    assert said.count("angles, too") == said.count("--angles") == 1, "nothing else is said"


@pytest.mark.parametrize(
    ("words", "what", "fix"),
    [
        (("--csv", "a.csv"), "a wide CSV does not hold them", "add --csv-layout long"),
        (("--parquet", "a.parquet"), "a Parquet file does not hold them", "add --jsonl out.jsonl"),
        (("--udp", "127.0.0.1:9000"), "nothing shows or records them", "add --jsonl out.jsonl"),
        (("--benchmark", "b.md"), "nothing shows or records them", "add --jsonl out.jsonl"),
    ],
)
def test_angles_that_would_go_nowhere_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    what: str,
    fix: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*RUN, *words, "--angles"]) == 2
    said = capsys.readouterr().err
    assert what in said
    assert f"fix: {fix}" in said
    assert not any(tmp_path.iterdir())


def test_angles_that_are_only_shown_are_said_to_be() -> None:
    def told(*words: str) -> list[str]:
        said: list[str] = []
        check_angles(settings_of("--source", "demo", "--angles", *words), said.append)
        return said

    assert told("--csv", "a.csv") == [
        "note: angles are shown but not recorded: a wide CSV does not hold them; "
        "add --csv-layout long"
    ]
    assert len(told("--headless", "--csv", "a.csv", "--save-video", "a.mp4")) == 1
    assert len(told("--headless", "--csv", "a.csv", "--serve", "8000")) == 1
    assert not told("--headless", "--csv", "a.csv", "--csv-layout", "long")
    assert not told("--headless", "--csv", "a.csv", "--jsonl", "a.jsonl")
    assert not told()
    assert not told("--headless", "--virtual-camera")


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
    assert drawn(120.0, 25.0) > 0
    assert drawn(120.0, 35.0) == 0
    assert drawn(-990.0, 5.0) > 0  # almost three turns
    assert drawn(1010.0, 5.0) == 0  # what would take more digits than there is room for
    assert drawn(float("nan"), float("nan")) == 0
    image = blank.copy()
    draw_angles(image, [pose], [])
    assert (image == blank).all()


WIDTH, HEIGHT = 640, 480


def written(places: dict[str, tuple[float, float]], *, is_mirrored: bool = False) -> NDArray[Any]:
    """(N, 2) x, y of the pixels that text about a person of these keypoints has covered."""
    xy = np.full((len(COCO17), 2), np.nan)
    for name, place in places.items():
        xy[COCO17.index(name)] = place
    state = np.full(len(COCO17), State.MEASURED, np.int8)
    pose = Pose(xy, np.ones(len(COCO17)), xy, state, COCO17, 1)
    angles = np.full((len(NAMES), 2), np.nan)
    for name in ("left_elbow", "trunk"):
        angles[NAMES.index(name)] = 120.0, 5.0
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    with np.errstate(invalid="ignore"):
        draw_angles(image, [pose], [angles], is_mirrored=is_mirrored)
    return np.argwhere((image != 128).any(axis=2))[:, ::-1]


def test_an_angle_stands_to_the_upper_right_of_its_joint_also_in_a_mirror() -> None:
    elbow = (200.0, 300.0)
    for is_mirrored, x in ((False, 200), (True, WIDTH - 1 - 200)):
        found = written({"left_elbow": elbow}, is_mirrored=is_mirrored)
        assert 0 < found[:, 0].min() - x < 15
        assert 0 < 300 - found[:, 1].min() < 15
        assert found[:, 0].max() - x < 60


def test_the_trunks_angle_stands_in_its_middle() -> None:
    corners = {
        "left_shoulder": (260.0, 100.0),
        "right_shoulder": (200.0, 100.0),
        "left_hip": (260.0, 260.0),
        "right_hip": (200.0, 260.0),
    }
    found = written(corners)
    assert 0 < found[:, 0].min() - 230 < 15
    assert 0 < 180 - found[:, 1].min() < 15


@pytest.mark.parametrize("elbow", [(-20.0, 300.0), (660.0, 300.0), (200.0, -20.0), (200.0, 490.0)])
def test_the_angle_of_a_joint_outside_the_picture_is_not_written(
    elbow: tuple[float, float],
) -> None:
    assert len(written({"left_elbow": elbow})) == 0


def test_in_a_mirror_an_angle_stands_to_the_pixel_where_its_joint_is_seen() -> None:
    plain = written({"left_elbow": (200.0, 300.0)})
    mirror = written({"left_elbow": (WIDTH - 1 - 200.0, 300.0)}, is_mirrored=True)
    np.testing.assert_array_equal(mirror, plain)


@pytest.mark.parametrize("corner", [(0.0, 200.0), (200.0, 0.0), (WIDTH - 1.0, HEIGHT - 1.0)])
def test_the_angle_of_a_joint_on_the_edge_is_written(corner: tuple[float, float]) -> None:
    assert len(written({"left_elbow": corner})) > 0


def test_an_angles_digits_are_as_high_as_the_picture_needs() -> None:
    """A darkened box of one line: 480 pixels are 0.53 of OpenCV's text, a margin of 7."""
    found = written({"left_elbow": (200.0, 300.0)})
    assert np.ptp(found[:, 1]) + 1 == 18 + 7
