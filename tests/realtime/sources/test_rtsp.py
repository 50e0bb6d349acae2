"""A real RTSP server: both transports, a slow reader, a stall, a reboot, sizes, passwords."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.opening import TRANSPORTS, SourceOptions, open_source
from tests.realtime.app.test_cli import RUN, environment
from tests.support import network_camera as cameras
from tests.support.network_camera import NetworkCamera, age_s, network_camera

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not cameras.is_here(), reason=f"no RTSP server: {cameras.PACKAGES}"),
]
LOGIN = "me:s3cretQ"


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[NetworkCamera]:
    with network_camera(tmp_path) as one:
        yield one


def opened(address: str, transport: str = "tcp") -> LiveSource:
    source = open_source(SourceOptions(address, transport=transport))
    assert isinstance(source, LiveSource)
    return source


def ages_of(source: LiveSource, number: int, *, pause_s: float = 0.0) -> list[float]:
    ages: list[float] = []
    until_s = time.monotonic() + 30.0
    while len(ages) < number:
        assert time.monotonic() < until_s, source.trouble
        frame = source.read(1.0)
        if frame is not None:
            ages.append(age_s(frame.image_bgr))
            assert frame.captured_s <= time.perf_counter()
            time.sleep(pause_s)
    return ages


def wait_for_trouble(source: LiveSource, within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while source.trouble is None:
        source.read(0.1)
        assert time.monotonic() < until_s, "the loss was not noticed"


def sizes_until(source: LiveSource, size_hw: tuple[int, int], within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        frame = source.read(0.5)
        if frame is not None and frame.size_hw == size_hw:
            return True
    return False


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_frames_come_young(camera: NetworkCamera, transport: str) -> None:
    source = opened(camera.address(), transport)
    assert source.label == f"rtsp://127.0.0.1:{camera.port}/live, 640x480, 30 fps"
    ages = ages_of(source, 60)[15:]
    source.close()
    assert min(ages) >= 0.0
    assert np.median(ages) < 0.3


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_datagrams_have_room_while_a_picture_is_decoded(
    monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """What comes in meanwhile waits in the system, whose usual room is less than a key frame."""
    asked: dict[str, str] = {}

    def refuse(*_: object, options: dict[str, str], **__: object) -> None:
        asked.update(options)
        raise OSError

    monkeypatch.setattr("av.open", refuse)
    with pytest.raises(SourceError):
        opened("rtsp://127.0.0.1:1/live", transport)
    assert int(asked.get("buffer_size", 0)) == (4 << 20 if transport == "udp" else 0)


def test_no_queue_grows_where_the_reader_is_slow(camera: NetworkCamera) -> None:
    source = opened(camera.address())
    ages = ages_of(source, 20, pause_s=0.2)
    source.close()
    assert source.dropped > 40
    assert np.median(ages[10:]) < 0.3


def test_a_camera_that_stalls_is_noticed_and_awaited(camera: NetworkCamera) -> None:
    source = opened(camera.address())
    ages_of(source, 10)
    camera.tell("stall")
    wait_for_trouble(source, 5.0)
    camera.tell("go")
    assert np.median(ages_of(source, 30)[10:]) < 0.5
    assert source.trouble is None
    source.close()


def test_a_camera_that_reboots_comes_back_with_another_size(
    camera: NetworkCamera, tmp_path: Path
) -> None:
    source = opened(camera.address())
    ages_of(source, 10)
    camera.unplug()
    wait_for_trouble(source, 8.0)
    with network_camera(tmp_path, size_wh=(800, 448), port=camera.port):
        assert sizes_until(source, (448, 800), 20.0)
        assert "800x448" in source.label
        source.close()


def test_a_size_that_changes_within_the_stream_is_followed(camera: NetworkCamera) -> None:
    source = opened(camera.address())
    ages_of(source, 10)
    camera.tell("size 512 288")
    assert sizes_until(source, (288, 512), 10.0)
    source.close()


def test_a_wrong_password_is_a_sentence_without_it(tmp_path: Path) -> None:
    with network_camera(tmp_path, login=LOGIN) as camera:
        for login in ("me:wrongQ", ""):
            with pytest.raises(SourceError, match="refuses this user and password") as caught:
                opened(camera.address(login))
            assert "wrongQ" not in str(caught.value)
        source = opened(camera.address(LOGIN))
        ages_of(source, 3)
        source.close()
        assert "s3cretQ" not in source.label


def test_credentials_are_nowhere_in_what_a_run_writes(tmp_path: Path, tiny_path: Path) -> None:
    table = tmp_path / "a.jsonl"
    with network_camera(tmp_path, login=LOGIN) as camera:
        done = subprocess.run(
            [
                *(*RUN, "--source", camera.address(LOGIN), "--headless", "--backend"),
                *("onnxruntime", "--model", str(tiny_path), "--max-frames", "10"),
                *("--jsonl", str(table)),
            ],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    written = (
        done.stdout
        + done.stderr
        + "".join(path.read_text("utf-8", "replace") for path in tmp_path.glob("a.*"))
    )
    assert "127.0.0.1" in written
    assert "s3cretQ" not in written
    assert "me:" not in written


def test_nothing_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no video at rtsp://127"):
        opened(f"rtsp://{LOGIN}@127.0.0.1:{cameras.free_port()}/live")


def damaged(source: LiveSource) -> int:
    """How many pictures are said to have come with parts missing."""
    found = re.search(r"(\d+) pictures? came with parts missing", " ".join(source.remarks))
    return int(found[1]) if found else 0


def is_quiet_for(source: LiveSource, frames: int, *, tries: int = 8) -> bool:
    """Whether so many frames come without damage, at last: a starved machine loses some itself."""
    for _ in range(tries):
        before = damaged(source)
        ages_of(source, frames)
        if damaged(source) == before:
            return True
    return False


@pytest.mark.parametrize("slices", [1, 4])
def test_lost_packets_cost_the_pictures_that_they_hit_and_are_told(
    tmp_path: Path, slices: int
) -> None:
    with network_camera(tmp_path, slices=slices) as camera:
        source = opened(camera.address(), "udp")
        assert is_quiet_for(source, 20), "pictures are damaged though nothing is lost"
        before = damaged(source)
        camera.tell("lose 0.01")
        ages_of(source, 40)
        camera.tell("lose 0")
        assert damaged(source) > before
        time.sleep(1.5)  # a key frame
        assert is_quiet_for(source, 20), "pictures are damaged though nothing is lost any more"
        assert source.trouble is None
        source.close()
