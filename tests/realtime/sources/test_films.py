"""Videos of all kinds: every frame, its own time, turned as it should be."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.sources.opening import (
    DECODERS,
    SourceOptions,
    open_source,
    source_files,
)
from steadypose.realtime.sources.pictures import is_too_large
from steadypose.realtime.sources.video import film
from steadypose.realtime.sources.video.container import Input
from tests.support.drawn import write_picture
from tests.support.films import corners, even, listed, scene, watch, write

MS = Fraction(1, 1000)
UNEVEN = [0.0, 0.033, 0.067, 0.2, 0.233, 0.5, 0.9, 0.95, 1.0, 1.3]


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(
    ("name", "base", "options"),
    [
        ("a.mp4", Fraction(1, 90_000), {}),
        ("a.mov", Fraction(1, 90_000), {}),
        ("a.mp4", Fraction(1, 90_000), {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", MS, {}),
        ("a.mkv", MS, {"live": "1"}),
        ("a.flv", MS, {}),
    ],
)
def test_a_video_gives_every_frame_with_its_presentation_time(
    tmp_path: Path, name: str, base: Fraction, options: dict[str, str], b_frames: int
) -> None:
    path = write(tmp_path / name, UNEVEN, base=base, b_frames=b_frames, container=options)
    seen = watch(path)
    begin_s = 0.0 if b_frames == 0 else listed(path)[0]  # some containers have no edit lists
    assert seen.error is None
    assert seen.times_s == pytest.approx([begin_s + time_s for time_s in UNEVEN], abs=1e-4)
    assert begin_s < 0.1
    assert seen.numbers == list(range(10))
    assert seen.remarks == ""


@pytest.mark.parametrize("end", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize("begin_s", [2.0, 370.0])
def test_a_film_that_begins_late_keeps_its_offset(tmp_path: Path, end: str, begin_s: float) -> None:
    path = write(tmp_path / f"a.{end}", even(20, begin_s=begin_s), base=MS)
    seen = watch(path)
    assert seen.error is None
    assert seen.times_s == pytest.approx(listed(path), abs=1e-4)
    assert seen.times_s[0] >= begin_s - 1e-3


def test_avi_has_no_times_and_gets_those_of_its_order(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.avi", even(30), codec="mpeg4", base=Fraction(1, 30))
    seen = watch(plain)
    assert seen.error is None
    assert seen.times_s == pytest.approx(even(30), abs=1e-4)
    assert seen.numbers == list(range(30))


def test_frames_that_an_avi_repeats_are_no_damage(tmp_path: Path) -> None:
    times = [0.0, 1 / 30, 5 / 30, 6 / 30, 15 / 30]  # the gaps are stored as empty frames
    seen = watch(write(tmp_path / "a.avi", times, codec="mpeg4", base=Fraction(1, 30)))
    assert seen.error is None
    assert seen.times_s == pytest.approx(times, abs=1e-4)


def test_sixty_pictures_a_second_on_a_clock_of_thirty_ticks_take_two_seconds(
    tmp_path: Path,
) -> None:
    ticks = [round(1000 / 30 * (index // 2)) for index in range(120)]
    path = write(
        tmp_path / "a.mkv",
        even(120, rate=60),
        codec="mjpeg",
        pix_fmt="yuvj420p",
        base=MS,
        rate=60,
        stored=ticks,
    )
    seen = watch(path)
    assert len(seen.times_s) == 120
    assert seen.times_s[-1] == pytest.approx(1.98, abs=0.02)
    assert max(b - a for a, b in pairwise(seen.times_s)) < 0.02
    assert "spread" in seen.remarks
    assert seen.error is None


def test_1200_frames_a_second_in_matroska(tmp_path: Path) -> None:
    times = even(120, rate=1200)
    seen = watch(write(tmp_path / "a.mkv", times, rate=1200, base=MS))
    assert len(seen.times_s) == 120
    assert seen.times_s == pytest.approx(times, abs=1e-3)
    assert all(b > a for a, b in pairwise(seen.times_s))


def test_an_absurd_time_in_the_middle_costs_nobody_else(tmp_path: Path) -> None:
    stored: list[int | None] = [None] * 30
    stored[11] = 9_999_000
    seen = watch(write(tmp_path / "a.mkv", even(30), base=MS, stored=stored))
    assert seen.times_s == pytest.approx(even(30), abs=1e-3)
    assert seen.remarks == "1 frame with an impossible time: placed between neighbours"
    assert seen.error is None


def test_a_losslessly_trimmed_film_is_healthy(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mp4", even(90), gop=30)
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as source, av.open(str(trimmed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        shift = 45 * 3000  # cut at 1.5 s: the key frame before stays, hidden by an edit list
        for packet in source.demux(video=0):
            if packet.dts is None or packet.pts < 30 * 3000:
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
            target.mux(packet)
    seen = watch(trimmed)
    assert seen.error is None
    assert seen.numbers == list(range(45, 90))
    assert seen.times_s == pytest.approx(even(45), abs=1e-4)


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix into the header of an MP4's only track, as phones do."""
    data, one = bytearray(path.read_bytes()), 0x10000
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(
        ">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 0x40000000
    )
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), "red green blue -"),
        ((0, 1, -1, 0), "blue red - green"),  # a quarter turn to the right
        ((-1, 0, 0, -1), "- blue green red"),
        ((0, -1, 1, 0), "green - red blue"),
        ((-1, 0, 0, 1), "green red - blue"),  # a mirror
        ((1, 0, 0, -1), "blue - red green"),
        ((0, 1, 1, 0), "red blue green -"),
        ((0, -1, -1, 0), "- green blue red"),
        ((0, 0, 0, 0), "red green blue -"),  # nonsense
    ],
)
def test_the_display_matrix_is_obeyed_whole(
    tmp_path: Path, matrix: tuple[int, int, int, int], shown: str
) -> None:
    seen = watch(with_matrix(write(tmp_path / "a.mp4", even(3)), *matrix))
    assert seen.first is not None
    assert corners(seen.first) == shown
    size = "64x96" if matrix[0] == 0 != matrix[1] else "96x64"
    assert size in seen.label
    assert seen.first.shape[:2] == ((96, 64) if size == "64x96" else (64, 96))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size"),
    [
        ("libx264", "yuv444p", (97, 63)),
        ("ffv1", "yuv420p10le", (96, 64)),
        ("ffv1", "gray", (96, 64)),
        ("ffv1", "bgr0", (96, 64)),
        ("qtrle", "rgb24", (96, 64)),
        ("mjpeg", "yuvj444p", (96, 64)),
    ],
)
def test_pixels_of_all_kinds_keep_their_colours(
    tmp_path: Path, codec: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    end = "mov" if codec == "qtrle" else "mkv"
    path = write(tmp_path / f"a.{end}", even(2), codec=codec, pix_fmt=pix_fmt, size=size, base=MS)
    seen = watch(path)
    assert seen.first is not None
    want = scene(0, size)
    if pix_fmt == "gray":
        want = cv2.cvtColor(cv2.cvtColor(want, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    inner = np.s_[5:10, 5:10]
    assert seen.first[inner].mean((0, 1)) == pytest.approx(want[inner].mean((0, 1)), abs=6)


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (6, False), (6, True)])
def test_colours_are_those_that_the_stream_names(
    tmp_path: Path, matrix: int, *, full: bool
) -> None:
    """BT.709 or BT.601, limited or full range."""
    path = tmp_path / "a.mp4"
    names = {1: "bt709", 6: "smpte170m"}
    kr, kb = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}[matrix]
    b, g, r = 96 / 255, 48 / 255, 192 / 255
    luma = kr * r + (1 - kr - kb) * g + kb * b
    chroma = (b - luma) / (2 - 2 * kb), (r - luma) / (2 - 2 * kr)
    scale, zero, wide = (255, 0, 255) if full else (219, 16, 224)
    values = [round(zero + scale * luma), *(round(128 + wide * c) for c in chroma)]
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        tag = "on" if full else "off"
        stream.options = {"qp": "1", "x264-params": f"colormatrix={names[matrix]}:fullrange={tag}"}
        stream.codec_context.color_range = 2 if full else 1
        stream.codec_context.colorspace = matrix
        planes = np.concatenate([np.full(64 * 64 >> 2 * (i > 0), v) for i, v in enumerate(values)])
        frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(96, 64), "yuv420p")
        frame.colorspace, frame.color_range = matrix, 2 if full else 1
        target.mux(stream.encode(frame))
        target.mux(stream.encode())
    seen = watch(path)
    assert seen.first is not None
    assert seen.first[30, 30].astype(int) == pytest.approx((96, 48, 192), abs=3)


NAMES = [
    "2024-05-01T12:30:15.mp4",
    "a:b.mp4",
    "http:x.mp4",
    "~tmp.mp4",
    "a%03d.mp4",
    "set[1].mp4",
    "a@b:c@d.mp4",
    "no suffix",
    os.fsdecode(b"caf\xe9.mp4"),
]


@pytest.mark.skipif(os.name == "nt", reason="Windows allows fewer names")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_bytes_are_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    film = write(tmp_path / "film.mp4", even(4))
    shutil.move(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for text in (name, str(tmp_path / name)):
        seen = watch(text)
        assert seen.times_s == pytest.approx(even(4), abs=1e-4)
        assert seen.label.isascii()
        assert source_files(text) == [Path(text)]


@pytest.mark.skipif(os.name == "nt", reason="Windows allows fewer names")
def test_a_pattern_in_a_folder_that_is_called_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("set[1]", "set1", "[a]*"):
        Path(name).mkdir()
        write_picture(f"{name}/1.png", np.full((9, 9, 3), len(name), np.uint8))
    for text in ("set[1]/*.png", str(tmp_path / "set[1]/*.png"), "[a]*/?.png"):
        (found,) = source_files(text)
        assert found.parent.name == Path(text).parent.name
        assert len(watch(text).times_s) == 1
    assert [path.parent.name for path in source_files("set?/*.png")] == ["set1"]


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as target:
        sound = target.add_stream("aac", rate=44100)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, index * 1024
            target.mux(sound.encode(frame))
        target.mux(sound.encode())
    with pytest.raises(SourceError, match="holds no video"):
        open_source(SourceOptions(str(path)))


def test_hardware_that_is_not_here_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", even(3))
    for name in DECODERS:
        with contextlib.suppress(UsageError):  # its own sentence
            assert len(watch(path, decode=name).times_s) == 3
    lacking = next(n for n in DECODERS[2:] if n not in hwdevices_available())
    with pytest.raises(UsageError, match=f"--decode {lacking} is not part of"):
        watch(path, decode=lacking)
    (tmp_path / "b.mp4").write_bytes(b"text " * 99)
    with pytest.raises(SourceError, match="cannot be opened as a video"):
        watch(tmp_path / "b.mp4", decode="cuda")
    assert len(watch(path, decode="cpu").times_s) == 3


def test_a_frame_that_grows_beyond_all_bounds_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its header says one size, and its pictures have another."""
    small, large = (write(tmp_path / f"{w}.ts", even(9), size=(w, 64)) for w in (64, 640))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "10000")
    assert is_too_large(640, 64)
    seen = watch(joined)
    assert len(seen.times_s) == 9
    assert seen.error is not None
    assert "9 of 18 frames are lost" in seen.error.what


@pytest.mark.parametrize(
    ("average", "guessed", "fps"),
    [
        (Fraction(30_000, 1001), Fraction(25), 29.97003),
        (None, Fraction(25), 25.0),
        (Fraction(0), Fraction(25), 25.0),
        (Fraction(90_000), Fraction(25), 25.0),  # the ticks of its clock
        (Fraction(90_000), None, 30.0),
        (Fraction(4000), None, 4000.0),
        (Fraction(1, 60), None, 1 / 60),  # a picture a minute
        (Fraction(1, 600), None, 1 / 600),
        (Fraction(1, 1500), None, 30.0),
    ],
)
def test_the_rate_of_a_film_is_one_that_a_film_can_have(
    average: Fraction | None, guessed: Fraction | None, fps: float
) -> None:
    stream = SimpleNamespace(average_rate=average, guessed_rate=guessed)
    container = SimpleNamespace(duration=2_500_000)
    given = Input(container, stream, "a.mp4", None, 0, "cpu")
    assert given.fps == pytest.approx(fps)
    assert given.duration_s == 2.5
    container.duration = -1
    assert given.duration_s is None


@pytest.mark.parametrize(
    ("listed", "frames", "duration_s", "expected"),
    [(20, 12, 1.0, 20), (None, 12, 1.0, 12), (0, 0, 2.5, 75), (None, 0, None, None)],
)
def test_a_progress_bar_counts_what_the_film_lists_or_says_or_lasts(
    listed: int | None, frames: int, duration_s: float | None, expected: int | None
) -> None:
    given: Any = SimpleNamespace(
        listed=lambda: listed,
        stream=SimpleNamespace(frames=frames),
        duration_s=duration_s,
        fps=30.0,
    )
    assert film._expected(given) == expected
