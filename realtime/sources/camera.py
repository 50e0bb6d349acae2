"""Open cameras through OpenCV; reconnecting is in ``live``."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial

import cv2

from steadypose.realtime.sources.capture.controls import (
    set_controls,
    set_properties,
    why_slow,
)
from steadypose.realtime.sources.capture.device import CvDevice, quiet
from steadypose.realtime.sources.capture.listing import BACKENDS, find_camera
from steadypose.realtime.sources.capture.mode import CameraMode, ask, fps_of, granted
from steadypose.realtime.sources.capture.permission import Permission, permission
from steadypose.realtime.sources.capture.refusal import check_device, node_of, refused
from steadypose.realtime.sources.capture.same_camera import SameCamera, number_of

__all__ = ["CameraMode", "CvDevice", "camera_opener", "open_camera"]

ASKED_FOR_S = 30.0
"""How long macOS's question, whether a camera may be used, is waited for."""


def camera_opener(
    device: int | str, mode: CameraMode, *, is_name: bool = False
) -> Callable[[], CvDevice]:
    """A function that opens this camera, now and after each loss.

    Args:
        device: Number, device path, or name.
        mode: What is asked of it.
        is_name: ``device`` is a name, which is looked up each time: numbers change.
    """
    if not is_name:
        number = number_of(device) if platform.system() == "Linux" else None
        return (
            _opener_of(SameCamera(number), mode)
            if number is not None
            else (lambda: open_camera(device, mode))
        )

    def open_named() -> CvDevice:
        found = find_camera(str(device))
        return open_camera(found.number, mode, name=str(device), backends=(found.backend,))

    return open_named


def _opener_of(same: SameCamera, mode: CameraMode) -> Callable[[], CvDevice]:
    def open_same() -> CvDevice:
        number = same.find()
        device = open_camera(number, mode)
        same.opened(number)
        return device

    return open_same


def open_camera(
    device: int | str,
    mode: CameraMode,
    *,
    name: str = "",
    backends: tuple[int, ...] = (),
) -> CvDevice:
    """Open a camera by number or device path and set its mode.

    Args:
        device: Number, or device path.
        mode: What is asked of it.
        name: What the user calls it, for its label.
        backends: OpenCV's, tried in this order; empty: those of this system.

    Raises:
        SourceError: It is not there, not permitted, in use, or does not open.
    """
    system = platform.system()
    if system == "Linux":
        check_device(device)
    backends = backends or BACKENDS.get(system, (cv2.CAP_ANY,))
    capture = _opened(device, backends)
    if capture is None and system == "Darwin" and _has_been_allowed():
        capture = _opened(device, backends)
    if capture is None:
        raise refused(device)
    try:
        ask(capture, mode)
        if system == "Linux":
            set_controls(node_of(device), mode.controls)
        else:
            set_properties(capture, mode.controls)
    except BaseException:
        capture.release()
        raise
    called = f"camera {device}" + (f" ({name})" if name else "")
    slow = partial(why_slow, node_of(device)) if system == "Linux" else None
    return CvDevice(capture, f"{called}, {granted(capture, mode)}", fps_of(capture), why_slow=slow)


def _opened(device: int | str, backends: tuple[int, ...]) -> cv2.VideoCapture | None:
    for backend in backends:
        with quiet():
            capture = cv2.VideoCapture(device, backend)
        if capture.isOpened():
            return capture
        capture.release()
    return None


def _has_been_allowed() -> bool:
    """Wait while macOS's question stands on the screen; OpenCV has asked it, and given up."""
    until_s = time.perf_counter() + ASKED_FOR_S
    while (answer := permission()) is Permission.NOT_ASKED and time.perf_counter() < until_s:
        time.sleep(0.2)
    return answer is Permission.GIVEN
