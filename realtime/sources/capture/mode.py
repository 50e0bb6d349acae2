"""Ask a camera for a mode, in the order that OpenCV's back end for it can follow.

Places are lines of OpenCV 5.0.0's ``modules/videoio/src``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from steadypose.engines.errors import UsageError

_SIZE, _RATE, _FOURCC, _BUFFERS = "size", "rate", "fourcc", "buffers"
_ORDERS = {
    # Size and rate restart the graph without the code (cap_dshow.cpp:3512, 3576), so it comes last.
    "DSHOW": (_SIZE, _RATE, _FOURCC),
    # A code is a format of the picture that is handed out (cap_msmf.cpp:1155), not the camera's.
    "MSMF": (_SIZE, _RATE),
    "AVFOUNDATION": (_SIZE, _RATE),  # it knows no others (cap_avfoundation_mac.mm:510)
}
# Code first: many drivers offer large sizes at full rate as MJPG only.
_OTHERS = (_FOURCC, _SIZE, _RATE, _BUFFERS)
# What cap_v4l.cpp makes out; it takes other formats as well, and fails or loses their colours.
_READ_FROM_V4L2 = frozenset(
    [
        "MJPG",
        "JPEG",
        "YUYV",
        "UYVY",
        "NV12",
        "NV21",
        "YU12",
        "YV12",
        "411P",
        "RGB3",
        "BGR3",
        "XR24",
        "AR24",
        "GREY",
        "Y10",
        "Y12",
        "Y16",
        "BA81",
        "GBRG",
        "GRBG",
        "RGGB",
        "S910",
    ]
)
COMMON = "MJPG, YUYV or NV12"


@dataclass(frozen=True, slots=True)
class CameraMode:
    """What is asked of a camera; None leaves it to the driver.

    Attributes:
        width: Pixels.
        height: Pixels.
        fps: Frames a second.
        fourcc: Four letters such as MJPG or YUYV.
        controls: Names and values of the camera's own controls, set in this order.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    controls: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        letters: object = self.fourcc  # programs give what they like
        if letters is not None and not (isinstance(letters, str) and len(letters) == 4):
            raise UsageError(
                f"fourcc {self.fourcc!r} does not have four letters", fix="give one such as MJPG"
            )
        for name, example in (("width", 640), ("height", 480), ("fps", 30)):
            value: object = getattr(self, name)
            if isinstance(value, np.number):
                value = value.item()
                object.__setattr__(self, name, value)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 < value < math.inf):  # type: ignore[operator]
                fix = f"give one such as {example}"
                raise UsageError(f"{name} {value!r} is no number of a camera's", fix=fix)


def ask(capture: cv2.VideoCapture, mode: CameraMode) -> None:
    """Ask an opened camera for a mode; ``granted`` says what came of it.

    What is there already is not set: each setting restarts the camera, up to a second.

    Raises:
        UsageError: The code is none that the system knows.
    """
    for part in _ORDERS.get(capture.getBackendName(), _OTHERS):
        if part == _SIZE:
            _ask_size(capture, mode)
        elif part == _RATE and mode.fps is not None:
            _set(capture, cv2.CAP_PROP_FPS, mode.fps)
        elif part == _FOURCC:
            _ask_fourcc(capture, mode)
        elif part == _BUFFERS:
            _set(capture, cv2.CAP_PROP_BUFFERSIZE, 1)


def _ask_size(capture: cv2.VideoCapture, mode: CameraMode) -> None:
    """Both sides: V4L2 and AVFoundation wait for the second (cap_v4l.cpp:1882, ..._mac.mm:514)."""
    if mode.width is None and mode.height is None:
        return
    now_w, now_h = size_wh(capture)
    aspect = now_w / now_h if now_w > 0 and now_h > 0 else 4 / 3
    width = mode.width or _even((mode.height or 0) * aspect)
    height = mode.height or _even(width / aspect)
    if (width, height) != (now_w, now_h):
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, float(width))
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, float(height))


def _ask_fourcc(capture: cv2.VideoCapture, mode: CameraMode) -> None:
    letters = mode.fourcc
    if letters is None and (mode.width or mode.height or mode.fps):
        letters = "MJPG"
    if letters is None:
        return
    is_kept = _set(capture, cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*letters.upper())))
    if not is_kept and capture.getBackendName() == "DSHOW":
        # It has stopped the camera before it looked (cap_dshow.cpp:3563), and cannot go on.
        raise UsageError(
            f"--fourcc {letters} is no format that DirectShow knows", fix="try --fourcc MJPG"
        )
    if is_kept and is_unread(capture):
        raise UsageError(
            f"the camera has the format {letters}, but OpenCV does not read it",
            fix=f"try --fourcc {COMMON}; --doctor lists the camera's formats",
        )


def is_unread(capture: cv2.VideoCapture) -> bool:
    """Whether the format that is set is one whose pictures OpenCV cannot make out."""
    letters = _letters(capture).upper()
    return capture.getBackendName() == "V4L2" and letters not in {"", *_READ_FROM_V4L2}


def _even(side: float) -> int:
    """Pixels; formats with half the colours have even sides."""
    return 2 * round(side / 2)


def _set(capture: cv2.VideoCapture, prop: int, value: float) -> bool:
    """Set what is not there yet; False where the back end refuses."""
    if abs(capture.get(prop) - value) <= 0.5:
        return True
    return bool(capture.set(prop, value))


def size_wh(capture: cv2.VideoCapture) -> tuple[int, int]:
    """Width and height in pixels, of the mode that is set."""
    width = capture.get(cv2.CAP_PROP_FRAME_WIDTH)
    return int(width), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))


def fps_of(capture: cv2.VideoCapture) -> float:
    """Nominal frame rate, 30 where the back end does not know."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if 0.1 < fps < 1000 else 30.0


def granted(capture: cv2.VideoCapture, mode: CameraMode) -> str:
    """The mode that is set, and where it is another than was asked for."""
    width, height = size_wh(capture)
    fps, letters = fps_of(capture), _letters(capture)
    text = f"{width}x{height}, {fps:g} fps" + (f", {letters}" if letters else "")
    asked = [
        f"{name} {want:g} asked, {have:g} granted"
        for name, want, have in (
            ("width", mode.width, width),
            ("height", mode.height, height),
            ("fps", mode.fps, fps),
        )
        if want is not None and abs(want - have) > 0.5
    ]
    if mode.fourcc is not None and letters.upper() != mode.fourcc.upper().rstrip():
        chosen = f"{letters} granted" if letters else "the system chooses"
        asked.append(f"fourcc {mode.fourcc} asked, {chosen}")
    return text + (f" ({'; '.join(asked)})" if asked else "")


def _letters(capture: cv2.VideoCapture) -> str:
    """The camera's format, empty where the back end does not know (-1, or a small number)."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24))
    letters = letters.rstrip(" ")
    return letters if letters.isascii() and letters.isalnum() else ""
