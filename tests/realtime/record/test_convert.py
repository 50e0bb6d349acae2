"""Recordings for other programs, read back by readers that are not ours."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import RecordError
from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.convert import main
from steadypose.realtime.datatypes import FloatArray, Pose, State
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.record.formats.trc import _rate, resample
from tests.realtime.record.test_formats import FORMATS, HEAD, LONG, assert_same, random_run, record

# OpenPose, doc/02_output.md, typed from there and not from our table.
BODY_25_NAMES = [
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"),
    *("MidHip", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle"),
    *("REye", "LEye", "REar", "LEar"),
    *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
]


def read_openpose(folder: Path, stem: str, keypoints: int) -> list[dict[int, FloatArray]]:
    """A strict reader: every frame from 0, in order, with nothing unexpected in it."""
    frames = []
    for number, path in enumerate(sorted(folder.iterdir())):
        assert path.name == f"{stem}_{number:012d}_keypoints.json"
        content = json.loads(path.read_text())
        assert set(content) == {"version", "people"}
        assert content["version"] == 1.3
        people = {}
        for person in content["people"]:
            (number_of,) = person["person_id"]
            rows = np.array(person["pose_keypoints_2d"], np.float64).reshape(keypoints, 3)
            assert np.isfinite(rows).all()
            others = {
                k: v for k, v in person.items() if k not in {"person_id", "pose_keypoints_2d"}
            }
            assert all(k.endswith(("_2d", "_3d")) and v == [] for k, v in others.items())
            people[number_of] = rows
        frames.append(people)
    return frames


@pytest.mark.parametrize("name", FORMATS)
def test_openpose_has_every_frame_and_zeros_where_nothing_is(tmp_path: Path, name: str) -> None:
    entries = random_run(1, 60)
    path = record(tmp_path / name, entries)
    assert main([str(path), str(tmp_path / "json")]) == 0
    frames = read_openpose(tmp_path / "json", path.stem, 17)
    last = [entry.frame for entry in entries if entry.poses or name.endswith("jsonl")][-1]
    assert len(frames) == last + 1
    by_frame = {entry.frame: entry.poses for entry in entries}
    for number, people in enumerate(frames):
        poses = by_frame.get(number, ())
        assert list(people) == [pose.track_id for pose in poses]
        for pose in poses:
            rows, lost = people[pose.track_id], pose.state == State.LOST
            assert (rows[lost] == 0).all()
            np.testing.assert_allclose(rows[~lost, :2], pose.xy[~lost], atol=0.0051)
            np.testing.assert_allclose(rows[~lost, 2], pose.score[~lost], atol=0.00051)


def test_body25_has_openposes_order(tmp_path: Path) -> None:
    k = np.arange(17.0)
    xy = np.stack((100 + 10 * k, 200 + 10 * k), 1)
    state = np.full(17, State.MEASURED, np.int8)
    lost = COCO17.index("left_elbow")
    xy[lost], state[lost] = np.nan, State.LOST
    pose = Pose(xy, 0.5 + k / 100, xy, state, COCO17, 7)
    path = record(tmp_path / "long.csv", [Entry(0, 0.0, [pose])])
    assert main([str(path), str(tmp_path / "json"), "--order", "body25"]) == 0
    ((people),) = read_openpose(tmp_path / "json", "long", 25)
    rows = dict(zip(BODY_25_NAMES, people[7].tolist(), strict=True))

    def expected(*names: str) -> object:
        index = [COCO17.index(name) for name in names]
        return pytest.approx([*xy[index].mean(axis=0), pose.score[index].min()])

    assert rows["Nose"] == expected("nose")
    assert rows["Neck"] == expected("left_shoulder", "right_shoulder")
    assert rows["MidHip"] == expected("left_hip", "right_hip")
    assert rows["LElbow"] == [0, 0, 0]
    for short, long in (("R", "right"), ("L", "left")):
        for part in ("Shoulder", "Wrist", "Hip", "Knee", "Ankle", "Eye", "Ear"):
            assert rows[short + part] == expected(f"{long}_{part.lower()}")
    for name in BODY_25_NAMES[19:]:
        assert rows[name] == [0, 0, 0]


def walking(frames: int, *, rate_hz: float = 30.0, dropped: tuple[int, ...] = ()) -> list[Entry]:
    """One person who stands 400 pixels from eyes to ankles and walks 30 pixels a second."""
    entries = []
    for i in range(frames):
        if i in dropped:
            continue
        xy = np.stack((np.linspace(100, 140, 17) + i, np.linspace(120, 500, 17)), 1)
        xy[[1, 2], 1], xy[[15, 16], 1] = 100, 500
        state = np.full(17, State.MEASURED, np.int8)
        if 40 <= i < 50:
            xy[[9, 16]], state[[9, 16]] = np.nan, State.LOST
        entries.append(Entry(i, i / rate_hz, [Pose(xy, np.ones(17), xy, state, COCO17, 1)]))
    return entries


def parse_trc(path: Path) -> tuple[dict[str, str], list[str], FloatArray, FloatArray]:
    """Header, marker names, times (T,) and positions (T, K, 3), by the letter of the format."""
    lines = path.read_text().split("\n")
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", path.name]
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    names = lines[3].split("\t")
    assert names[:2] == ["Frame#", "Time"]
    assert all(cell == "" for i, cell in enumerate(names[2:]) if i % 3)
    markers = names[2::3]
    axes = [f"{a}{n}" for n in range(1, 1 + len(markers)) for a in "XYZ"]
    assert lines[4].split("\t") == ["", "", *axes]
    assert lines[5] == lines[-1] == ""
    cells = [line.split("\t") for line in lines[6:-1]]
    assert [row[0] for row in cells] == [str(i) for i in range(1, 1 + len(cells))]
    assert len(cells) == int(head["NumFrames"]) == int(head["OrigNumFrames"])
    assert len(markers) == int(head["NumMarkers"])
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in cells])
    return head, markers, values[:, 0], values[:, 1:].reshape(len(cells), -1, 3)


@pytest.mark.parametrize(("rate_hz", "text"), [(30.0, "30.00"), (29.97, "29.97"), (60, "60.00")])
def test_trc_has_a_constant_rate_and_y_up(tmp_path: Path, rate_hz: float, text: str) -> None:
    entries = walking(400, rate_hz=rate_hz, dropped=(7, 200))
    path = record(tmp_path / "long.csv", entries)
    out = tmp_path / "walk.trc"
    assert main([str(path), str(out)]) == 0
    head, names, time_s, xyz = parse_trc(out)
    assert head["DataRate"] == head["CameraRate"] == text
    assert head["Units"] == "mm"
    assert names == list(COCO17.keypoints)
    np.testing.assert_allclose(np.diff(time_s), 1 / float(text), atol=2e-6)
    assert len(time_s) == 400
    assert np.isnan(xyz[:, 9]).any(axis=1).tolist() == [40 <= i < 50 for i in range(400)]
    assert (xyz[:, 0, 2] == 0).all()
    np.testing.assert_allclose(xyz[:, 1, 1], 400, atol=0.01)  # eyes 400 above the ankles
    np.testing.assert_allclose(xyz[:, 15, 1], 0, atol=0.01)
    np.testing.assert_allclose(xyz[:, 0, 0], 100 + np.arange(400), atol=0.05)


def test_a_height_turns_pixels_into_metres(tmp_path: Path) -> None:
    path = record(tmp_path / "all.jsonl", walking(60))
    out = tmp_path / "walk.trc"
    assert main([str(path), str(out), "--height", "1.75", "--person", "1"]) == 0
    head, _, _, xyz = parse_trc(out)
    assert head["Units"] == "m"
    tall_m = 1.75 * (0.936 - 0.039)  # from ankles to eyes, 400 pixels
    np.testing.assert_allclose(xyz[:, 1, 1], tall_m, atol=1e-4)
    np.testing.assert_allclose(xyz[:, 0, 0], (100 + np.arange(60)) * tall_m / 400, atol=1e-4)


def test_a_long_absence_is_a_gap_in_the_trc(tmp_path: Path) -> None:
    path = record(tmp_path / "long.csv", walking(100, dropped=tuple(range(60, 80))))
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    _, _, _, xyz = parse_trc(tmp_path / "walk.trc")
    assert np.isnan(xyz[:, 0, 0]).tolist() == [60 <= i < 80 for i in range(100)]


def test_frames_that_a_camera_dropped_are_no_gap_but_two_in_a_row_are(tmp_path: Path) -> None:
    path = record(tmp_path / "long.csv", walking(30, dropped=(8, 20, 21)))
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    _, _, _, xyz = parse_trc(tmp_path / "walk.trc")
    assert np.flatnonzero(np.isnan(xyz[:, 0, 0])).tolist() == [20, 21]


def test_who_comes_late_is_in_the_trc_from_then_on_and_no_longer_than_seen(tmp_path: Path) -> None:
    entries = [replace(entry, time_s=entry.time_s + 500.0) for entry in walking(30)]
    path = record(tmp_path / "long.csv", entries)
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    _, _, time_s, _ = parse_trc(tmp_path / "walk.trc")
    np.testing.assert_allclose(time_s, 500.0 + np.arange(30) / 30, atol=1e-4)


def test_of_several_people_a_trc_has_the_one_who_is_there_longest(tmp_path: Path) -> None:
    entries = walking(30)
    for index in range(5, 12):  # somebody passes by in front
        entry = entries[index]
        passer = replace(entry.poses[0], xy=entry.poses[0].xy + 300.0, track_id=2)
        entries[index] = replace(entry, poses=[passer, *entry.poses])
    path = record(tmp_path / "long.csv", entries)
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    _, _, time_s, xyz = parse_trc(tmp_path / "walk.trc")
    assert len(time_s) == 30
    np.testing.assert_allclose(xyz[:, 0, 0], 100 + np.arange(30), atol=0.05)


def test_between_two_frames_a_marker_lies_on_the_straight_line() -> None:
    time_s = np.array([1.0, 1.1, 1.25, 1.3])
    xy = np.stack((10 * time_s, 3 - time_s), axis=1)
    at_s = np.array([1.0, 1.02, 1.09, 1.1, 1.2, 1.24, 1.3])
    found = resample(time_s, xy, at_s, longest_s=0.2)
    np.testing.assert_allclose(found, np.stack((10 * at_s, 3 - at_s), axis=1))
    assert np.isnan(resample(time_s, xy, at_s, longest_s=0.12)[4:6]).all()


@pytest.mark.parametrize(("off_s", "is_there"), [(0.00015, True), (0.00025, False)])
def test_a_marker_is_there_at_its_frame_although_it_is_lost_in_the_next(
    off_s: float, *, is_there: bool
) -> None:
    """Recorded times have four decimals, the samples of a rate have more."""
    time_s, x = np.array([0.0, 0.1, 0.2]), np.array([np.nan, 5.0, np.nan])
    found = resample(time_s, x, np.array([0.1 - off_s, 0.1 + off_s]), longest_s=1.0)
    np.testing.assert_array_equal(found, 5.0 if is_there else np.nan)


def test_opensim_itself_reads_the_trc(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its bindings
        opensim = pytest.importorskip("opensim", reason="pip install opensim")
    path = record(tmp_path / "long.csv", walking(100, dropped=tuple(range(60, 80))))
    assert main([str(path), str(tmp_path / "walk.trc"), "--height", "1.75"]) == 0
    table = opensim.TimeSeriesTableVec3(str(tmp_path / "walk.trc"))
    assert table.getNumRows() == 100
    assert list(table.getColumnLabels()) == list(COCO17.keypoints)
    assert table.getTableMetaDataString("Units") == "m"
    assert float(table.getTableMetaDataString("DataRate")) == 30.0
    _, _, time_s, xyz = parse_trc(tmp_path / "walk.trc")
    np.testing.assert_allclose(list(table.getIndependentColumn()), time_s, atol=1e-6)
    for k, name in enumerate(COCO17.keypoints):
        column = table.getDependentColumn(name)
        found = [[column[i][axis] for axis in range(3)] for i in range(100)]
        np.testing.assert_allclose(found, xyz[:, k], atol=1e-9)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("name", FORMATS)
def test_tables_convert_into_each_other_without_loss(
    tmp_path: Path, name: str, suffix: str
) -> None:
    path = record(tmp_path / name, random_run(2, 40))
    out = tmp_path / f"out.{suffix}"
    assert main([str(path), str(out)]) == 0
    assert_same(read_recording(out), read_recording(path))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, out.name])


@pytest.mark.parametrize(("name", "said"), [("out.jsonl", "30 frames"), ("out.csv", "510 rows")])
def test_what_was_written_is_counted_in_frames_or_in_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    source = record(tmp_path / "all.jsonl", walking(30))
    assert main([str(source), str(tmp_path / name)]) == 0
    assert said in "".join(capsys.readouterr())


def test_a_cut_journal_becomes_a_parquet_file_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.realtime.record.formats.parquet import ParquetSink

    sink = ParquetSink(tmp_path / "all.parquet", COCO17)
    for entry in random_run(3, 30):
        sink.add(entry)
        sink.flush()
    journal = tmp_path / "all.parquet.journal"
    journal.write_bytes(journal.read_bytes()[:-10])
    assert main([str(journal), str(tmp_path / "all.parquet")]) == 0
    assert "the end of the recording is cut off" in capsys.readouterr().out
    assert_same(read_recording(tmp_path / "all.parquet"), read_recording(journal))


def test_a_folder_beside_the_new_one_is_left_alone(tmp_path: Path) -> None:
    path = record(tmp_path / "long.csv", random_run(3, 30))
    (tmp_path / "json.tmp").mkdir()
    (tmp_path / "json.tmp" / "long_000000000099_keypoints.json").write_text("mine")
    assert main([str(path), str(tmp_path / "json")]) == 0
    assert read_openpose(tmp_path / "json", "long", 17)
    assert (tmp_path / "json.tmp" / "long_000000000099_keypoints.json").read_text() == "mine"
    assert {p.name for p in tmp_path.iterdir()} == {"long.csv", "json", "json.tmp"}


@pytest.mark.posix("links need a right there")
def test_a_folder_of_jsons_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    path = record(tmp_path / "long.csv", random_run(3, 30))
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "json").symlink_to(real)
    assert main([str(path), str(tmp_path / "json")]) == 0
    assert (tmp_path / "json").is_symlink()
    assert read_openpose(real, "long", 17)
    assert real.stat().st_mode & 0o777 == 0o700


HALF = [
    ("long.csv", LONG + "0,0,1,a,5,,,,7,measured\n0,0,1,b,1,2,0.5,1,2,measured\n"),
    (
        "wide.csv",
        "frame,time_s,person,score,a_x,a_y,a_score,b_x,b_y,b_score\n0,0,1,0.5,5,,,1,2,0.5\n",
    ),
    (
        "all.jsonl",
        HEAD.replace('["a"]', '["a","b"]') + '{"frame":0,"time_s":0,"persons":[{"id":1,"score":1,'
        '"keypoints":[[5,null,null],[1,2,0.5]],"raw":[[null,7],[1,2]],'
        '"state":["measured","measured"]}]}\n',
    ),
]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("name", "text"), HALF)
def test_half_a_position_is_none_and_no_score_is_zero(
    tmp_path: Path, name: str, text: str, suffix: str
) -> None:
    (tmp_path / name).write_text(text)
    out = tmp_path / f"out.{suffix}"
    assert main([str(tmp_path / name), str(out)]) == 0
    for path in (tmp_path / name, out):
        (person,) = read_recording(path).people
        assert np.isnan(person.xy[0, 0]).all()
        assert np.isnan(person.raw_xy[0, 0]).all()
        assert person.score[0].tolist() == [0.0, 0.5]
        assert person.state[0].tolist() == [State.LOST, State.MEASURED]
        assert person.xy[0, 1].tolist() == [1, 2]


def test_half_a_position_in_a_parquet_file_is_none(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = record(tmp_path / "all.parquet", walking(3))
    table = pq.read_table(path)
    for name in ("y", "raw_x", "score"):
        cells = [None, *table[name].to_pylist()[1:]]
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(name), [cells])
    pq.write_table(table, path)
    (person,) = read_recording(path).people
    assert np.isnan(person.xy[0, 0]).all()
    assert np.isnan(person.raw_xy[0, 0]).all()
    assert person.score[0, 0] == 0
    assert person.state[0, 0] == State.LOST


MISTAKES = [
    (["far.csv", "keep.trc"], "a TRC may have 3000000"),
    (["still.csv", "keep.trc"], "frame 1 is not later than the one before"),
    (["back.csv", "keep.jsonl"], "frame 2 is not later than the one before"),
    (["back.csv", "keep.trc"], "frame 2 is not later than the one before"),
    (["many.csv", "new"], "frame 999999999999 has no place among OpenPose's files"),
    (["minus.csv", "new"], "frame -1 has no place among OpenPose's files"),
    (["none.csv", "out.jsonl"], "cannot read none.csv: No such file"),
    (["long.csv", "long.csv"], "is the recording itself"),
    (["long.csv", "out.xlsx"], "does not end in .csv"),
    (["long.csv", "no/such/out.csv"], "does not exist"),
    (["long.csv", "FULL"], "is not empty"),
    (["long.csv", "bad.csv", "--to", "openpose"], "is a file, OpenPose needs a folder"),
    (["bad.csv", "keep.jsonl"], "line 1: this is not the header"),
    (["bad.csv", "keep.parquet"], "line 1: this is not the header"),
    (["bad.csv", "keep.trc"], "line 1: this is not the header"),
    (["late.csv", "keep.jsonl"], "'x' in column x is not a number"),
    (["late.csv", "new"], "'x' in column x is not a number"),
    (["long.csv", "keep.trc", "--person", "99"], "--person 99 is not in the recording"),
    (["long.csv", "keep.trc", "--height", "175"], "175 is not between 0.3 and 3 metres"),
    (["long.csv", "keep.trc", "--height", "tall"], "invalid float value"),
    (["one.csv", "keep.trc"], "too few for a rate"),
    (["gone.csv", "keep.trc"], "no keypoint of person 1 has a position"),
    (["mpii.csv", "keep.trc", "--height", "1.7"], "--height needs eyes and ankles"),
    (["mpii.csv", "new", "--order", "body25"], "needs the 17 keypoints of COCO"),
    (["long.csv"], "the following arguments are required: OUT"),
]


STRANGE = {  # frame and time_s
    "far": ["0,0", "1,0.03", "2,0.07", "3,1e12"],
    "still": ["0,1", "1,1", "2,1"],
    "back": ["0,0", "1,0.2", "2,0.1"],
    "many": ["0,0", "999999999999,1"],
    "minus": ["-1,0", "0,1"],
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_is_one_sentence_and_destroys_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    record(Path("long.csv"), random_run(4, 30))
    Path("bad.csv").write_text("a,b\n1,2\n")
    Path("late.csv").write_text(Path("long.csv").read_text() + "900,9,1,nose,x,1,1,1,1,lost\n")
    Path("mpii.csv").write_text(
        record(tmp_path / "all.jsonl", random_run(5, 30, MPII16), MPII16).read_text()
    )
    first = Path("long.csv").read_text().splitlines(keepends=True)[:18]
    Path("one.csv").write_text("".join(first))
    for name, places in STRANGE.items():
        rows = "".join(f"{place},1,a,1,2,0.5,1,2,measured\n" for place in places)
        Path(f"{name}.csv").write_text(LONG + rows)
    rows = "".join(f"{n},0.{n},1,a,,,0,,,lost\n" for n in range(3))
    Path("gone.csv").write_text(LONG + rows)
    Path("FULL").mkdir()
    Path("FULL/mine.txt").write_text("mine")
    for suffix in ("jsonl", "parquet", "trc"):
        Path(f"keep.{suffix}").write_text("mine")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main([*arguments, "--force"]) == 2  # the files to keep are nobody's recordings
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 2
    assert "  fix: " in said.err
    assert not said.out
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_a_conversion_that_a_full_disk_ends_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    from steadypose.realtime.record.formats.parquet import ParquetSink

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = record(tmp_path / "long.csv", random_run(1, 5), COCO17)
    monkeypatch.setattr(ParquetSink, "_write_parquet", full)
    before = set(tmp_path.iterdir())
    assert main([str(path), str(tmp_path / "b.parquet")]) == 2
    assert set(tmp_path.iterdir()) == before


def test_a_trc_from_a_cut_recording_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "all.jsonl", walking(60))
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    assert "cut off" not in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-40])
    assert main([str(path), str(tmp_path / "walk.trc")]) == 0
    assert "the end of the recording is cut off" in capsys.readouterr().out


@pytest.mark.parametrize(("step_s", "rate_hz"), [(1 / 30, 30.0), (40.0, 0.03), (300.0, 0.01)])
def test_pictures_that_are_minutes_apart_still_have_a_rate_in_a_trc(
    step_s: float, rate_hz: float
) -> None:
    track: Any = SimpleNamespace(time_s=step_s * np.arange(4), frame=np.arange(4), person=1)
    assert _rate(track) == pytest.approx(rate_hz)


@pytest.mark.parametrize(("last_s", "rate_hz"), [(0.14, 9.57), (0.16, 10.0), (0.04, 10.0)])
def test_a_step_that_is_more_than_half_longer_or_shorter_than_most_does_not_count_for_the_rate(
    last_s: float, rate_hz: float
) -> None:
    time_s = np.append(0.1 * np.arange(9), 0.8 + last_s)
    track: Any = SimpleNamespace(time_s=time_s, frame=np.arange(10), person=1)
    assert _rate(track) == pytest.approx(rate_hz)


@pytest.mark.parametrize("step_s", [0.0, 0.8e-4])
def test_times_that_stand_still_have_no_rate_and_that_is_said(step_s: float) -> None:
    time_s = 2.0 + step_s * np.arange(4)
    track: Any = SimpleNamespace(time_s=time_s, frame=np.arange(4), person=7)
    with pytest.raises(RecordError, match="the times of person 7 do not grow"):
        _rate(track)
    track.time_s = 2.0 + 1.5e-4 * np.arange(4)  # of a very fast camera
    assert _rate(track) == pytest.approx(6666.67)
