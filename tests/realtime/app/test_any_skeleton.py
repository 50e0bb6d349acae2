"""Everything behind the network works with keypoints of any number and name."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.skeletons.people import COCO17, HALPE26
from steadypose.engines.skeletons.sides import right_twin, side_of, without_side
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.skeletons.whole_body import COCO133
from steadypose.realtime import cli
from steadypose.realtime.app.draw import LEFT, RIGHT, draw_poses
from steadypose.realtime.convert import main as convert
from steadypose.realtime.model.skeletons import read_skeleton
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.report.__main__ import main as report
from steadypose.realtime.tracking.framing import Framing
from tests.conftest import TINY_SPEC, make_pose, tiny_model

FRAMES = 12
RUN = ["--source", "demo", "--headless", "--max-frames", str(FRAMES), "--backend", "onnxruntime"]
OWN = """
[skeleton]
keypoints = ["snout", "l_ear", "r_ear", "hip_left", "hip_right"]
limbs = [["snout", "l_ear"], ["snout", "r_ear"], ["hip_left", "hip_right"]]
"""


def own(count: int) -> Skeleton:
    names = tuple(f"p{n}" for n in range(count))
    limbs = tuple((n, n + 1) for n in range(count - 1))
    return Skeleton(f"own{count}", names, limbs, (), (0.08,) * count)


def figure_file(folder: Path, skeleton: Skeleton) -> Path:
    """A model file that sees its whole skeleton, spread over every crop, wherever it looks."""
    spec = dataclasses.replace(TINY_SPEC, skeleton=skeleton, input_hw=(128, 96))
    model = tiny_model(spec)
    k = len(skeleton)
    turn = 2 * np.pi * np.arange(k) / k
    xy = np.stack((48 + 25 * np.cos(turn), 64 + 40 * np.sin(turn)), axis=1)[None]
    for tensor in model.graph.initializer:
        if tensor.name == "xy":
            tensor.CopyFrom(numpy_helper.from_array(xy.astype(np.float32), "xy"))
    path = folder / "figure.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def outputs(folder: Path) -> list[str]:
    video = ["--save-video", str(folder / "a.mp4"), "--benchmark", str(folder / "b.json")]
    return ["--csv", str(folder / "a.csv"), "--jsonl", str(folder / "a.jsonl"), "--angles", *video]


@pytest.mark.parametrize(
    "skeleton",
    [*SKELETONS.values(), own(1), own(2), own(3), own(250)],
    ids=lambda skeleton: skeleton.name,
)
def test_a_run_and_its_report_take_any_skeleton(tmp_path: Path, skeleton: Skeleton) -> None:
    pytest.importorskip("onnxruntime")
    model = figure_file(tmp_path, skeleton)
    assert cli.main([*RUN, "--model", str(model), *outputs(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len(rows) >= FRAMES - 3, "the figure was found late, or lost"
    for name in skeleton.keypoints:
        assert np.isfinite(float(rows[-1][f"{name}_x"]))
        assert float(rows[-1][f"{name}_score"]) > 0.2
    told = json.loads((tmp_path / "a.meta.json").read_text())
    names = skeleton.keypoints
    assert told["limbs"] == [[names[a], names[b]] for a, b in skeleton.limbs]
    page = tmp_path / "page.html"
    assert report([str(tmp_path / "a.csv"), "-o", str(page)]) == 0
    assert ("ghost" in page.read_text().split("</style>")[1]) == bool(skeleton.limbs)


def test_a_table_of_every_format_holds_more_than_127_keypoints(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("pyarrow")
    model = figure_file(tmp_path, COCO133)
    first = tmp_path / "a.parquet"
    assert cli.main([*RUN, "--model", str(model), "--parquet", str(first)]) == 0
    wanted = read_recording(first)
    assert wanted.keypoints == COCO133.keypoints
    for name in ("b.jsonl", "c.parquet", "d.csv"):
        assert convert([str(first), str(tmp_path / name)]) == 0
        got = read_recording(tmp_path / name)
        assert got.keypoints == COCO133.keypoints
        np.testing.assert_array_equal(got.people[0].xy, wanted.people[0].xy)


def test_a_skeleton_of_ones_own_renames_what_a_network_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    table = tmp_path / "own.toml"
    table.write_text(OWN)
    model = figure_file(tmp_path, own(5))
    csv_file = tmp_path / "a.csv"
    given = ["--model", str(model), "--skeleton", str(table)]
    assert cli.main([*RUN, *given, "--csv", str(csv_file)]) == 0
    assert "snout_x,snout_y,snout_score,l_ear_x" in csv_file.read_text()
    # The run file may hold the table itself, or its file's name.
    for text in (OWN, f'skeleton = "{table.as_posix()}"\n'):
        config, other = tmp_path / "run.toml", tmp_path / "c.csv"
        config.write_text(text)
        words = ["--config", str(config), "--model", str(model), "--csv", str(other)]
        assert cli.main([*RUN, *words]) == 0
        assert other.read_text().splitlines()[0] == csv_file.read_text().splitlines()[0]
    capsys.readouterr()
    assert cli.main([*RUN, "--model", str(model), "--skeleton", "hand21"]) == 2
    error = capsys.readouterr().err
    assert "gives 5 keypoints, the skeleton hand21 has 21" in error
    assert cli.main([*RUN, *given, "--csv", str(table), "--force"]) == 2
    assert table.read_text() == OWN


def test_a_report_joins_what_the_user_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    table, page = tmp_path / "own.toml", tmp_path / "a.html"
    table.write_text(OWN)
    model = figure_file(tmp_path, read_skeleton(str(table)).skeleton)
    recording = tmp_path / "a.csv"
    assert cli.main([*RUN, "--model", str(model), "--csv", str(recording)]) == 0

    def ghosts(*more: str) -> int:
        assert report([str(recording), "-o", str(page), *more]) == 0
        return page.read_text().count('"ghost"')

    told = ghosts()
    assert told > 0
    (tmp_path / "a.meta.json").unlink()
    assert ghosts() == 0  # nobody knows the limbs
    assert ghosts("--skeleton", str(table)) == told
    capsys.readouterr()
    assert report([str(recording), "-o", str(page), "--skeleton", "coco17"]) == 2
    assert "do not have the same keypoints" in capsys.readouterr().err
    words = ["--skeleton", str(table), "-o", str(table), "--force"]
    assert report([str(recording), *words]) == 2
    assert table.read_text() == OWN


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("left_wrist", "left", "wrist"),
        ("l_ear", "left", "ear"),
        ("hip_right", "right", "hip"),
        ("RFoot", "right", "Foot"),
        ("Left-Paw", "left", "Paw"),
        ("nose", "middle", "nose"),
        ("lip", "middle", "lip"),
        ("root_of_tail", "middle", "root_of_tail"),
        ("leftover", "middle", "leftover"),
        ("lefthand", "left", "hand"),
        ("left_hand_right_end", "left", "hand_right_end"),
        ("left", "left", "left"),
    ],
)
def test_sides_are_read_as_people_write_them(name: str, side: str, part: str) -> None:
    assert (side_of(name), without_side(name)) == (side, part)


def test_twins_are_found_as_people_write_them(tmp_path: Path) -> None:
    table = tmp_path / "own.toml"
    table.write_text(OWN)
    chosen = read_skeleton(str(table))
    assert chosen.skeleton.flip_pairs == ((1, 2), (3, 4))
    assert chosen.skeleton.name == "own"
    assert set(chosen.skeleton.sigmas) == {0.08}
    assert right_twin("earLeft") == "earRight"
    assert right_twin("leftmost_ear") is None
    assert [read_skeleton(name).skeleton for name in SKELETONS] == list(SKELETONS.values())


def test_every_way_to_write_a_side_has_its_colour() -> None:
    skeleton = Skeleton("x", ("l_a", "R-b", "c_left", "d"), ((0, 2),), (), (0.1,) * 4)
    pose = make_pose(skeleton=skeleton)
    pose.xy[:] = [(20, 20), (60, 20), (20, 60), (60, 60)]
    image = np.zeros((90, 90, 3), np.uint8)
    draw_poses(image, [pose])
    for colour, places in ((LEFT, ((20, 20), (60, 20), (40, 20))), (RIGHT, ((20, 60),))):
        for y, x in places:
            assert image[y, x].astype(float) / image[y, x].max() == pytest.approx(
                np.array(colour) / max(colour), abs=0.02
            )


def ink(skeleton: Skeleton, places: Sequence[tuple[float, float]]) -> int:
    pose = make_pose(skeleton=skeleton)
    pose.xy[:] = np.resize(np.array(places), (len(skeleton), 2))
    pose.score[:] = 0.9
    pose.xy[1:] = np.nan
    image = np.zeros((720, 1280, 3), np.uint8)
    draw_poses(image, [pose])
    return int((image[340:380, 300:340] > 60).any(axis=2).sum())


def test_fingers_and_faces_are_drawn_finely() -> None:
    one = [(320.0, 360.0)]
    assert ink(COCO133, one) < 0.5 * ink(COCO17, one)
    assert ink(HALPE26, one) == ink(COCO17, one)


def test_an_animal_is_not_framed_by_a_persons_proportions() -> None:
    """A horse's knee is as far from its hip as no person's; it is seen all the same."""
    animal = SKELETONS["ap10k17"]
    xy = np.full((17, 2), 100.0)
    xy[animal.index("left_shoulder")] = (100, 100)
    xy[animal.index("right_shoulder")] = (104, 100)
    xy[animal.index("left_hip")] = (300, 100)
    xy[animal.index("left_knee")] = (300, 260)
    seen = np.ones(17, bool)
    assert Framing(animal).plausible(xy, seen).all()
    assert not Framing(COCO17).plausible(np.resize(xy, (17, 2)), seen).all()


@pytest.mark.parametrize("name", ["cat", "a" * 400])
def test_a_name_that_no_skeleton_has_is_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="is not known"):
        read_skeleton(name)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "cannot read .*: No such file"),
        ("[skeleton", "is no TOML"),
        ("name = 'cat'", r"has no \[skeleton\] table"),
        ("skeleton = 'coco17'", r"has no \[skeleton\] table"),
    ],
)
def test_a_file_that_holds_no_skeleton_is_a_sentence(
    tmp_path: Path, text: str | None, what: str
) -> None:
    path = tmp_path / "cat.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=what):
        read_skeleton(str(path))
