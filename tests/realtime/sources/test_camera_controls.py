"""A camera's own controls, asked of a driver that answers as V4L2's do."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.sources.camera import CameraMode, open_camera
from steadypose.realtime.sources.capture.controls import (
    _COMMON,
    Control,
    controls_of,
    set_controls,
    set_properties,
    why_slow,
)
from steadypose.realtime.sources.capture.pace import Pace
from steadypose.realtime.sources.live import LiveSource
from tests.support.cameras import DirectShow

fcntl = pytest.importorskip("fcntl")
EXPOSURE, AUTO, RATE = 0x009A0902, 0x009A0901, 0x009A0903
NEXT = 0x80000000


class Webcam:
    """A UVC camera's driver: manual exposure is inactive while the automatic one is on."""

    def __init__(self) -> None:
        self.values = {0x00980900: 128, AUTO: 3, EXPOSURE: 157, RATE: 1}
        self.set: list[tuple[int, int]] = []
        self.told = {
            0x00980900: (1, b"Brightness", 0, 255, 0),
            0x0098091D: (1, b"Gone, disabled", 0, 1, 0x1),
            AUTO: (3, b"Auto Exposure", 0, 3, 0),
            EXPOSURE: (1, b"Exposure Time, Absolute", 1, 10000, 0),
            RATE: (2, b"Exposure, Dynamic Framerate", 0, 1, 0),
        }

    def ioctl(self, _: int, request: int, data: bytes) -> bytes:
        size = request >> 16 & 0x3FFF
        assert len(data) == size, "the kernel takes the size from the request"
        number = struct.unpack_from("I", data)[0]
        answer = {0x24: self.query, 0x25: self.menu, 0x1B: self.get, 0x1C: self.put}[request & 0xFF]
        return answer(number, data)

    def query(self, number: int, _: bytes) -> bytes:
        assert number & NEXT
        later = sorted(known for known in self.told if known > number & ~NEXT)
        if not later:
            raise OSError(errno.EINVAL, "Invalid argument")
        kind, name, low, high, flags = self.told[later[0]]
        flags |= 0x10 if later[0] == EXPOSURE and self.values[AUTO] == 3 else 0
        return struct.pack("II32siiiiI8x", later[0], kind, name, low, high, 1, low, flags)

    def menu(self, number: int, data: bytes) -> bytes:
        at = struct.unpack_from("I", data, 4)[0]
        names = {1: b"Manual Mode", 3: b"Aperture Priority Mode"}
        if number != AUTO or at not in names:
            raise OSError(errno.EINVAL, "Invalid argument")
        return struct.pack("=II32sI", number, at, names[at], 0)

    def get(self, number: int, _: bytes) -> bytes:
        return struct.pack("Ii", number, self.values[number])

    def put(self, number: int, data: bytes) -> bytes:
        value = struct.unpack_from("i", data, 4)[0]
        if number == EXPOSURE and self.values[AUTO] == 3:
            raise OSError(errno.EACCES, "Permission denied")
        self.values[number] = value
        self.set.append((number, value))
        return data


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> Webcam:
    driver = Webcam()
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    return driver


NODE = Path(os.devnull)


def test_controls_are_told_with_ranges_menus_and_values(webcam: Webcam) -> None:
    assert [control.title for control in controls_of(NODE)] == [
        "brightness: 0 to 255; now 128",
        "auto_exposure: 1 Manual Mode, 3 Aperture Priority Mode; now 3",
        "exposure_time_absolute: 1 to 10000; now 157; inactive until another control is set",
        "exposure_dynamic_framerate: 0 or 1; now 1",
    ]


def test_a_camera_that_was_asked_can_be_unplugged(
    webcam: Webcam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is not kept open, which would keep its number from the next one."""
    opened, closed = list[int](), list[int]()
    real_open, real_close = os.open, os.close

    def open_(path: Path, flags: int) -> int:
        assert flags == os.O_RDWR | os.O_NONBLOCK
        opened.append(real_open(path, flags))
        return opened[-1]

    def close(number: int) -> None:
        closed.append(number)
        real_close(number)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "close", close)
    controls_of(NODE)
    set_controls(NODE, (("brightness", "5"),))
    with pytest.raises(UsageError):
        set_controls(NODE, (("brightness", "none"),))
    assert len(opened) == 3
    assert closed == opened


def test_what_is_no_camera_has_none() -> None:
    assert controls_of(NODE) == controls_of(Path("/dev/none")) == []


def test_they_are_set_in_the_order_in_which_they_were_typed(webcam: Webcam) -> None:
    typed = ["--camera-control", "auto_exposure=manual mode, exposure_time_absolute=80"]
    mode = to_settings(build_parser().parse_args(typed), None).source.mode
    set_controls(NODE, mode.controls)
    assert webcam.set == [(AUTO, 1), (EXPOSURE, 80)]


@pytest.mark.parametrize(
    ("given", "kind", "what", "fix"),
    [
        (("brightness", "256"), UsageError, "brightness=256 is not possible", "0 to 255"),
        (("brightness", "1.5"), UsageError, "brightness=1.5 is not possible", "0 to 255"),
        (("auto_exposure", "2"), UsageError, "auto_exposure=2 is not possible", "1 Manual Mode"),
        (("exposure_absolute", "1"), UsageError, "no control 'exposure_absolute'", "exposure_time"),
        (("gone_disabled", "1"), UsageError, "no control 'gone_disabled'", "brightness"),
        (("exposure_time_absolute", "80"), SourceError, "refuses", "manual exposure"),
    ],
)
def test_what_cannot_be_set_is_a_fact_and_a_fix(
    webcam: Webcam, given: tuple[str, str], kind: type[Exception], what: str, fix: str
) -> None:
    with pytest.raises(kind) as caught:
        set_controls(NODE, (given,))
    assert what in str(caught.value).splitlines()[0]
    assert fix in str(caught.value).splitlines()[1]
    assert webcam.set == []


@pytest.mark.parametrize("typed", ["brightness", "=3", "brightness=", "a=1,,b=2"])
def test_what_is_no_name_and_value_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="is not a name and a value"):
        build_parser().parse_args([f"--camera-control={typed}"])


def test_elsewhere_opencv_sets_what_it_knows_by_these_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[tuple[int, float]] = []

    class Camera(DirectShow):
        def set(self, prop: int, value: float) -> bool:
            taken.append((prop, value))
            return prop == cv2.CAP_PROP_BRIGHTNESS

    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera())
    open_camera(0, CameraMode(controls=(("brightness", "12.5"),))).close()
    assert taken[-1] == (cv2.CAP_PROP_BRIGHTNESS, 12.5)
    for given, what in (
        (("sharpnes", "1"), "no control 'sharpnes'"),
        (("contrast", "1"), "does not take"),
        (("brightness", "much"), "does not take"),
    ):
        with pytest.raises(UsageError, match=what):
            set_properties(Camera(), (given,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "fix"),
    [
        ("Brightnes", "it has brightness; --doctor lists all"),
        ("zoom", "it has brightness, auto_exposure, exposure_time_absolute, "
                 "exposure_dynamic_framerate; --doctor lists all"),
    ],
)  # fmt: skip
def test_a_control_that_is_misspelt_is_told_the_nearest_name_and_another_some(
    webcam: Webcam, typed: str, fix: str
) -> None:
    with pytest.raises(UsageError) as caught:
        set_controls(NODE, ((typed, "1"),))
    assert caught.value.fix == fix
    webcam.told.clear()
    with pytest.raises(UsageError) as caught:
        set_controls(NODE, ((typed, "1"),))
    assert caught.value.fix == "leave it out"


def test_opencvs_names_are_told_as_they_are_typed() -> None:
    for typed, told in (("Brightnes", "brightness"), ("zzz", "brightness, contrast, exposure, ")):
        with pytest.raises(UsageError) as caught:
            set_properties(DirectShow(), ((typed, "1"),))  # type: ignore[arg-type]
        assert caught.value.fix.startswith(f"it has {told}")
    for name in _COMMON:
        assert hasattr(cv2, f"CAP_PROP_{name.upper()}"), name


def test_a_camera_of_which_nothing_is_asked_need_not_tell_its_controls(tmp_path: Path) -> None:
    set_controls(tmp_path / "none", ())
    with pytest.raises(SourceError, match="tells no controls"):
        set_controls(tmp_path / "none", (("gain", "1"),))


def test_the_cause_of_a_slow_camera_is_its_automatic_exposure(webcam: Webcam) -> None:
    assert "--camera-control exposure_dynamic_framerate=0" in str(why_slow(NODE))
    webcam.values[RATE] = 0
    assert why_slow(NODE) is None


class Slow:
    """It granted 1000 frames a second, and stamps them at another rate."""

    label, fps = "slow camera", 1000.0

    def __init__(self, hz: float, why: Callable[[], str | None]) -> None:
        self.hz, self.why, self.count = hz, why, 0

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        import time

        time.sleep(0.001)
        self.count += 1
        return np.zeros((8, 8, 3), np.uint8), 100.0 + self.count / self.hz

    def why_slow(self) -> str | None:
        return self.why()

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("hz", "why", "remarks"),
    [
        (500.0, "poor light", ("the camera delivers 500 frames a second of the 1000 that it "
                               "granted: poor light",)),
        (900.0, "poor light", ()),
        (500.0, None, ()),
    ],
)  # fmt: skip
def test_half_the_rate_is_a_note_where_the_cause_is_known(
    hz: float, why: str | None, remarks: tuple[str, ...]
) -> None:
    camera = Slow(hz, lambda: why)
    source = LiveSource(lambda: camera)
    while camera.count < 120:
        source.read(1.0)
    source.close()
    assert source.remarks == remarks


@pytest.mark.parametrize(("begin_hz", "then_hz", "is_told"), [(15, 30, 0), (30, 15, 1)])
def test_a_camera_that_finds_its_exposure_first_is_not_called_slow(
    begin_hz: int, then_hz: int, *, is_told: int
) -> None:
    pace, time_s, told = Pace(30.0), 0.0, 0
    for hz in (*[begin_hz] * 46, *[then_hz] * 60):
        time_s += 1 / hz
        told += pace.is_slow(time_s)
    assert told == is_told


def test_a_button_of_a_camera_has_no_value_that_could_be_told() -> None:
    button = Control(1, "white_balance_once", 4, 0, 0, None, {}, is_inactive=False)
    assert button.title == "white_balance_once: push"


def test_of_a_menu_with_gaps_only_what_is_in_it_can_be_chosen() -> None:
    menu = {1: "Manual Mode", 3: "Aperture Priority Mode"}
    control = Control(1, "auto_exposure", 3, 0, 3, 3, menu, is_inactive=False)
    assert [control.parse(text) for text in ("1", "3", "manual mode")] == [1, 3, 1]
    for text in ("0", "2", "4"):
        with pytest.raises(UsageError, match=f"auto_exposure={text} is not possible"):
            control.parse(text)


def test_a_device_without_a_reason_needs_none() -> None:
    camera: Any = Slow(500.0, lambda: None)
    plain = type(
        "Plain", (), {"label": "p", "fps": 1000.0, "read": camera.read, "close": Slow.close}
    )
    source = LiveSource(plain)
    while camera.count < 120:
        source.read(1.0)
    source.close()
    assert source.remarks == ()
