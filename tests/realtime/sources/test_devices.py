"""What is asked of a camera's device, and what comes of it, whatever its back end says."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.capture import refusal
from steadypose.realtime.sources.capture.device import CvDevice
from steadypose.realtime.sources.capture.mode import CameraMode, ask, fps_of, size_wh


class Capture:
    """OpenCV's, with properties that stay as they were."""

    def __init__(self, **properties: float) -> None:
        self.properties = {getattr(cv2, f"CAP_PROP_{k}"): v for k, v in properties.items()}
        self.asked: list[tuple[int, float]] = []
        self.releases = 0

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's
        return "MSMF"

    def get(self, prop: int) -> float:
        return self.properties.get(prop, 0.0)

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        return True

    def release(self) -> None:
        self.releases += 1


@pytest.mark.parametrize(
    ("now", "mode", "wanted"),
    [
        ((0, 0), CameraMode(width=1280), (1280, 960)),
        ((0, 480), CameraMode(width=1280), (1280, 960)),
        ((640, 0), CameraMode(height=720), (960, 720)),
        ((640, 360), CameraMode(height=720), (1280, 720)),
        ((640, 480), CameraMode(height=333), (444, 333)),
        ((640, 480), CameraMode(width=1000, height=1000), (1000, 1000)),
    ],
)
def test_a_side_that_was_not_asked_follows_the_picture_or_four_to_three(
    now: tuple[int, int], mode: CameraMode, wanted: tuple[int, int]
) -> None:
    camera: Any = Capture(FRAME_WIDTH=now[0], FRAME_HEIGHT=now[1])
    ask(camera, mode)
    assert camera.asked == [
        (cv2.CAP_PROP_FRAME_WIDTH, float(wanted[0])),
        (cv2.CAP_PROP_FRAME_HEIGHT, float(wanted[1])),
    ]


def test_what_a_camera_has_already_is_not_asked_again() -> None:
    camera: Any = Capture(FRAME_WIDTH=640, FRAME_HEIGHT=480, FPS=30.2)
    ask(camera, CameraMode(640, 480, 30.0))
    assert camera.asked == []
    ask(camera, CameraMode(640, 480, 31.0))
    assert camera.asked == [(cv2.CAP_PROP_FPS, 31.0)]
    assert size_wh(camera) == (640, 480)


@pytest.mark.parametrize(
    ("told", "fps"), [(0.0, 30.0), (-1.0, 30.0), (1e4, 30.0), (0.5, 0.5), (999.0, 999.0)]
)
def test_a_rate_that_cannot_be_is_thirty(told: float, fps: float) -> None:
    camera: Any = Capture(FPS=told)
    assert fps_of(camera) == fps


class Slow:
    """Waits for a picture until 10 s, and takes two seconds to make it out."""

    def __init__(self, backend: str, picture: object, *, driver_s: float = 9.9) -> None:
        self.now_s, self.driver_s = 5.0, driver_s
        self._backend, self._picture = backend, picture

    def getBackendName(self) -> str:  # noqa: N802
        return self._backend

    def grab(self) -> bool:
        self.now_s = 10.0
        return True

    def retrieve(self) -> tuple[bool, object]:
        self.now_s = 12.0
        return self._picture is not None, self._picture

    def get(self, prop: int) -> float:
        assert prop == cv2.CAP_PROP_POS_MSEC
        return self.driver_s * 1e3

    def perf_counter(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("backend", "driver_s", "taken_s"),
    [
        ("MSMF", 9.9, 10.0),
        ("AVFOUNDATION", 9.9, 10.0),
        ("DSHOW", 9.9, 12.0),
        ("V4L2", 9.9, 9.9),
        ("V4L2", 9.01, 9.01),
        ("V4L2", 8.99, 10.0),  # another clock than ours
        ("V4L2", 10.1, 10.0),
        ("V4L2", 0.0, 10.0),
    ],
)
def test_the_time_that_it_takes_to_make_a_picture_out_is_part_of_its_age(
    monkeypatch: pytest.MonkeyPatch, backend: str, driver_s: float, taken_s: float
) -> None:
    camera: Any = Slow(backend, np.ones((2, 2, 3), np.uint8), driver_s=driver_s)
    monkeypatch.setattr("steadypose.realtime.sources.capture.device.time", camera)
    found = CvDevice(camera, "camera 0", 30.0).read()
    assert found is not None
    assert found[1] == pytest.approx(taken_s)


@pytest.mark.parametrize("picture", [None, np.empty((0, 0, 3), np.uint8)])
def test_a_picture_that_cannot_be_made_out_is_none(picture: object) -> None:
    camera: Any = Slow("MSMF", picture)
    assert CvDevice(camera, "camera 0", 30.0).read() is None
    one: Any = Slow("MSMF", np.full((1, 1, 1), 7, np.uint8))
    assert CvDevice(one, "camera 0", 30.0).read() is not None


def test_a_camera_that_is_closed_is_given_back() -> None:
    camera: Any = Capture()
    device = CvDevice(camera, "camera 0", 30.0)
    assert device.why_slow() is None
    device.close()
    assert camera.releases == 1


@pytest.mark.posix("device files")
@pytest.mark.parametrize(
    ("number", "what", "fix"),
    [
        (errno.EACCES, "no permission to open camera /dev/null", "usermod -aG video"),
        (errno.EBUSY, "camera /dev/null cannot be opened: Device or resource busy", "close other"),
    ],
)
def test_what_linux_says_of_a_device_is_said_before_opencv_is_asked(
    monkeypatch: pytest.MonkeyPatch, number: int, what: str, fix: str
) -> None:
    def refuse(_path: Path, flags: int) -> int:
        assert flags == os.O_RDWR | os.O_NONBLOCK
        raise OSError(number, os.strerror(number))

    given = {name: getattr(os, name) for name in ("O_RDWR", "O_NONBLOCK", "close")}
    monkeypatch.setattr(refusal, "os", SimpleNamespace(open=refuse, **given))
    with pytest.raises(SourceError) as told:
        refusal.check_device("/dev/null")
    assert told.value.what == what
    assert fix in told.value.fix
