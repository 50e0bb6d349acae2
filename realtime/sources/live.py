"""Live sources: return the newest frame, count dropped ones, reopen lost devices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError, SteadyposeError
from steadypose.realtime.datatypes import Frame

_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class Device(Protocol):
    """The part of a camera or stream that the capture thread uses."""

    label: str
    fps: float

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """Wait for a frame; (image_bgr, ``perf_counter`` at capture), None if lost."""
        ...

    def close(self) -> None:
        """Release the hardware."""
        ...


class LiveSource:
    """A capture thread with a one-frame slot, and reconnection with back-off.

    Args:
        open_device: Opens the camera or stream; raises ``SteadyposeError``.
        first_frame_s: Timeout of the first frame.

    Raises:
        SourceError: The device cannot be opened, or delivers no frame.
    """

    is_live = True
    is_paced = True
    frame_count: int | None = None
    remarks: tuple[str, ...] = ()

    def __init__(self, open_device: Callable[[], Device], *, first_frame_s: float = 10.0) -> None:
        self._open_device = open_device
        device = open_device()
        self.label = device.label
        self.fps = device.fps
        self.dropped = 0
        self.trouble: str | None = None
        self.is_over = False
        self._frame: Frame | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._arrived = 0
        self._first_s = self._last_s = 0.0
        self._failure: Exception | None = None
        self._thread = threading.Thread(
            target=self._capture, args=(device,), name="capture", daemon=True
        )
        self._thread.start()
        with self._changed:
            self._changed.wait_for(
                lambda: self._frame or self.trouble or self._failure, timeout=first_frame_s
            )
        if self._frame is None:
            self.close()
            if self._failure is not None:
                raise self._failure
            raise SourceError(
                f"{self.label} opened, but no frame arrived within {first_frame_s:g} s",
                fix="close other programs that use it, or try --fourcc MJPG or a smaller size",
            )

    def read(self, timeout_s: float) -> Frame | None:
        """Newest frame; see ``Source.read``."""
        with self._changed:
            if self._frame is None and timeout_s and not self.is_over:
                self._changed.wait_for(lambda: self._frame or self._failure, timeout=timeout_s)
            frame, self._frame = self._frame, None
            if frame is None and self._failure is not None:
                self.is_over = True
                raise self._failure
            return frame

    def close(self) -> None:
        """Stop capturing and release the device."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)
        self.is_over = True

    def _capture(self, device: Device) -> None:
        current: Device | None = device
        try:
            while not self._stop.is_set():
                picture = current.read() if current else None
                if picture is not None:
                    self._offer(*picture)
                    continue
                if current:
                    current.close()
                current = self._reconnect()
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            if current:
                current.close()

    def _offer(self, image_bgr: NDArray[np.uint8], captured_s: float) -> None:
        with self._changed:
            if self._arrived == 0:
                self._first_s = self._last_s = captured_s
            # Times alternate between the driver's clock and ours; never go back.
            captured_s = self._last_s = max(captured_s, self._last_s)
            self.dropped += self._frame is not None
            self.trouble = None
            self._frame = Frame(image_bgr, self._arrived, captured_s - self._first_s, captured_s)
            self._arrived += 1
            self._changed.notify_all()

    def _reconnect(self) -> Device | None:
        """Retry until the device is back; returns None only if stopped."""
        lost_s = time.perf_counter()
        attempt = 0
        while not self._stop.is_set():
            pause_s = _BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)]
            attempt += 1
            with self._changed:
                gone_s = time.perf_counter() - lost_s
                self.trouble = f"camera lost {gone_s:.0f} s ago, reconnecting (try {attempt})"
                self._changed.notify_all()
            if self._stop.wait(pause_s):
                break
            try:
                device = self._open_device()
            except SteadyposeError:
                continue
            self.label = device.label
            return device
        return None
