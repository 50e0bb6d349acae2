"""Pictures, videos and folders of strangers: bounded memory, no waiting, no other files."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources import files
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.files import FileSource
from steadypose.realtime.sources.opening import SourceOptions, open_source, source_files
from steadypose.realtime.sources.patterns import matching
from steadypose.realtime.sources.playlists import names_other_files
from tests.support.drawn import write_picture


def frames_of(source: Source) -> list[Frame]:
    found = []
    try:
        while not source.is_over:
            frame = source.read(1.0)
            if frame is not None:
                found.append(frame)
    finally:
        source.close()
    return found


def picture(path: Path, size: int = 16) -> Path:
    write_picture(path, np.full((size, size, 3), 90, np.uint8))
    return path


def huge_png(path: Path, side: int = 30_000) -> Path:
    """Some kilobytes that claim to be a picture of 900 megapixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side // 8 + 1) * 100)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return path


HUGE = """
import resource, sys
from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.opening import SourceOptions, open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source, seen = open_source(SourceOptions(sys.argv[1])), 0
try:
    while not source.is_over:
        seen += source.read(1.0) is not None
except SourceError as error:
    print(error)
source.close()
print(seen, "frames")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 200_000, grown
"""


@pytest.mark.posix("limits of memory")
def test_a_small_picture_that_is_large_is_left_out_before_it_is_decoded(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    huge_png(tmp_path / "b.png")
    picture(tmp_path / "c.png")
    done = subprocess.run(
        [sys.executable, "-c", HUGE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 3 pictures could not be read" in done.stdout
    assert "100 megapixels" in done.stdout
    assert "2 frames" in done.stdout


def test_training_does_not_decode_it_either(tmp_path: Path) -> None:
    from training.examples.sample import read_image

    huge_png(tmp_path / "b.png", 10_100)
    with pytest.raises(SourceError, match="not a readable picture"):
        read_image(tmp_path / "b.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "p.png")
        with pytest.raises(SourceError, match="pipe"):
            read_image(tmp_path / "p.png")


def test_frames_ahead_are_bounded_in_bytes_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_AHEAD_BYTES", 3_000_000)
    made = []

    def pictures() -> object:
        for index in range(12):
            made.append(index)
            yield np.full((500, 666, 3), index, np.uint8), index / 30

    source = FileSource(
        pictures(),  # type: ignore[arg-type]
        label="x",
        fps=30,
        frame_count=12,
        is_paced=False,
    )
    time.sleep(0.5)
    assert len(made) == 4  # three wait in the queue, one for room
    assert [frame.index for frame in frames_of(source)] == list(range(12))


def test_a_frame_larger_than_the_whole_bound_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_AHEAD_BYTES", 100)
    pictures = ((np.zeros((50, 50, 3), np.uint8), n / 30) for n in range(5))
    source = FileSource(pictures, label="x", fps=30, frame_count=5, is_paced=False)
    assert len(frames_of(source)) == 5


@pytest.mark.posix("pipes with names")
def test_pipes_among_the_inputs_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("pipe", "pipe.mp4", "x.png"):
        os.mkfifo(tmp_path / name)
    begin_s = time.monotonic()
    for name in ("pipe", "pipe.mp4"):
        with pytest.raises(SourceError, match="pipe"):
            open_source(SourceOptions(str(tmp_path / name)))
    picture(tmp_path / "y.png")
    source = open_source(SourceOptions(str(tmp_path)))
    with pytest.raises(SourceError, match=r"1 of 2 pictures could not be read.*x\.png"):
        frames_of(source)
    with pytest.raises(SourceError, match="1 of 1 pictures"):
        frames_of(open_source(SourceOptions(str(tmp_path / "x.png"))))
    assert time.monotonic() - begin_s < 10


def film(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x05" + b"\0" * 5
LISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfilm.avi\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile film.avi\n",
    "dash": b"<?xml version='1.0'?>\n<MPD profiles='urn:mpeg:dash:profile:isoff-live:2011'/>",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "vobsub": b"# VobSub index file, v7\n",
    "imf": b"<?xml version='1.0'?><CompositionPlaylist/>",
    "hls behind a tag": ID3 + ID3 + b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfilm.avi\n",
    "hls behind a mark": b"\xef\xbb\xbf#EXTM3U\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list"])
def test_a_list_of_other_files_is_no_video_whatever_its_name(
    tmp_path: Path, kind: str, name: str
) -> None:
    film(tmp_path / "film.avi")
    (tmp_path / name).write_bytes(LISTS[kind])
    with pytest.raises(SourceError, match="names other files"):
        open_source(SourceOptions(str(tmp_path / name)))


def test_a_video_is_no_list(tmp_path: Path) -> None:
    path = film(tmp_path / "film.avi")
    assert not names_other_files(path)
    assert len(frames_of(open_source(SourceOptions(str(path))))) == 5


def test_a_video_of_enormous_frames_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "film.avi")
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "3000")
    with pytest.raises(SourceError, match="has frames of 64x48 pixels"):
        open_source(SourceOptions(str(path)))


@pytest.mark.posix("links need a right there")
def test_links_in_circles_give_each_picture_once(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for path in (tmp_path / "1.png", tmp_path / "a" / "2.png", inner / "3.png"):
        picture(path)
    (tmp_path / "a" / ".hidden").mkdir()
    picture(tmp_path / "a" / ".hidden" / "4.png")
    outside = tmp_path.parent / f"{tmp_path.name}_outside"
    outside.mkdir()
    picture(outside / "5.png")
    for number in range(6):  # two would do: folders would be entered 2^40 times
        (inner / f"up{number}").symlink_to(tmp_path)
    (inner / "out").symlink_to(outside)
    begin_s = time.monotonic()
    found = source_files(str(tmp_path / "**" / "*.png"))
    assert sorted(path.name for path in found) == ["1.png", "2.png", "3.png", "5.png"]
    assert len(frames_of(open_source(SourceOptions(str(tmp_path / "**" / "*.png"))))) == 4
    assert time.monotonic() - begin_s < 5


def test_a_pattern_matches_what_it_matched_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import glob

    for name in ("x/1.png", "x/y/2.png", "x/y/z[1]/3.png", "x/.h/4.png", "5.png", "x/.6.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(path)
    monkeypatch.chdir(tmp_path)
    for text in ("**/*.png", "x/**", "*/**/*.png", "**/y/**/*.png", "*.png", "x/*/2.png", "no/**"):
        names = glob.glob(text, recursive=True)  # noqa: PTH207 - the old way
        wanted = {Path(name) for name in names if Path(name).is_file()}
        got = {path for path in matching(Path(text)) if path.is_file()}
        assert got == wanted, text
