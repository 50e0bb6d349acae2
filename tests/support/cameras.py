"""Stand-ins for ``cv2.VideoCapture`` with the rules of its back ends for cameras.

Lines are those of OpenCV 5.0.0's ``modules/videoio/src``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS
FOURCC, BUFFERS = cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_BUFFERSIZE


def code_of(letters: str) -> int:
    return cv2.VideoWriter.fourcc(*letters)


def letters_of(code: int) -> str:
    return "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24))


@dataclass(frozen=True)
class Mode:
    letters: str
    width: int
    height: int
    fps: int = 30


# As many a webcam: large pictures at full rate only as MJPG.
WEBCAM = (
    Mode("YUY2", 640, 480),
    Mode("YUY2", 1280, 960, 7),
    Mode("YUY2", 1280, 720, 10),
    Mode("MJPG", 640, 480),
    Mode("MJPG", 1280, 960),
    Mode("MJPG", 1280, 720, 60),
    Mode("MJPG", 1920, 1080),
)


class Camera:
    """What all have: modes, pictures at a rate, and a log of what restarted it."""

    backend = ""

    def __init__(
        self, modes: Sequence[Mode] = WEBCAM, *, hz: float = 30.0, first_s: float = 0.0
    ) -> None:
        self.modes = modes
        self.mode = modes[0]
        self.restarts: list[str] = []
        self.is_released = False
        self.began_s = time.perf_counter() + first_s
        self.hz = hz
        self.taken_s: list[float] = []

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's names
        return self.backend

    def isOpened(self) -> bool:  # noqa: N802
        return not self.is_released

    def release(self) -> None:
        self.is_released = True

    def closest(self, width: int, height: int) -> Mode:
        return min(self.modes, key=lambda m: abs(m.width - width) + abs(m.height - height))

    def picture(self, within_s: float) -> NDArray[np.uint8] | None:
        """Wait for the next picture as the driver does; None after a time."""
        begin_s = time.perf_counter()
        passed = max(0, int((begin_s - self.began_s) * self.hz) + 1)
        due_s = self.began_s + passed / self.hz if begin_s > self.began_s else self.began_s
        if due_s - begin_s > within_s:
            time.sleep(within_s)
            return None
        time.sleep(max(0.0, due_s - begin_s))
        self.taken_s.append(time.perf_counter())
        return np.zeros((self.mode.height // 16, self.mode.width // 16, 3), np.uint8)

    def grab(self) -> bool:
        self.held = self.picture(self.grab_waits_s)
        return self.held is not None

    grab_waits_s = 1.0

    def retrieve(self) -> tuple[bool, Any]:
        return True, self.held

    def get(self, prop: int) -> float:
        return {
            WIDTH: float(self.mode.width),
            HEIGHT: float(self.mode.height),
            FOURCC: float(code_of(self.mode.letters)),
            RATE: float(self.mode.fps),
        }.get(prop, -1.0)

    def set(self, prop: int, value: float) -> bool:
        raise NotImplementedError


class V4L2(Camera):
    """cap_v4l.cpp:1891 (set), 1872 (sizes in pairs), 585 (formats), 1065 (grab waits)."""

    backend = "V4L2"
    grab_waits_s = 10.0

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.sides = {WIDTH: 0, HEIGHT: 0}
        self.buffers = 4

    def get(self, prop: int) -> float:
        if prop == cv2.CAP_PROP_POS_MSEC:
            return 1000.0 * self.taken_s[-1]
        return float(self.buffers) if prop == BUFFERS else super().get(prop)

    def set(self, prop: int, value: float) -> bool:
        if prop in self.sides:
            self.sides[prop] = int(value)
            if all(self.sides.values()):  # 1882: it waits for the other side
                width, height = self.sides.values()
                at = [m for m in self.modes if m.letters == self.mode.letters] or self.modes
                self.mode = min(at, key=lambda m: abs(m.width - width) + abs(m.height - height))
                self.restarts.append("size")
                self.sides = dict.fromkeys(self.sides, 0)
            return True
        if prop == FOURCC:
            fits = [m for m in self.modes if code_of(m.letters) == int(value)]
            self.restarts.append("fourcc")
            if not fits:  # 1923: back to the one before
                return False
            self.mode = min(fits, key=lambda m: abs(m.width - self.mode.width))
            return True
        if prop == BUFFERS:
            self.buffers = int(value)
            self.restarts.append("buffers")
            return True
        return prop == RATE


class DirectShow(Camera):
    """cap_dshow.cpp:3466 (set), 3641 (grab asks, retrieve waits), 2784 (formats in turn)."""

    backend = "DSHOW"
    KNOWN = ("YUY2", "YUYV", "MJPG", "NV12", "I420", "UYVY")  # of 1086 to 1110, in their order

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.side_w = self.side_h = self.code = -1
        self.set_wh: tuple[int, int] | None = None
        self.rate = -1  # getFPS tells what was asked for, 1470
        self.is_set_up = True

    def get(self, prop: int) -> float:
        if not self.is_set_up:
            return -1.0
        return float(self.rate) if prop == RATE else super().get(prop)

    def setup(self, width: int, height: int, letters: str) -> None:
        """2769 to 2830: the format asked for, else all in turn, else the closest size."""
        self.restarts.append(f"{letters or 'any'} {width}x{height}")
        for tried in (letters, *self.KNOWN):
            fits = [
                m for m in self.modes if (m.letters, m.width, m.height) == (tried, width, height)
            ]
            if fits:
                self.mode = fits[0]
                return
        self.mode = self.closest(width, height)

    def set(self, prop: int, value: float) -> bool:
        if prop == WIDTH:
            self.side_w = int(value)
        elif prop == HEIGHT:
            self.side_h = int(value)
        elif prop == FOURCC:
            self.code = int(value)
            self.side_w, self.side_h = int(self.get(WIDTH)), int(self.get(HEIGHT))
        elif prop == RATE:
            if int(value) != self.rate:  # 3508: once more, without a code
                self.rate = int(value)
                if self.set_wh:
                    self.setup(*self.set_wh, "")
                else:
                    self.restarts.append("default")
                    self.mode = self.modes[0]
            return True
        else:
            return False
        if self.side_w > 0 and self.side_h > 0:
            if (self.side_w, self.side_h, self.code) != (
                self.mode.width,
                self.mode.height,
                code_of(self.mode.letters),
            ):
                letters = letters_of(self.code) if self.code != -1 else ""
                if letters and letters not in self.KNOWN:  # 1233: stopped, and not set up again
                    self.is_set_up = False
                    return False
                self.setup(self.side_w, self.side_h, letters)
            self.set_wh = (self.side_w, self.side_h)
            self.side_w = self.side_h = self.code = -1
        return True

    def grab(self) -> bool:
        return self.is_set_up

    def retrieve(self) -> tuple[bool, Any]:
        found = self.picture(1.0)  # 1551
        return found is not None, found


class MediaFoundation(Camera):
    """cap_msmf.cpp:2315 (set), 652 (closest size, then rate), 1155 (codes), 1814 (grab waits)."""

    backend = "MSMF"
    grab_waits_s = 10.0

    def get(self, prop: int) -> float:
        return 20.0 if prop == FOURCC else super().get(prop)  # the picture's, MFVideoFormat_RGB24

    def set(self, prop: int, value: float) -> bool:
        wanted = {p: self.get(p) for p in (WIDTH, HEIGHT, RATE)}
        if prop not in wanted:
            self.restarts.append("nothing")
            return False
        wanted[prop] = value
        self.restarts.append(f"{wanted[WIDTH]:.0f}x{wanted[HEIGHT]:.0f}")
        self.mode = min(
            self.modes,
            key=lambda m: (
                abs(m.width - wanted[WIDTH]) + abs(m.height - wanted[HEIGHT]),
                -m.width,
                abs(m.fps - wanted[RATE]),
            ),
        )
        return True


class AVFoundation(Camera):
    """cap_avfoundation_mac.mm:505 (set, sizes in pairs), 609 (grab waits for one second)."""

    backend = "AVFOUNDATION"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.sides = {WIDTH: 0, HEIGHT: 0}

    def get(self, prop: int) -> float:
        return -1.0 if prop == FOURCC else super().get(prop)  # 479

    def set(self, prop: int, value: float) -> bool:
        if prop in self.sides:
            self.sides[prop] = int(value)
            if all(self.sides.values()):
                self.mode = self.closest(*self.sides.values())
                self.restarts.append("size")
                self.sides = dict.fromkeys(self.sides, 0)
            return True
        return prop == RATE
