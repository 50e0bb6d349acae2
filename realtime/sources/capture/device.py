"""An opened OpenCV capture: pictures, each with the time at which it was taken."""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.wording.printable import visible

# Of OpenCV 5.0.0: ``grab`` of these waits for the picture (cap_v4l.cpp:1120, cap_msmf.cpp:1814,
# cap_avfoundation_mac.mm:616). DirectShow's only asks whether the device is still there
# (cap_dshow.cpp:3641): it waits in ``retrieve`` (1551), as any other may.
_WAITING_IN_GRAB = frozenset({"V4L2", "MSMF", "AVFOUNDATION", "FFMPEG", "GSTREAMER"})


class CvDevice:
    """An opened OpenCV capture as a ``Device``."""

    def __init__(self, capture: cv2.VideoCapture, label: str, fps: float) -> None:
        self._capture = capture
        self.label = visible(label)
        self.fps = fps
        backend = capture.getBackendName()
        self._has_driver_clock = backend == "V4L2"
        self._is_waiting_in_grab = backend in _WAITING_IN_GRAB

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``."""
        if not self._capture.grab():
            return None
        arrived_s = self._capture_time_s()
        is_read, image = self._capture.retrieve()
        if not is_read or image is None or image.size == 0:
            return None
        return image, arrived_s if self._is_waiting_in_grab else time.perf_counter()

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
