"""What people keep: exact rows, true times, and files that survive."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import check_writable
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import Frame, State
from steadypose.realtime.record.background import BackgroundWriter
from steadypose.realtime.record.formats.csv_rows import header, long_rows, wide_row
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.recorder import Recorder, record_table, record_video
from steadypose.realtime.record.video import VideoSink
from tests.conftest import make_pose
from tests.support.systems import is_root

MakeFrame = Callable[..., Frame]


def csv_table(path: Path, layout: str = "wide") -> Table:
    return Table(find_table("csv", layout), path)


def csv_recorder(path: Path, layout: str = "wide") -> Recorder[Entry]:
    return record_table(csv_table(path, layout), COCO17)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_unseen_keypoint_is_an_empty_cell_not_zero(tmp_path: Path) -> None:
    recorder = csv_recorder(tmp_path / "out.csv")
    recorder.put(Entry(3, 0.125, [make_pose(lost=("left_wrist",), track_id=2)]))
    recorder.close()
    (row,) = read(tmp_path / "out.csv")
    assert row["left_wrist_x"] == row["left_wrist_y"] == ""
    assert row["left_wrist_score"] == "0.500"
    assert (row["frame"], row["time_s"], row["person"]) == ("3", "0.1250", "2")
    assert float(row["nose_x"]) == 10.0
    assert list(row)[:4] == ["frame", "time_s", "person", "score"]
    assert len(row) == 4 + 3 * 17


def test_long_layout_has_a_row_per_keypoint_with_raw_and_state(tmp_path: Path) -> None:
    recorder = csv_recorder(tmp_path / "out.csv", "long")
    recorder.put(Entry(0, 0.0, [make_pose(lost=("nose",)), make_pose(track_id=4)]))
    recorder.close()
    rows = read(tmp_path / "out.csv")
    assert len(rows) == recorder.rows == 34
    assert rows[0] == {
        **dict.fromkeys(("x", "y", "raw_x", "raw_y"), ""),
        "frame": "0",
        "time_s": "0.0000",
        "person": "1",
        "keypoint": "nose",
        "score": "0.500",
        "state": "lost",
    }
    assert rows[18]["keypoint"] == "left_eye"
    assert (rows[18]["person"], rows[18]["raw_x"], rows[18]["x"]) == ("4", "11.50", "11.00")
    assert rows[18]["state"] == "measured"


@given(
    st.lists(st.tuples(st.floats(-5e3, 5e3), st.floats(-5e3, 5e3)), min_size=17, max_size=17),
    st.lists(st.booleans(), min_size=17, max_size=17),
    st.integers(0, 10**6),
    st.floats(0, 1e5),
)
def test_read_of_write_is_what_was_written(
    points: list[tuple[float, float]], lost: list[bool], index: int, time_s: float
) -> None:
    pose = make_pose()
    pose.xy[:] = points
    pose.xy[np.array(lost)] = math.nan
    pose.state[np.array(lost)] = State.LOST
    line = wide_row(index, time_s, pose)
    row = dict(zip(header(COCO17, "wide"), line.rstrip("\n").split(","), strict=True))
    assert int(row["frame"]) == index
    assert float(row["time_s"]) == pytest.approx(time_s, abs=1e-4)
    for name, (x, y), is_lost in zip(COCO17.keypoints, points, lost, strict=True):
        if is_lost:
            assert row[f"{name}_x"] == ""
        else:
            assert float(row[f"{name}_x"]) == pytest.approx(x, abs=0.006)
            assert float(row[f"{name}_y"]) == pytest.approx(y, abs=0.006)
    columns = len(header(COCO17, "long"))
    assert all(len(text.split(",")) == columns for text in long_rows(index, time_s, pose))


def test_rows_reach_the_disk_within_a_second_without_close(tmp_path: Path) -> None:
    recorder = csv_recorder(tmp_path / "out.csv")
    recorder.put(Entry(0, 0.0, [make_pose()]))
    deadline = time.perf_counter() + 2.0
    while len(read(tmp_path / "out.csv")) < 1 and time.perf_counter() < deadline:
        time.sleep(0.05)
    text = (tmp_path / "out.csv").read_text()
    assert text.count("\n") == 2
    assert text.endswith("\n")
    recorder.close()


def test_a_full_disk_is_said_and_only_whole_lines_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write, budget = os.write, [2600]

    def write(handle: int, data: bytes) -> int:
        if len(data) > 8 and budget[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = data[: budget[0]]
        budget[0] -= len(part)
        return real_write(handle, part)

    monkeypatch.setattr(os, "write", write)
    recorder = csv_recorder(tmp_path / "out.csv")
    with pytest.raises(RecordError, match="disk is full"):
        for i in range(10_000):
            recorder.put(Entry(i, i / 30, [make_pose()]))
            time.sleep(0.001)
    with pytest.raises(RecordError, match="disk is full"):
        recorder.close()
    monkeypatch.undo()
    rows = read(tmp_path / "out.csv")
    assert rows
    assert all(None not in row.values() for row in rows)
    assert (tmp_path / "out.csv").read_text().endswith("\n")


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_frames_without_people_have_no_rows(tmp_path: Path, layout: str) -> None:
    recorder = csv_recorder(tmp_path / "out.csv", layout)
    recorder.put(Entry(0, 0.0, []))
    recorder.close()
    recorder.close()
    assert read(tmp_path / "out.csv") == []


def gray(value: int) -> NDArray[np.uint8]:
    return np.full((91, 121, 3), value, np.uint8)


def video_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def test_video_keeps_the_true_time_of_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = record_video(path, fps=30, is_live=False)
    times = [5.0, 5.033, 5.2, 5.21, 5.9]
    for i, time_s in enumerate(times):
        recorder.put((partial(gray, 40 * i), time_s))  # odd sides
    recorder.close()
    np.testing.assert_allclose(video_times(path), np.array(times) - 5.0, atol=1e-3)
    assert recorder.rows == 5


@pytest.mark.parametrize("fps", [29.97, 15.0])
def test_a_video_says_its_rate_and_can_be_entered_at_every_second(
    tmp_path: Path, fps: float
) -> None:
    sink = VideoSink(tmp_path / "a.mp4", fps=fps)
    for index in range(40):
        sink.add((lambda: np.full((48, 64, 3), 90, np.uint8), index / fps))
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as film:
        stream = film.streams.video[0]
        assert float(stream.codec_context.framerate) == pytest.approx(fps)
        assert stream.codec_context.pix_fmt == "yuv420p"  # what every player takes
        keys = [float(p.pts * p.time_base) for p in film.demux(video=0) if p.is_keyframe]
    assert keys == pytest.approx([round(fps) * n / fps for n in range(len(keys))], abs=1e-3)
    assert len(keys) == -(-40 // round(fps))


def test_video_survives_a_change_of_frame_size(tmp_path: Path) -> None:
    recorder = record_video(tmp_path / "out.mp4", fps=30, is_live=False)
    recorder.put((lambda: np.zeros((90, 120, 3), np.uint8), 0.0))
    recorder.put((lambda: np.zeros((45, 60, 3), np.uint8), 0.1))
    recorder.put((lambda: np.zeros((90, 120, 3), np.uint8), 0.1))  # a time that does not grow
    recorder.close()
    assert len(video_times(tmp_path / "out.mp4")) == 3


def shown(path: Path, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as a video of it shows it."""
    sink = VideoSink(path, fps=30)
    sink.add((lambda: image, 0.0))
    sink.close()
    with av.open(str(path)) as film:
        return next(film.decode(video=0)).to_ndarray(format="bgr24")


def test_a_picture_with_odd_sides_loses_its_last_row_and_column_and_is_not_blurred(
    tmp_path: Path,
) -> None:
    image = np.zeros((49, 65, 3), np.uint8)
    image[:, (np.arange(65) // 4) % 2 == 1] = 220
    found = shown(tmp_path / "a.mp4", image)
    assert found.shape == (48, 64, 3)
    assert np.abs(found.astype(int) - image[:48, :64]).mean() < 8


@pytest.mark.parametrize("axis", [0, 1])
def test_a_camera_that_comes_back_larger_is_shown_whole_in_the_same_film(
    tmp_path: Path, axis: int
) -> None:
    small = np.full((48, 64, 3), 40, np.uint8)
    large = np.concatenate((small, np.full_like(small, 210)), axis=axis)
    sink = VideoSink(tmp_path / "a.mp4", fps=30)
    sink.add((lambda: small, 0.0))
    sink.add((lambda: large, 0.1))
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as film:
        *_, found = (frame.to_ndarray(format="bgr24") for frame in film.decode(video=0))
    assert found.shape == small.shape
    dark, bright = np.split(found, 2, axis=axis)
    assert dark.mean() < 50
    assert bright.mean() > 200


@pytest.mark.parametrize("hw", [(1, 64), (64, 1), (1, 65), (65, 1)])
def test_a_picture_of_a_single_line_is_shown_twice_as_thick(
    tmp_path: Path, hw: tuple[int, int]
) -> None:
    stripes = np.where(np.arange(max(hw)) % 2, 40, 210).astype(np.uint8)  # a blur makes them grey
    image = np.repeat(stripes.reshape(*hw, 1), 3, axis=2)
    found = shown(tmp_path / "a.mp4", image)
    wanted = np.repeat(image[:64, :64], 2, axis=hw.index(1))
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("hw", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_a_video_of_the_smallest_pictures_is_written(tmp_path: Path, hw: tuple[int, int]) -> None:
    sink = VideoSink(tmp_path / "a.mp4", fps=30)
    for index in range(3):
        sink.add((lambda: np.full((*hw, 3), 200, np.uint8), index / 30))
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 3
    assert (frames[0].height, frames[0].width) == tuple(max(2, n // 2 * 2) for n in hw)


def test_video_is_readable_before_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = record_video(path, fps=30, is_live=False)
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for i in range(90):
        recorder.put((lambda: noise, i / 30))
    deadline = time.perf_counter() + 5
    while time.perf_counter() < deadline and path.stat().st_size < 20_000:
        time.sleep(0.05)
    copy = tmp_path / "killed.mp4"
    copy.write_bytes(path.read_bytes())
    times = video_times(copy)
    assert len(times) >= 60
    recorder.close()


def test_a_live_video_gives_up_frames_instead_of_waiting(tmp_path: Path) -> None:
    recorder = record_video(tmp_path / "out.mp4", fps=30, is_live=True)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    begin = time.perf_counter()
    for i in range(300):
        recorder.put((lambda: noise, i / 30))
    assert time.perf_counter() - begin < 2.0
    recorder.close()
    assert recorder.given_up > 0
    assert recorder.rows + recorder.given_up == 300
    assert len(video_times(tmp_path / "out.mp4")) == recorder.rows


def test_a_path_that_cannot_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="does not exist"):
        check_writable(tmp_path / "none" / "out.csv", "--csv")
    with pytest.raises(RecordError, match="is a folder"):
        check_writable(tmp_path, "--csv")
    check_writable(tmp_path / "new.csv", "--csv")
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.skipif(is_root(), reason="root may write anywhere")
@pytest.mark.posix("modes of folders")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordError, match="cannot write"):
        check_writable(tmp_path / "out.csv", "--csv")
    tmp_path.chmod(0o700)


def test_a_disk_with_no_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(RecordError, match="only 1 kB"):
        check_writable(tmp_path / "out.csv", "--csv")


def test_an_earlier_recording_survives_until_the_first_frame(
    tmp_path: Path, make_frame: MakeFrame
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("earlier\n")
    outputs = Outputs(COCO17, 30.0, is_live=True, tables=(csv_table(path),))
    check_writable(path, "--csv")
    assert path.read_text() == "earlier\n"
    outputs.write_poses(make_frame(0), [make_pose()])
    outputs.close()
    assert len(read(path)) == 1


def test_recording_can_be_switched_off_and_on(tmp_path: Path, make_frame: MakeFrame) -> None:
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=(csv_table(tmp_path / "a.csv"),))
    for i in range(6):
        if i in {2, 4}:
            outputs.toggle()
        outputs.write_poses(make_frame(i), [make_pose()])
    outputs.close()
    assert [row["frame"] for row in read(tmp_path / "a.csv")] == ["0", "1", "4", "5"]
    assert "4 rows" in outputs.describe()


def test_pressing_record_without_file_names_makes_some(
    tmp_path: Path, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = Outputs(COCO17, 30.0, is_live=False)
    assert not outputs.is_recording
    assert outputs.toggle() == "recording"
    outputs.write_poses(make_frame(0), [make_pose()])
    outputs.write_picture(lambda: make_frame(0).image_bgr, 0.0)
    outputs.close()
    (table,) = (tmp_path / "out").glob("steadypose-*.csv")
    (video,) = (tmp_path / "out").glob("steadypose-*.mp4")
    assert table.read_text().startswith("frame,time_s,person,score,nose_x,")
    assert outputs.files == (table.relative_to(tmp_path), video.relative_to(tmp_path))


def test_pressing_record_goes_on_in_the_files_that_were_named_and_in_no_others(
    tmp_path: Path, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=(csv_table(tmp_path / "a.csv"),))
    assert [outputs.toggle() for _ in range(4)] == ["recording paused", "recording"] * 2
    assert not outputs.wants_video
    outputs.write_poses(make_frame(0), [make_pose()])
    outputs.close()
    assert outputs.files == (tmp_path / "a.csv",)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_the_description_of_a_recording_is_among_its_files(
    tmp_path: Path, make_frame: MakeFrame
) -> None:
    table = csv_table(tmp_path / "a.csv")
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=(table,), run_info={})
    assert not outputs.files
    outputs.write_poses(make_frame(0), [make_pose()])
    outputs.close()
    assert outputs.files == (tmp_path / "a.csv", tmp_path / "a.meta.json")


def test_pressing_record_where_there_is_no_room_is_told_and_records_nothing(
    tmp_path: Path, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("steadypose.engines.file_io._LEAST_FREE_BYTES", 1 << 60)
    outputs = Outputs(COCO17, 30.0, is_live=False)
    with pytest.raises(RecordError, match=r"recording to out.steadypose-.* kB are free there"):
        outputs.toggle()
    assert not outputs.is_recording
    outputs.write_poses(make_frame(0), [make_pose()])
    outputs.close()
    assert outputs.files == ()


@pytest.mark.parametrize("waiting", [0, 3, 50])
def test_closing_never_hangs_after_a_failure(tmp_path: Path, waiting: int) -> None:
    """Whatever waits in the queue when the disk gives out."""
    gate = threading.Event()

    def write(_: int) -> None:
        gate.wait(5.0)
        raise OSError(errno.ENOSPC, "full")

    writer = BackgroundWriter[int](
        write, lambda: time.sleep(0.2), path=lambda: tmp_path / "x", capacity=max(1, waiting)
    )
    writer.put(0, may_drop=True)
    for i in range(waiting + 2):
        writer.put(i, may_drop=True)
    closer = threading.Timer(0.1, gate.set)
    closer.start()
    begin = time.perf_counter()
    with pytest.raises(RecordError, match="disk is full"):
        writer.close()
    assert time.perf_counter() - begin < 3.0
    with pytest.raises(RecordError):
        writer.put(1, may_drop=False)


def test_a_disk_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.background._STUCK_S", 0.3)
    gate = threading.Event()

    def stuck(_: int) -> None:
        gate.wait(10.0)

    writer = BackgroundWriter[int](stuck, lambda: None, path=lambda: tmp_path / "x", capacity=4)
    for i in range(4):
        writer.put(i, may_drop=True)
    with pytest.raises(RecordError, match="does not answer"):
        writer.close()
    gate.set()


def test_at_the_end_a_disk_that_does_not_answer_is_waited_for_ten_seconds(tmp_path: Path) -> None:
    gate, is_stuck, waits = threading.Event(), threading.Event(), list[float]()

    def stuck(_: int) -> None:
        is_stuck.set()
        gate.wait(10.0)

    def join(timeout: float) -> None:
        waits.append(timeout)

    writer = BackgroundWriter[int](stuck, lambda: None, path=lambda: tmp_path / "x", capacity=4)
    end, writer._thread.join = writer._thread.join, join  # type: ignore[method-assign,assignment]
    writer.put(0, may_drop=True)
    assert is_stuck.wait(10.0)
    with pytest.raises(RecordError, match="does not answer"):
        writer.close()
    gate.set()
    end()
    assert sum(waits) == pytest.approx(10.0, abs=0.3)


def test_long_work_at_the_end_is_not_taken_for_a_disk_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.background._STUCK_S", 0.3)
    done = [0]

    def close() -> None:
        for _ in range(10):
            time.sleep(0.1)
            done[0] += 1

    writer = BackgroundWriter[int](
        lambda _: None, close, path=lambda: tmp_path / "x", capacity=4, progress=lambda: done[0]
    )
    writer.close()
    assert done[0] == 10


@pytest.mark.parametrize("limit", [Limit(duration_s=1.0), Limit(size_bytes=40_000)])
def test_a_video_goes_on_in_another_file(tmp_path: Path, limit: Limit) -> None:
    recorder = record_video(tmp_path / "out.mp4", fps=30, is_live=False, limit=limit)
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for i in range(75):
        recorder.put((lambda: noise, 5 + i / 30))
    recorder.close()
    counts = [len(video_times(path)) for path in recorder.paths]
    assert sum(counts) == recorder.rows == 75
    assert video_times(recorder.paths[1])[0] == 0.0
    if limit.duration_s:
        assert counts == [30, 30, 15]


def test_a_sidecar_is_there_from_the_start_and_complete_at_the_end(
    tmp_path: Path, make_frame: MakeFrame
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"abc")
    outputs = Outputs(
        COCO17,
        30.0,
        is_live=False,
        tables=(Table(find_table("jsonl"), tmp_path / "a.jsonl"),),
        run_info={"model": "m", "model_file": tmp_path / "model.onnx"},
        dropped=lambda: 7,
    )
    assert not list(tmp_path.glob("*.json"))
    outputs.write_poses(make_frame(0), [])
    path, deadline = tmp_path / "a.meta.json", time.perf_counter() + 5
    assert json.loads(path.read_text())["ended"] is None  # from the first frame on
    while "model_sha256" not in path.read_text() and time.perf_counter() < deadline:
        time.sleep(0.01)
    begun = json.loads(path.read_text())
    assert begun["ended"] is begun["frames"] is begun["dropped"] is None
    assert begun["model_sha256"].startswith("ba7816bf")
    assert "model_file" not in begun
    assert begun["frame_size_wh"] == [160, 120]
    outputs.close()
    ended = json.loads(path.read_text())
    assert (ended["frames"], ended["dropped"]) == (1, 7)
    assert ended["files"] == [{"names": ["a.jsonl"], "rows": 1}]
    assert ended["started"] == begun["started"] <= ended["ended"]


def test_a_sidecar_that_cannot_be_written_is_said_and_the_table_is_complete(
    tmp_path: Path, make_frame: MakeFrame
) -> None:
    (tmp_path / "a.meta.json").mkdir()
    outputs = Outputs(
        COCO17, 30.0, is_live=False, tables=(csv_table(tmp_path / "a.csv"),), run_info={}
    )
    outputs.write_poses(make_frame(0), [make_pose()])
    with pytest.raises(RecordError, match=r"cannot write .*a\.meta\.json"):
        outputs.close()
    assert len(read(tmp_path / "a.csv")) == 1


def test_a_folder_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").write_text("a file in the way")
    outputs = Outputs(COCO17, 30.0, is_live=False)
    for _ in range(2):
        with pytest.raises(RecordError, match="cannot write out"):
            outputs.toggle()
        assert not outputs.is_recording
