"""A camera that comes back under another number is found; one like it beside it is not taken."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.sources.camera import CameraMode, camera_opener, open_camera
from steadypose.realtime.sources.capture import same_camera
from steadypose.realtime.sources.capture.device import CvDevice
from steadypose.realtime.sources.capture.listing import Camera
from steadypose.realtime.sources.capture.same_camera import SameCamera, number_of
from tests.support.cameras import V4L2, Mode


class Machine:
    """The cameras that are plugged in: number and name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **cameras: str) -> None:
        self.now_s = 0.0
        self.plug(**cameras)
        monkeypatch.setattr(same_camera, "list_cameras", self.listed)
        monkeypatch.setattr("time.perf_counter", lambda: self.now_s)

    def plug(self, **cameras: str) -> None:
        self.cameras = {int(key[1:]): name for key, name in cameras.items()}

    def listed(self) -> list[Camera]:
        return [Camera(n, name, cv2.CAP_V4L2) for n, name in sorted(self.cameras.items())]


def opened(number: int) -> SameCamera:
    same = SameCamera(number)
    same.opened(same.find())
    return same


def test_it_is_found_under_its_new_number(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, n0="C920", n2="Integrated")
    same = opened(0)
    machine.plug(n2="Integrated", n4="C920")
    assert same.find() == 4
    same.opened(4)
    machine.plug(n0="C920", n2="Integrated")
    assert same.find() == 0


def test_its_own_number_is_tried_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, n1="C920")
    same = opened(1)
    machine.plug(n0="C920", n1="C920")
    assert same.find() == 1


def test_one_of_the_same_kind_beside_it_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, n0="C920", n2="C920")
    same = opened(0)
    machine.plug(n2="C920")
    with pytest.raises(SourceError, match=r"camera 0 \(C920\) is gone"):
        same.find()


def test_another_that_took_its_number_is_waited_for_and_then_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, n0="C920")
    same = opened(0)
    machine.plug(n0="Integrated")
    with pytest.raises(SourceError, match="camera 0 is now Integrated, no longer C920"):
        same.find()
    machine.now_s = same_camera.ONLY_IT_S + 0.1
    assert same.find() == 0


def test_what_has_no_number_is_left_to_its_path(tmp_path: Path) -> None:
    assert [number_of(d) for d in (3, "/dev/video7", "/dev/v4l/by-id/usb-x", "/dev/null")] == [
        *(3, 7),
        *(None, None),
    ]


def test_the_opener_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, n0="C920")
    tried: list[int] = []
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("steadypose.realtime.sources.camera.check_device", lambda _: None)

    def make(device: int, _: int) -> V4L2:
        tried.append(device)
        return V4L2()

    monkeypatch.setattr(cv2, "VideoCapture", make)
    open_it = camera_opener("/dev/video0", CameraMode())
    open_it()
    machine.plug(n5="C920")
    assert open_it().label.startswith("camera 5, ")
    assert tried == [0, 5]


def test_a_format_that_opencv_cannot_make_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[V4L2] = []

    def make(*_: object) -> V4L2:
        made.append(V4L2((Mode("YUYV", 640, 480), Mode("NV16", 640, 480), Mode("Y16 ", 640, 480))))
        return made[-1]

    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("steadypose.realtime.sources.camera.check_device", lambda _: None)
    monkeypatch.setattr(cv2, "VideoCapture", make)
    with pytest.raises(UsageError, match="has the format NV16, but OpenCV does not read it"):
        open_camera(0, CameraMode(fourcc="NV16"))
    assert made[0].is_released
    assert open_camera(0, CameraMode(fourcc="Y16 ")).label.endswith("30 fps, Y16")
    assert "fourcc XXXX asked, YUYV granted" in open_camera(0, CameraMode(fourcc="XXXX")).label


def test_pictures_that_opencv_cannot_make_out_are_a_sentence() -> None:
    class Broken(V4L2):
        def retrieve(self) -> tuple[bool, object]:
            raise cv2.error("reshape")

    device = CvDevice(Broken(hz=200.0), "camera 0", 30.0)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="OpenCV cannot read its pictures"):
        device.read()


def test_a_buffer_that_waited_while_the_program_slept_keeps_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamps_s = iter([10.0, 10.1, 10.2, 14.0])
    clock_s = iter([10.05, 10.15, 14.2, 14.3])
    camera = V4L2(hz=1000.0)
    monkeypatch.setattr(V4L2, "get", lambda *_: 1000.0 * next(stamps_s))
    device = CvDevice(camera, "camera 0", 30.0)  # type: ignore[arg-type]
    taken_s = []
    for _ in range(4):
        camera.held = np.zeros((4, 4, 3), np.uint8)
        monkeypatch.setattr(camera, "grab", lambda: True)
        with monkeypatch.context() as patch:
            now_s = next(clock_s)
            patch.setattr("time.perf_counter", lambda now_s=now_s: now_s)
            read = device.read()
        assert read is not None
        taken_s.append(read[1])
    assert taken_s == [10.0, 10.1, 10.2, 14.0]


@pytest.mark.parametrize("wrong_by_s", [-50.0, 3.0, 1e6])
def test_a_clock_that_is_another_is_never_believed(
    monkeypatch: pytest.MonkeyPatch, wrong_by_s: float
) -> None:
    camera = V4L2(hz=1000.0)
    camera.held = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr(camera, "grab", lambda: True)
    count = itertools.count()
    now_s = [0.0]
    monkeypatch.setattr(V4L2, "get", lambda *_: 1000.0 * (now_s[0] - wrong_by_s))
    device = CvDevice(camera, "camera 0", 30.0)  # type: ignore[arg-type]
    monkeypatch.setattr("time.perf_counter", lambda: now_s[0])
    for _ in range(5):
        now_s[0] = 2e6 + 0.03 * next(count)
        read = device.read()
        assert read is not None
        assert read[1] == now_s[0]
