"""What people find after something went wrong: a full disk, a broken encoder, a wrong name."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
import time
import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.file_io import replace_file
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.output_checks import check_outputs
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.journal import journal_path
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.record.formats.reading_csv import csv_blocks
from steadypose.realtime.record.formats.tables import Table
from steadypose.realtime.record.formats.whole_file import WholeFile
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.recorder import Recorder, record_table, record_video
from steadypose.realtime.record.video import VideoSink
from steadypose.realtime.sources.opening import SourceOptions
from tests.conftest import make_pose
from tests.realtime.record.test_formats import FORMATS
from tests.realtime.record.test_recording import csv_recorder, csv_table

GRAY: NDArray[np.uint8] = np.full((48, 64, 3), 90, np.uint8)


class SmallDisk:
    """``os.write`` of a disk with so many bytes of room; a write may end half way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr("steadypose.realtime.record.formats.whole_file.os.write", self.write)

    def write(self, handle: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(handle, data[: self.room])
        self.room -= written
        return written


def test_after_a_full_disk_rows_go_on_where_the_last_whole_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not behind a hole of NUL bytes, which no reader takes."""
    disk = SmallDisk(monkeypatch, 14)
    file = WholeFile(tmp_path / "a.csv")
    file.append(b"one\n", end=b"\n")
    with pytest.raises(OSError, match="No space"):
        file.append(b"two\nthree\nfour\n", end=b"\n")
    assert (tmp_path / "a.csv").read_bytes() == b"one\ntwo\nthree\n"
    assert file.size_bytes == 14
    disk.room = 100
    file.append(b"five\n", end=b"\n")
    file.close()
    file.close()
    assert (tmp_path / "a.csv").read_bytes() == b"one\ntwo\nthree\nfive\n"
    assert file.size_bytes == 19


def test_a_batch_that_was_half_written_is_cut_off_and_the_next_one_follows_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SmallDisk(monkeypatch, 6)
    file = WholeFile(tmp_path / "a.journal")
    file.append(b"aaaa")
    with pytest.raises(OSError, match="No space"):
        file.append(b"bbbb")
    disk.room = 100
    file.append(b"cccc")
    file.close()
    assert (tmp_path / "a.journal").read_bytes() == b"aaaacccc"
    assert file.size_bytes == 8


def test_a_file_that_cannot_be_replaced_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def half(fresh: Path) -> None:
        fresh.write_text("ne")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        replace_file(path, half)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "old")]


class BreakingStream:
    """An encoder that fails with its fourth picture."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.pictures = stream, 0

    def encode(self, frame: Any = None) -> Iterable[Any]:
        self.pictures += 1
        if self.pictures == 4:
            raise av.error.ExternalError(1, "generic error in an external library")
        packets: Iterable[Any] = self.stream.encode(frame)
        return packets


def test_an_encoder_that_fails_is_said_and_what_it_wrote_before_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = VideoSink._open_stream

    def breaking(sink: VideoSink, image: NDArray[np.uint8]) -> Any:
        return BreakingStream(opens(sink, image))

    monkeypatch.setattr(VideoSink, "_open_stream", breaking)
    recorder = record_video(tmp_path / "a.mp4", fps=30, is_live=False)
    with pytest.raises(RecordError, match=r"failed at frame 3: .*external") as told:
        for n in range(100):
            recorder.put((lambda: GRAY, 0.6 * n))
        recorder.close()
    assert "without --save-video" in told.value.fix
    with pytest.raises(RecordError, match="encoder failed"):
        recorder.close()
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 3


def test_the_summary_names_every_file_and_what_is_in_it(tmp_path: Path) -> None:
    tables = (csv_table(tmp_path / "a.csv"),)
    outputs = Outputs(COCO17, 30.0, is_live=False, tables=tables, video=tmp_path / "a.mp4")
    assert outputs.describe() == "nothing recorded"
    assert outputs.wants_video
    for n in range(2):
        outputs.write_poses(Frame(GRAY, n, n / 30, 0.0), [make_pose()])
        outputs.write_picture(lambda: GRAY, n / 30)
    outputs.close()
    assert outputs.describe() == (f"{tmp_path / 'a.csv'} (2 rows), {tmp_path / 'a.mp4'} (2 frames)")
    assert outputs._video is not None
    outputs._video.given_up = 3
    assert outputs.describe().endswith("a.mp4 (2 frames, 3 given up)")


@pytest.mark.parametrize("option", ["benchmark", "csv", "jsonl"])
def test_no_output_may_be_written_over_the_model(tmp_path: Path, option: str) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes(b"weights of a week")
    arguments = build_parser().parse_args(["--source=demo", f"--{option}", str(model)])
    settings = to_settings(arguments, model)
    with pytest.raises(UsageError, match=r"mine\.onnx is read, by this run"):
        check_outputs(settings)
    assert model.read_bytes() == b"weights of a week"


def test_a_video_that_cannot_be_encoded_is_told_before_the_run_and_not_at_its_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "steadypose.realtime.record.video", None)
    check_outputs(Settings())
    with pytest.raises(RecordError, match="a video needs av") as told:
        check_outputs(replace(Settings(), video=tmp_path / "a.mp4"))
    assert "pip install av" in told.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("spoilt", ["number", "columns", "place"])
def test_a_damaged_line_is_named_by_its_number_however_long_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: Any, spoilt: str
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.formats.reading_csv._CHUNK_ROWS", 17)
    path = tmp_path / "a.csv"
    recorder = csv_recorder(path, layout)
    for n in range(60):
        recorder.put(Entry(n, n / 30, [make_pose()]))
    recorder.close()
    lines = path.read_text().splitlines()
    cells = lines[49].split(",")  # line 50 of an editor, in the third or fourth block
    if spoilt == "columns":
        cells.append("more")
    else:
        cells[4 if spoilt == "number" else 0] = "much"
    lines[49] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordError, match=r"a\.csv, line 50: "):
        list(csv_blocks(ReadState(path)))


def test_a_person_whose_keypoints_are_not_in_order_is_named_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.formats.reading_csv._CHUNK_ROWS", 20)
    path = tmp_path / "a.csv"
    recorder = csv_recorder(path, "long")
    for n in range(6):
        recorder.put(Entry(n, n / 30, [make_pose()]))
    recorder.close()
    lines = path.read_text().splitlines()
    lines[69], lines[70] = lines[70], lines[69]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordError, match=r"line 70: expected \w+ of person 1 in frame 4"):
        list(csv_blocks(ReadState(path)))


def test_a_disk_with_less_than_two_megabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(SourceOptions("demo"), tables=(csv_table(tmp_path / "a.csv"),))
    for free, is_enough in ((1_900_000, False), (2_100_000, True)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, f=free: SimpleNamespace(free=f))
        if is_enough:
            check_outputs(settings)
        else:
            with pytest.raises(RecordError, match="only 1900 kB"):
                check_outputs(settings)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("name", ["wide.csv", "all.jsonl", "all.parquet"])
def test_the_totals_count_what_is_on_a_disk_that_got_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    table = Table(FORMATS[name], tmp_path / name)
    recorder = record_table(table, COCO17)
    disk = SmallDisk(monkeypatch, 1_500_000 if name == "all.parquet" else 60_000)
    with pytest.raises(RecordError, match="disk is full"):
        for index in range(3000):
            recorder.put(Entry(index, index / 30, [make_pose()]))
            time.sleep(0.001)
    with pytest.raises(RecordError, match="disk is full"):
        recorder.close()
    disk.room = 10**9
    kept = table.path if table.path.exists() else journal_path(table.path)
    (person,) = read_recording(kept).people
    rows = len(person.frame) * (len(COCO17) if name == "all.parquet" else 1)
    assert recorder.rows == rows > 0


def test_the_name_of_the_part_that_failed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(FORMATS["wide.csv"], tmp_path / "a.csv")
    recorder = record_table(table, COCO17, Limit(size_bytes=20_000))
    SmallDisk(monkeypatch, 50_000)
    with pytest.raises(RecordError, match=r"a\.003\.csv ends here"):
        for index in range(3000):
            recorder.put(Entry(index, index / 30, [make_pose()]))
            time.sleep(0.001)
    with pytest.raises(RecordError):
        recorder.close()


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 100), (77, 1), (3, 5), (2, 2)])
def test_a_video_of_tiny_pictures_is_a_video(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    sink = VideoSink(tmp_path / "a.mp4", fps=30.0)
    image: NDArray[np.uint8] = np.full((*size_hw, 3), 200, np.uint8)
    for index in range(3):
        sink.add((image.copy, index / 30))
    sink.close()
    with av.open(str(tmp_path / "a.mp4")) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) == 3
    assert frames[0].shape == tuple(max(2, side // 2 * 2) for side in size_hw)
    assert abs(float(frames[0].mean()) - 200) < 8


def open_files() -> set[str]:
    """Where the open files of this process lead."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.add(str(link.readlink()))
    return names


@pytest.mark.posix("limits of a process, and its open files")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("pictures", [0, 1, 40])
def test_a_film_on_a_full_disk_is_closed_all_the_same(tmp_path: Path, pictures: int) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.mp4"
    sink = VideoSink(path, fps=30.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for index in range(pictures):
        sink.add((lambda: GRAY, index / 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            sink.add((lambda: GRAY, pictures / 30))
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with contextlib.suppress(OSError):
        sink.close()
    assert str(path) not in open_files()


@pytest.mark.posix("limits of a process, and its open files")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("name", ["wide.csv", "all.jsonl", "all.parquet"])
def test_a_table_on_a_full_disk_is_closed_and_free_all_the_same(tmp_path: Path, name: str) -> None:
    resource = pytest.importorskip("resource")
    form = FORMATS[name]
    if form.name == "parquet":
        pytest.importorskip("pyarrow")
    gc.collect()
    gc.disable()
    try:
        table = record_table(Table(form, tmp_path / name), COCO17)
        table.put(Entry(0, 0.0, [make_pose(track_id=1)]))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(RecordError) as raised:
                table.close()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        left = weakref.ref(table)
        del table, raised
        assert not [file for file in open_files() if str(tmp_path) in file]
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.posix("limits of a process, and its open files")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_parquet_file_that_finds_no_room_is_closed_and_its_journal_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    sink: Any = FORMATS["all.parquet"].open(path, COCO17)
    sink.add(Entry(0, 0.0, [make_pose(track_id=1)]))
    sink.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(RecordError, match="could not be made") as raised:
            sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [file for file in open_files() if str(tmp_path) in file], raised
    assert len(read_recording(journal_path(path)).people) == 1


@pytest.mark.parametrize("kind", ["film", "table"])
def test_what_was_recorded_frees_its_memory_when_it_is_closed(tmp_path: Path, kind: str) -> None:
    """Encoders hold megabytes: they do not wait for a collection of garbage."""
    gc.collect()
    gc.disable()
    try:
        if kind == "film":
            film = record_video(tmp_path / "a.mp4", fps=30.0, is_live=False)
            film.put((lambda: GRAY, 0.0))
            film.close()
            left: weakref.ref[Any] = weakref.ref(film)
            del film
        else:
            table = csv_recorder(tmp_path / "a.csv")
            table.close()
            left = weakref.ref(table)
            del table
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.posix("modes")
def test_a_new_recording_may_be_read_and_written_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        WholeFile(tmp_path / "a.csv").close()
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o7777 == 0o666


@pytest.mark.parametrize("fails_at", ["open", "flush"])
def test_a_file_that_cannot_be_begun_is_left_and_may_be_begun_again(
    tmp_path: Path, fails_at: str
) -> None:
    opened, closed, path = list[Path](), list[Path](), tmp_path / "a.csv"

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def open_sink(path: Path) -> Any:
        if fails_at == "open":
            raise RecordError("the disk is full", fix="make room")
        opened.append(path)
        return SimpleNamespace(flush=fail, close=lambda: closed.append(path))

    for _ in range(2):
        with pytest.raises(RecordError, match="disk is full"):
            Recorder[int](path, open_sink, time_of=float, limit=None, capacity=1, may_drop=False)
    assert closed == opened


def test_a_video_that_cannot_be_begun_is_said_and_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def refuse(file: Any, *_: Any, **__: Any) -> None:
        given.append(file)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(RecordError, match=r"cannot write video .*a\.mp4: Input/output error"):
        VideoSink(tmp_path / "a.mp4", fps=30.0)
    assert [file.closed for file in given] == [True]
    with pytest.raises(RecordError, match=r"cannot write video .*a\.mp4: No such file"):
        VideoSink(tmp_path / "none" / "a.mp4", fps=30.0)


def test_a_video_that_could_not_be_ended_is_not_ended_again(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mp4", fps=30.0)
    sink.add((lambda: np.zeros((48, 64, 3), np.uint8), 0.0))
    close = sink._container.close
    ends = 0

    def fail() -> None:
        nonlocal ends
        ends += 1
        close()
        raise OSError(errno.ENOSPC, "No space left on device")

    sink._container = SimpleNamespace(close=fail, mux=sink._container.mux)
    with pytest.raises(OSError, match="No space"):
        sink.close()
    sink.close()
    assert ends == 1
