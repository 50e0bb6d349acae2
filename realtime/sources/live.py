"""Live sources: return the newest frame, count dropped ones, reopen lost devices."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError, SteadyposeError
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.capture.pace import Pace

_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_AT_ONCE_S = 0.2  # a read that fails sooner has not waited: the device is gone
_LATE_S = 3.0  # without a frame, after which that is said
_OPENING_S = 60.0  # native code may never come back from it
_SLICE_S = 0.2  # Windows hears Ctrl-C only between two waits


class Device(Protocol):
    """The part of a camera or stream that the capture thread uses."""

    label: str
    fps: float

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """Wait for a frame; (image_bgr, ``perf_counter`` at capture).

        None if it is lost, or (after a second or more) if no frame came so far.
        """
        ...

    def close(self) -> None:
        """Release the hardware."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A device that may know why it is slow."""

    def why_slow(self) -> str | None:
        """What may make it slower than its nominal rate; None if nothing is known."""
        ...


class LiveSource:
    """A capture thread with a one-frame slot, and reconnection with back-off.

    Args:
        open_device: Opens the camera or stream; raises ``SteadyposeError``. Called on the capture
            thread, so that Ctrl-C is heard meanwhile; on macOS, which asks for permission on the
            main thread only, at first on the caller's.
        first_frame_s: How long a frame is waited for: the first, and any other while the
            device seems to be there.
        back_off_s: How long it waits before each try to open it again; the last is repeated.
        noted: Asked what was odd about what the device sent, a sentence each.

    Raises:
        SourceError: The device cannot be opened, or delivers no frame.
    """

    is_live = True
    is_paced = True
    frame_count: int | None = None

    def __init__(
        self,
        open_device: Callable[[], Device],
        *,
        first_frame_s: float = 10.0,
        back_off_s: Sequence[float] = _BACK_OFF_S,
        noted: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._open_device = open_device
        self._back_off_s = back_off_s
        self._first_frame_s = first_frame_s
        self.label, self.fps = "", 30.0
        self.dropped = 0
        self._noted = noted
        self._slow: tuple[str, ...] = ()
        self._trouble: str | None = None
        self.is_over = False
        self._frame: Frame | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._arrived = 0
        self._first_s = self._last_s = self._offered_s = 0.0
        self._opened_s: float | None = None
        self._failure: Exception | None = None
        device = self._open() if platform.system() == "Darwin" else None
        self._thread = threading.Thread(
            target=self._capture, args=(device,), name="capture", daemon=True
        )
        self._thread.start()
        try:
            self._await_first_frame()
        except BaseException:  # Ctrl-C does not wait for a camera
            self._stop.set()
            raise
        if self._arrived == 0:
            self.close()
            self._raise_failure()
            raise self._no_frame()

    @property
    def trouble(self) -> str | None:
        """See ``Source``; a read that waits, up to ten seconds, is told as well."""
        waited_s = time.perf_counter() - self._offered_s
        if self._trouble is None and self._arrived and waited_s > _LATE_S and not self.is_over:
            return f"no frame for {waited_s:.0f} s, waiting"
        return self._trouble

    @property
    def remarks(self) -> tuple[str, ...]:
        """See ``Source``."""
        return (*self._slow, *self._noted())

    def _open(self) -> Device:
        device = self._open_device()
        with self._changed:
            self.label, self.fps = device.label, device.fps
            self._opened_s = time.perf_counter()
        return device

    def _await_first_frame(self) -> None:
        """Return when there is one, or a failure, or no hope."""
        begin_s = time.perf_counter()
        with self._changed:
            while not (self._arrived or self._failure):
                self._changed.wait(_SLICE_S)
                opened_s = self._opened_s
                until_s = begin_s + max(_OPENING_S, self._first_frame_s)
                if opened_s is not None:
                    until_s = opened_s + self._first_frame_s
                if time.perf_counter() > until_s:
                    break

    def _no_frame(self) -> SourceError:
        if self._opened_s is None:
            return SourceError(
                f"nothing opened within {_OPENING_S:g} s",
                fix="see whether another program can open it; a camera may need to be plugged in "
                "again",
            )
        return SourceError(
            f"{self.label} opened, but no frame arrived within {self._first_frame_s:g} s",
            fix="close other programs that use it, or try --fourcc MJPG or a smaller size",
        )

    def read(self, timeout_s: float) -> Frame | None:
        """Newest frame; see ``Source.read``."""
        with self._changed:
            if self._frame is None and timeout_s and not self.is_over:
                self._changed.wait_for(lambda: self._frame or self._failure, timeout=timeout_s)
            frame, self._frame = self._frame, None
            if frame is None:
                self._raise_failure()
            return frame

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self.is_over = True
            raise self._failure

    def close(self) -> None:
        """Stop capturing and release the device."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)
        self.is_over = True

    def _capture(self, device: Device | None) -> None:
        current = device
        try:
            current = current or self._open()
            while current is not None:
                self._offer_until_lost(current)
                lost_s = time.perf_counter()
                if self._arrived and not self._stop.is_set():
                    self._tell_loss(lost_s, 1)
                current.close()  # a network camera is told, and may take its time to answer
                current = None
                if self._arrived == 0 and not self._stop.is_set():
                    self._fail(self._no_frame())
                    return
                current = self._reconnect(lost_s)
        except Exception as error:
            self._fail(error)
        finally:
            if current:
                current.close()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _offer_until_lost(self, device: Device) -> None:
        """Offer what a device delivers until it is lost, or the source is closed.

        A read that fails at once says that the device is gone, or not ready where it has not
        delivered yet; one that waited, that no frame came in the back end's own time, which is
        one second for DirectShow and AVFoundation.
        """
        has_delivered, since_s = False, time.perf_counter()
        pace = Pace(device.fps)
        while not self._stop.is_set():
            asked_s = time.perf_counter()
            picture = device.read()
            now_s = time.perf_counter()
            if picture is not None:
                self._offer(*picture)
                if pace.is_slow(picture[1]):
                    self._explain(device, pace)
                has_delivered, since_s = True, now_s
                continue
            is_at_once = now_s - asked_s < _AT_ONCE_S
            if now_s - since_s >= self._first_frame_s or (is_at_once and has_delivered):
                return
            if is_at_once:
                self._stop.wait(_AT_ONCE_S)

    def _explain(self, device: Device, pace: Pace) -> None:
        reason = device.why_slow() if isinstance(device, Explaining) else None
        if reason is not None:
            self._slow = (pace.sentence(reason),)

    def _offer(self, image_bgr: NDArray[np.uint8], captured_s: float) -> None:
        with self._changed:
            if self._arrived == 0:
                self._first_s = self._last_s = captured_s
            # Times alternate between the driver's clock and ours; never go back.
            captured_s = self._last_s = max(captured_s, self._last_s)
            self.dropped += self._frame is not None
            self._trouble = None
            self._frame = Frame(image_bgr, self._arrived, captured_s - self._first_s, captured_s)
            self._arrived += 1
            self._offered_s = time.perf_counter()
            self._changed.notify_all()

    def _tell_loss(self, lost_s: float, attempt: int) -> None:
        with self._changed:
            gone_s = time.perf_counter() - lost_s
            self._trouble = f"camera lost {gone_s:.0f} s ago, reconnecting (try {attempt})"
            self._changed.notify_all()

    def _reconnect(self, lost_s: float) -> Device | None:
        """Retry until the device is back; returns None only if stopped."""
        attempt = 0
        while not self._stop.is_set():
            pause_s = self._back_off_s[min(attempt, len(self._back_off_s) - 1)]
            attempt += 1
            self._tell_loss(lost_s, attempt)
            if self._stop.wait(pause_s):
                break
            try:
                device = self._open_device()
            except SteadyposeError:
                continue
            self.label = device.label
            return device
        return None
