"""An opened OpenCV capture: pictures, each with the time at which it was taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.wording.printable import visible
from steadypose.realtime.sources.capture.mode import COMMON

# Of OpenCV 5.0.0: ``grab`` of these waits for the picture (cap_v4l.cpp:1120, cap_msmf.cpp:1814,
# cap_avfoundation_mac.mm:616). DirectShow's only asks whether the device is still there
# (cap_dshow.cpp:3641): it waits in ``retrieve`` (1551), as any other may.
_WAITING_IN_GRAB = frozenset({"V4L2", "MSMF", "AVFOUNDATION", "FFMPEG", "GSTREAMER"})
_LATE_S = 1.0  # an older buffer is believed only by a clock that was right before


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV writes no warning of its own around our one sentence; afterwards it may again."""
    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has it at the top
    before = logging.setLogLevel(0)
    try:
        yield
    finally:
        logging.setLogLevel(before)


class CvDevice:
    """An opened OpenCV capture as a ``Device``."""

    def __init__(
        self,
        capture: cv2.VideoCapture,
        label: str,
        fps: float,
        *,
        why_slow: Callable[[], str | None] | None = None,
    ) -> None:
        self._why_slow = why_slow
        self._capture = capture
        self.label = visible(label)
        self.fps = fps
        backend = capture.getBackendName()
        self._has_driver_clock = backend == "V4L2"
        self._is_waiting_in_grab = backend in _WAITING_IN_GRAB
        self._driver_s: float | None = None

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``."""
        try:
            if not self._capture.grab():
                return None
            arrived_s = self._capture_time_s()
            is_read, image = self._capture.retrieve()
        except cv2.error as error:  # a format that it takes but cannot make out
            raise SourceError(
                f"{self.label}: OpenCV cannot read its pictures",
                fix=f"ask for another format: --fourcc {COMMON}",
            ) from error
        if not is_read or image is None or image.size == 0:
            return None
        return image, arrived_s if self._is_waiting_in_grab else time.perf_counter()

    def why_slow(self) -> str | None:
        """See ``Explaining``."""
        return self._why_slow() if self._why_slow else None

    def close(self) -> None:
        """Release the hardware."""
        self._capture.release()

    def _capture_time_s(self) -> float:
        """When the driver filled the buffer where it says so, else now."""
        now_s = time.perf_counter()
        if not self._has_driver_clock:
            return now_s
        # V4L2 stamps buffers with the monotonic clock, which perf_counter reads on Linux.
        driver_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        before_s = self._driver_s
        # After a pause of ours the oldest buffers are old; other clocks are wrong from the start.
        is_next = before_s is not None and before_s < driver_s
        if now_s - driver_s >= 0.0 and (now_s - driver_s < _LATE_S or is_next):
            self._driver_s = driver_s
            return driver_s
        self._driver_s = None
        return now_s
