"""H.264 whose pictures are several slices, of which one is lost: it is never given as healthy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from steadypose.realtime.sources.video.container import open_file
from steadypose.realtime.sources.video.damage import Damage
from steadypose.realtime.sources.video.web import WebCamera
from tests.support.films import watch

SIZE, GOP, COUNT = (192, 128), 12, 36
START = b"\x00\x00\x01"


def torn(path: Path, lost: dict[int, int]) -> Path:
    """A film of four slices a picture, without some of them.

    Args:
        path: Its suffix names the container.
        lost: Which slice of which frame.
    """
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = GOP
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "5"}
        stream.options |= {"x264-params": "slices=4:sliced-threads=0"}
        packets = []
        for index in range(COUNT):
            image = np.full((SIZE[1], SIZE[0], 3), 30 + 5 * index, np.uint8)
            frame: Any = av.VideoFrame.from_ndarray(image, format="bgr24")
            packets += stream.encode(frame.reformat(format="yuv420p"))
        packets += stream.encode()
        for index, packet in enumerate(packets):
            target.mux(without(packet, lost[index]) if index in lost else packet)
    return path


def without(packet: Any, number: int) -> Any:
    """A packet without one of its slices."""
    units = bytes(packet).split(START)[1:]
    slices = [at for at, unit in enumerate(units) if unit[0] & 31 in {1, 5}]
    assert len(slices) == 4
    del units[slices[number]]
    made = av.Packet(b"".join(START + unit for unit in units))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    made.stream, made.is_keyframe = packet.stream, packet.is_keyframe
    return made


def seen_live(path: Path, *, cores: int = 8) -> tuple[list[int], Damage]:
    """Which pictures a camera with such a stream gives, by their brightness, and what was noted."""
    damage = Damage()
    film = open_file(path, decode="cpu")
    film.stream.codec_context.thread_count = max(1, cores // 2)
    camera = WebCamera(film, "camera", damage)
    found = []
    while (picture := camera.read()) is not None:
        found.append(round((float(picture[0].mean()) - 27.5) / 5))
    camera.close()
    return found, damage


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize("number", [0, 2, 3])
@pytest.mark.parametrize("index", [17, 24])
def test_a_picture_of_a_camera_that_lacks_a_slice_is_left_out(
    tmp_path: Path, index: int, number: int, cores: int
) -> None:
    found, damage = seen_live(torn(tmp_path / "a.ts", {index: number}), cores=cores)
    assert found == [at for at in range(COUNT) if at != index]
    traces = -(index + 1) % GOP
    assert damage.remarks() == (
        "1 picture came with parts missing: 1 left out"
        f"; {traces} after them, up to the next key frame, may show traces",
    )


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts", "h264"])
@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_frame_of_a_film_that_lacks_a_slice_is_told(
    tmp_path: Path, end: str, number: int
) -> None:
    seen = watch(torn(tmp_path / f"a.{end}", {17: number}))
    assert len(seen.times_s) == COUNT
    assert "parts of 1 frame are guessed, 6 after them may show traces" in seen.remarks
    assert "none is missing" in seen.remarks


def test_a_healthy_stream_of_slices_is_healthy(tmp_path: Path) -> None:
    found, damage = seen_live(torn(tmp_path / "a.ts", {}))
    assert (found, damage.remarks()) == (list(range(COUNT)), ())
    assert watch(torn(tmp_path / "b.mp4", {})).remarks == ""


def test_where_all_are_damaged_one_each_half_a_second_is_shown_and_counted() -> None:
    damage = Damage()
    damage.connected(10.0)
    broken: Any = SimpleNamespace(is_corrupt=True, key_frame=False)
    shown = [damage.may_show(broken, 10.0 + at / 10) for at in range(1, 21)]
    assert sum(shown) == 4
    assert damage.remarks() == (
        "20 pictures came with parts missing: 16 left out, 4 shown with these parts guessed",
    )
