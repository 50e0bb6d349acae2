"""Damage costs what it hits; what is missing is said, and nothing else is called missing."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.sources.video import ending
from steadypose.realtime.sources.video import film as films
from steadypose.realtime.sources.video.container import Input
from steadypose.realtime.sources.video.decoding import JpegEnds, Tally, _kept
from steadypose.realtime.sources.video.film import _timed
from steadypose.realtime.sources.video.holes import behind
from steadypose.realtime.sources.video.times import TimeNotes
from steadypose.realtime.sources.video.whole import Cut, cut_of
from tests.support.films import Watched, even, listed, watch, write

MS = Fraction(1, 1000)
NOISE = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_WATCHED_S", 0.2)


def made(path: Path, count: int = 120) -> Path:
    """A film of noise: each frame is some kilobytes."""
    front = {"movflags": "faststart"} if path.suffix in {".mp4", ".mov"} else {}
    base = MS if path.suffix == ".mkv" else Fraction(1, 30)
    if path.suffix == ".avi":
        return write(path, even(count), base=base, codec="mjpeg", pix_fmt="yuvj420p")
    return write(path, even(count), base=base, container=front)


def spoilt(path: Path, *, at: float, data: bytes = NOISE) -> Path:
    """A hole in the middle of a file."""
    content = bytearray(path.read_bytes())
    begin = int(len(content) * at)
    content[begin : begin + len(data)] = data
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    """The beginning of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share) | 1])
    return path


@pytest.mark.parametrize("end", ["mp4", "mov", "mkv", "ts", "avi"])
@pytest.mark.parametrize("at", [0.25, 0.6])
def test_damage_in_the_middle_costs_the_damaged_frames_only(
    tmp_path: Path, end: str, at: float
) -> None:
    path = made(tmp_path / f"a.{end}")
    whole = listed(path) or even(120)
    seen = watch(spoilt(path, at=at))
    assert len(seen.times_s) >= 108  # a group of twelve, where its key frame is hit
    apart = np.abs(np.subtract.outer(seen.times_s, whole)).min(axis=1)
    assert apart.max() < 1e-3
    lost = 120 - len(seen.times_s)
    if lost:
        assert seen.error is not None
        assert f"{lost} of 120 frames are lost" in seen.error.what
    else:
        assert seen.error is None
        assert "none is missing" in seen.remarks


@pytest.mark.parametrize(
    ("end", "share"), [("mp4", 0.985), ("mov", 0.6), ("mkv", 0.97), ("avi", 0.95), ("ts", 0.9)]
)
def test_a_film_that_is_cut_near_its_end_is_told(tmp_path: Path, end: str, share: float) -> None:
    seen = watch(cut(made(tmp_path / f"a.{end}"), share))
    assert seen.error is not None
    given = len(seen.times_s)
    assert f"a.{end} ends after {given} " in seen.error.what
    assert 120 * share - 8 < given < 120
    assert seen.times_s == pytest.approx(even(given, begin_s=seen.times_s[0]), abs=1e-3)


def test_a_cut_that_takes_no_frame_is_only_remarked(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[:-20])  # in the index behind the frames
    seen = watch(path)
    assert len(seen.times_s) == 120
    assert seen.error is None
    assert "cut off behind its last frame" in seen.remarks


def test_fragments_are_counted_to_the_last(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = write(tmp_path / "a.mp4", even(120), base=Fraction(1, 30), container=options)
    assert watch(path).error is None
    seen = watch(cut(path, 0.95))
    assert seen.error is not None
    assert "is cut short" in seen.error.what


def test_a_segment_between_two_key_frames_is_healthy(tmp_path: Path) -> None:
    """What a recorder cuts anywhere: some frames cannot be decoded, and none is lost."""
    whole, part = made(tmp_path / "whole.ts"), tmp_path / "part.ts"
    packets = whole.read_bytes()
    keep = len(packets) // 2 // 188 * 188
    part.write_bytes(packets[:564] + packets[keep:])
    seen = watch(part)
    assert 45 < len(seen.times_s) < 62
    assert seen.times_s[0] > 1.9
    assert seen.error is None


def test_a_joined_film_goes_on(tmp_path: Path) -> None:
    one = made(tmp_path / "a.ts", 30)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    seen = watch(joined)
    assert seen.numbers == [*range(30), *range(30)]
    assert seen.times_s == pytest.approx(even(60, begin_s=seen.times_s[0]), abs=1e-3)
    assert "begin again 1 time" in seen.remarks
    assert seen.error is None


@pytest.mark.parametrize("end", ["ts", "mkv"])
def test_a_file_that_grows_is_said_to(tmp_path: Path, end: str) -> None:
    path = made(tmp_path / f"a.{end}")
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half])
    source = open_source(SourceOptions(str(path)))
    time.sleep(0.2)
    with path.open("ab") as file:
        file.write(content[half : half + 5000])
    seen = Watched(source)
    assert seen.error is not None
    assert f"a.{end} is still being written" in seen.error.what
    assert len(seen.times_s) > 40


def test_a_file_that_grows_again_after_its_end_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cut(made(tmp_path / "a.ts"), 0.5)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr("steadypose.realtime.sources.video.ending.time.sleep", sleep)
    seen = watch(path)
    assert seen.error is not None
    assert "is still being written" in seen.error.what
    assert len(pauses) == 1


@pytest.mark.parametrize(
    ("ago_s", "is_watched"), [(9.0, True), (-9.0, True), (11.0, False), (-11.0, False)]
)
def test_only_a_file_that_was_written_to_in_the_last_ten_seconds_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ago_s: float, *, is_watched: bool
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"begin")
    naps: list[float] = []
    monkeypatch.setattr("steadypose.realtime.sources.video.ending.time.sleep", naps.append)
    written_s = path.stat().st_mtime
    monkeypatch.setattr(ending, "_wall_clock_s", lambda: written_s + ago_s)
    assert not ending.is_growing(path)
    assert len(naps) == is_watched
    path.unlink()
    assert not ending.is_growing(path)


def test_a_film_that_was_cut_long_ago_is_cut_and_nobody_waits_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cut(made(tmp_path / "a.ts", 30), 0.5)
    written_s, naps = path.stat().st_mtime, list[float]()
    monkeypatch.setattr("steadypose.realtime.sources.video.ending.time.sleep", naps.append)
    monkeypatch.setattr(ending, "_wall_clock_s", lambda: written_s + 60.0)
    seen = watch(path)
    assert seen.error is not None
    assert "cut short" in seen.error.what
    assert naps == []


def test_a_recording_without_its_header_may_not_be_finished(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", even(90), base=Fraction(1, 30))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    with pytest.raises(SourceError, match="cannot be opened as a video"):
        open_source(SourceOptions(str(path)))

    def grow() -> None:
        time.sleep(0.05)
        with path.open("ab") as file:
            file.write(b"more")

    writer = threading.Thread(target=grow)
    writer.start()
    with pytest.raises(SourceError, match="is still being written"):
        open_source(SourceOptions(str(path)))
    writer.join()


def test_a_film_without_a_picture_is_one_sentence(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mp4", 30)
    content = path.read_bytes()
    at = content.index(b"mdat") + 4
    path.write_bytes(content[:at] + b"\x00" * (len(content) - at))
    with pytest.raises(SourceError, match="not one frame can be decoded"):
        open_source(SourceOptions(str(path)))


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_nothing_that_a_file_names_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Even where a list is not recognised as one."""
    monkeypatch.setattr(films, "names_other_files", lambda _: False)
    made(tmp_path / "b.ts", 30)
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{tmp_path}/b.ts\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile b.ts\n",
    }[kind]
    (tmp_path / "a.mp4").write_text(text)
    with pytest.raises(SourceError, match=r"not a video file|names other files|not one frame"):
        open_source(SourceOptions(str(tmp_path / "a.mp4")))


@pytest.mark.parametrize("is_picture", [True, False])
def test_a_damaged_picture_is_left_out_and_counted_once_and_a_damaged_change_is_shown(
    *, is_picture: bool
) -> None:
    tally = Tally()
    frames = [SimpleNamespace(is_corrupt=is_bad, key_frame=True) for is_bad in (False, True, True)]
    kept = list(_kept(frames, tally, is_picture=is_picture))
    assert kept == (frames[:1] if is_picture else frames)
    assert tally.refused == (2 if is_picture else 0)


@pytest.mark.parametrize(("zeros", "is_whole"), [(0, True), (62, True), (63, False)])
def test_a_picture_that_its_recorder_filled_up_with_zeros_is_whole(
    zeros: int, *, is_whole: bool
) -> None:
    assert JpegEnds(is_sure=True).is_whole(b"\xff\xd8...\xff\xd9" + bytes(zeros)) == is_whole


@pytest.mark.parametrize(
    ("pos", "dts", "ticks"),
    [
        (300, 1, 1),  # the index has it at 2
        (308, 1, 1),  # where its bytes begin
        (309, 1, 0),  # something else lies there
        (90, 1, 0),  # before everything that the index knows
        (300, None, 0),
    ],
)
def test_behind_a_hole_in_an_avi_time_is_what_its_index_says(
    pos: int, dts: int | None, ticks: int
) -> None:
    entries = [SimpleNamespace(pos=100 * (n + 1), timestamp=n) for n in range(5)]
    stream, packet = SimpleNamespace(index_entries=entries), SimpleNamespace(pos=pos, dts=dts)
    assert behind(stream, packet, 0) == ticks
    assert behind(stream, packet, 7) == 7


@pytest.mark.parametrize(
    ("first_dts", "stamps", "wanted"),
    [
        (0, [(None, 2), (None, 3), (None, 5)], [0, 1, 3]),  # of an AVI, decoded two frames late
        (7, [(None, 7), (None, 8)], [7, 8]),
        (None, [(None, 2), (None, 3)], [None, None]),
        (0, [(4, 3), (None, 5), (None, 6), (9, 8)], [4, 6, 7, 9]),
        (0, [(None, 2), (5, 3), (None, 4)], [0, 5, 6]),
        (0, [(3, None), (None, None), (None, 4)], [3, None, 0]),
    ],
)
def test_a_frame_without_a_time_of_presentation_is_shown_as_long_after_decoding_as_others(
    first_dts: int | None,
    stamps: list[tuple[int | None, int | None]],
    wanted: list[int | None],
) -> None:
    film: Any = SimpleNamespace(stream=SimpleNamespace(time_base=Fraction(1001, 30_000)))
    images = ((index, pts, dts) for index, (pts, dts) in enumerate(stamps))
    found = list(_timed(images, film, Tally(first_dts=first_dts)))
    assert found == [
        (index, None if ticks is None else ticks * 1001 / 30_000)
        for index, ticks in enumerate(wanted)
    ]


def test_what_is_lost_is_counted_only_where_something_is_wrong() -> None:
    assert Tally(packets=120, frames=60).lost == 0  # fields, or frames that are never shown
    assert Tally(packets=120, frames=118, refused=1).lost == 2
    assert Tally(packets=120, frames=118, refused=1, early=2).lost == 0
    assert Tally(packets=120, frames=60, refused=1).lost == 0
    assert Tally(packets=20, frames=3, torn=1).lost == 17


def box(kind: bytes, size: int) -> bytes:
    return (size + 8).to_bytes(4, "big") + kind + b"\0" * size


WHOLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "boxes": (lambda: box(b"ftyp", 8) + box(b"moov", 90) + box(b"mdat", 500), "mp4"),
    "a long box": (
        lambda: box(b"ftyp", 8) + b"\0\0\0\1mdat" + (516).to_bytes(8, "big") + b"\0" * 500,
        "mp4",
    ),
    "riff": (lambda: b"RIFF" + (100).to_bytes(4, "little") + b"AVI " + b"\0" * 96, "avi"),
    "transport": (lambda: (b"G" + b"\0" * 187) * 9, "mpegts"),
    "transport with times": (lambda: (b"\0\0\0\0G" + b"\0" * 187) * 9, "mpegts"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_container_knows_how_long_it_is(tmp_path: Path, name: str) -> None:
    make, kind = WHOLE[name]
    content = make()
    path = tmp_path / "a"
    for size in (len(content), len(content) - 1, len(content) - 50):
        path.write_bytes(content[:size])
        with path.open("rb") as file:
            file.seek(3)
            found = cut_of(file, frozenset({kind}))
            assert file.tell() == 3
        assert (found is None) == (size == len(content))
        if found is not None:
            assert found.has_frames or name == "riff"


@pytest.mark.parametrize("more", [b"", b"\0\0\1\0mda"])
def test_a_film_that_ends_behind_the_head_of_a_fragment_is_cut_off_before_its_frames(
    tmp_path: Path, more: bytes
) -> None:
    head, moof = box(b"ftyp", 8) + box(b"moov", 90), box(b"moof", 40)
    for content, wanted in (
        (head + moof + more, Cut(has_frames=True)),
        (head + moof + box(b"mdat", 50) + more, None),
        (head + moof + box(b"mdat", 0), None),
        (head + b"\0\0\0\1mdat" + more, Cut(has_frames=True)),
        (head + more, None),
    ):
        path = tmp_path / "a.mp4"
        path.write_bytes(content)
        with path.open("rb") as file:
            assert cut_of(file, frozenset({"mp4"})) == wanted


@pytest.mark.parametrize(
    ("file", "size", "is_end"), [(None, 0, True), (None, 9, False), ("a file", 0, False)]
)
def test_a_disk_that_fails_in_the_middle_is_no_end_of_a_film(
    file: object, size: int, *, is_end: bool
) -> None:
    film: Any = SimpleNamespace(file=file, size=size)
    assert Input.is_end(film, OSError(errno.EIO, "Input/output error")) == is_end
    assert not Input.is_end(film, OSError(errno.ECONNRESET, "reset"))


def test_rubbish_is_not_called_cut(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "a"
    for kind in ("mp4", "matroska", "avi", "mpegts", "ogg"):
        for size in (0, 1, 7, 500):
            path.write_bytes(b"\xff" + rng.integers(0, 30, size, np.uint8).tobytes())
            with path.open("rb") as file:
                assert cut_of(file, frozenset({kind})) is None


def test_libav_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watch(cut(spoilt(made(tmp_path / "a.mp4"), at=0.3), 0.9))
    watch(cut(spoilt(made(tmp_path / "a.mkv"), at=0.3), 0.9))
    assert capfd.readouterr() == ("", "")


def test_a_film_that_begins_between_key_frames_says_how_many_cannot_be_seen() -> None:
    assert ending.remarks(Tally(early=7), TimeNotes()) == [
        "it begins between two key frames: before the first, 7 frames cannot be decoded"
    ]
    assert ending.remarks(Tally(), TimeNotes()) == []
