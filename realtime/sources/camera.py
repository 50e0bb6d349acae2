"""Open cameras and network streams through OpenCV; reconnecting is in ``live``."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.wording.printable import quoted, visible
from steadypose.realtime.sources.address import shown

_NETWORK_TIMEOUT_MS = 5000
_SYSTEM_BACKENDS = {
    "Linux": cv2.CAP_V4L2,
    "Windows": cv2.CAP_DSHOW,
    "Darwin": cv2.CAP_AVFOUNDATION,
}
# Media Foundation takes half a minute to open some cameras unless told not to (opencv#17687).
_SLOW_MSMF = "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"


@dataclass(frozen=True, slots=True)
class CameraMode:
    """What is asked of a camera; None leaves it to the driver.

    Attributes:
        width: Pixels.
        height: Pixels.
        fps: Frames a second.
        fourcc: Four letters such as MJPG or YUYV.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None

    def __post_init__(self) -> None:
        if self.fourcc is not None and len(self.fourcc) != 4:
            raise UsageError(
                f"--fourcc {self.fourcc!r} does not have four letters", fix="try --fourcc MJPG"
            )


class CvDevice:
    """An opened OpenCV capture as a ``Device``."""

    def __init__(self, capture: cv2.VideoCapture, label: str, fps: float) -> None:
        self._capture = capture
        self.label = visible(label)
        self.fps = fps
        self._has_driver_clock = capture.getBackendName() == "V4L2"

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``."""
        if not self._capture.grab():
            return None
        captured_s = self._capture_time_s()
        is_read, image = self._capture.retrieve()
        if not is_read or image is None or image.size == 0:
            return None
        return image, captured_s

    def close(self) -> None:
        """Release the hardware."""
        self._capture.release()

    def _capture_time_s(self) -> float:
        """When the driver filled the buffer where it says so, else now."""
        now_s = time.perf_counter()
        if self._has_driver_clock:
            # V4L2 stamps buffers with the monotonic clock, which perf_counter reads on Linux.
            driver_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if 0.0 <= now_s - driver_s < 1.0:
                return driver_s
        return now_s


def camera_opener(device: int | str, mode: CameraMode) -> Callable[[], CvDevice]:
    """A function that opens this camera, now and after each loss."""
    return lambda: open_camera(device, mode)


def stream_opener(url: str) -> Callable[[], CvDevice]:
    """A function that opens this stream, now and after each loss."""

    def open_stream() -> CvDevice:
        capture = connect(url)
        label = f"{shown(url)}, {_granted(capture, CameraMode())}"
        return CvDevice(capture, label, _fps_of(capture))

    return open_stream


def open_camera(device: int | str, mode: CameraMode) -> CvDevice:
    """Open a camera by number or device path and set its mode.

    Raises:
        SourceError: It is not there, not permitted, in use, or does not open.
    """
    system = platform.system()
    if system == "Linux":
        _check_linux_device(device)
    os.environ.setdefault(_SLOW_MSMF, "0")
    capture = cv2.VideoCapture(device, _SYSTEM_BACKENDS.get(system, cv2.CAP_ANY))
    if not capture.isOpened():
        raise SourceError(
            f"camera {device} is there but does not open: another program may be using it",
            fix="close the other program, or choose another camera with --camera N",
        )
    _ask(capture, mode)
    return CvDevice(capture, f"camera {device}, {_granted(capture, mode)}", _fps_of(capture))


def connect(url: str) -> cv2.VideoCapture:
    """Open a network address, with a time limit.

    Raises:
        SourceError: Nothing answers there, or it is not video.
    """
    timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
    params = [value for prop in timeouts for value in (prop, _NETWORK_TIMEOUT_MS)]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, params)
    if not capture.isOpened():
        raise SourceError(
            f"no video at {shown(url)} (waited up to {_NETWORK_TIMEOUT_MS // 1000} s)",
            fix="check address, user and password, and that the camera streams: "
            f"ffprobe {quoted(shown(url))}",
        )
    return capture


def list_cameras() -> list[str]:
    """Camera device paths on Linux; empty if finding them out is not cheap."""
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def _check_linux_device(device: int | str) -> None:
    path = Path(f"/dev/video{device}") if isinstance(device, int) else Path(device)
    others = [other for other in list_cameras() if other != str(path)]
    seen = f"cameras here: {', '.join(others)}" if others else "no camera is attached"
    if not path.exists():
        raise SourceError(
            f"camera {device} does not exist; {seen}",
            fix="plug one in, choose another with --camera N, or try --source demo",
        )
    if not path.is_char_device():
        raise SourceError(
            f"{path} is not a camera device; {seen}",
            fix="give a video file with --source, or a camera with --camera N",
        )
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError as error:
        raise SourceError(
            f"no permission to open camera {path}",
            fix="sudo usermod -aG video $USER, then log in again",
        ) from error
    except OSError as error:
        raise SourceError(
            f"camera {path} cannot be opened: {error.strerror}",
            fix="close other programs that use it and plug it in again",
        ) from error


def _ask(capture: cv2.VideoCapture, mode: CameraMode) -> None:
    # FOURCC first: drivers offer large sizes at full rate only as MJPG (opencv#26495).
    fourcc = mode.fourcc
    if fourcc is None and (mode.width or mode.height or mode.fps):
        fourcc = "MJPG"
    if fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*fourcc)))
    for prop, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, mode.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, mode.height),
        (cv2.CAP_PROP_FPS, mode.fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        if value is not None:
            capture.set(prop, float(value))


def _granted(capture: cv2.VideoCapture, mode: CameraMode) -> str:
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = _fps_of(capture)
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24))
    text = f"{width}x{height}, {fps:g} fps" + (f", {letters}" if letters.isalnum() else "")
    asked = [
        f"{name} {want:g} asked, {have:g} granted"
        for name, want, have in (
            ("width", mode.width, width),
            ("height", mode.height, height),
            ("fps", mode.fps, fps),
        )
        if want is not None and abs(want - have) > 0.5
    ]
    if mode.fourcc is not None and letters.upper() != mode.fourcc.upper():
        asked.append(f"fourcc {mode.fourcc} asked, {letters} granted")
    return text + (f" ({'; '.join(asked)})" if asked else "")


def _fps_of(capture: cv2.VideoCapture) -> float:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0.1 < fps < 1000 else 30.0
