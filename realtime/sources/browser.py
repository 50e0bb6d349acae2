"""A browser's camera: pictures that a page sends, as a camera of this machine would."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.pictures import decode_picture

MOST_BYTES = 1 << 23
"""Of one picture: as JPEG, it may have some 30 megapixels."""

_WAIT_S = 1.0
_OLDEST_S = 5.0  # what claims to be older has another clock than it believes
_FPS = 30.0
_JPEG = b"\xff\xd8\xff"


class Inlet:
    """One slot for the newest picture: a server's thread fills it, the capture thread empties it.

    The page that connected last is the camera; the one before is sent away.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._page = self._pages = 0
        self._picture: tuple[bytes, float] | None = None
        self._is_closed = False

    def connect(self) -> int:
        """A page begins to send; returns its number."""
        with self._changed:
            self._pages += 1
            self._page, self._picture = self._pages, None
            return self._pages

    def disconnect(self, page: int) -> None:
        """A page has gone."""
        with self._changed:
            if page == self._page:
                self._page, self._picture = 0, None
                self._changed.notify_all()

    def put(self, page: int, data: bytes, age_s: float) -> bool:
        """Offer a picture.

        Args:
            page: Its number.
            data: The JPEG.
            age_s: How long ago it was taken.

        Returns:
            False: another page is the camera now.
        """
        now_s = time.perf_counter()
        age_s = min(max(age_s, 0.0), _OLDEST_S) if math.isfinite(age_s) else 0.0
        with self._changed:
            if page == self._page:
                self._picture = (data, now_s - age_s)
                self._changed.notify_all()
            return page == self._page

    def close(self) -> None:
        """Wait for no page any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[bytes, float] | None:
        """The newest picture and when it was taken; None where none came, or no page is there."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._picture or not self._page or self._is_closed, timeout_s
            )
            picture, self._picture = self._picture, None
            return picture

    def await_picture(self, timeout_s: float | None) -> bool:
        """Wait until a page has sent something; whether one has."""
        with self._changed:
            self._changed.wait_for(lambda: self._picture or self._is_closed, timeout_s)
            return self._picture is not None


class BrowserDevice:
    """A page that sends pictures, as a ``Device``."""

    label = "a browser's camera"
    fps = _FPS

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``; what is no picture is passed over."""
        until_s = time.perf_counter() + _WAIT_S
        while (found := self._inlet.take(until_s - time.perf_counter())) is not None:
            data, captured_s = found
            # Nothing else than JPEG gets to OpenCV's decoders.
            is_jpeg = data.startswith(_JPEG)
            image = decode_picture(np.frombuffer(data, np.uint8)) if is_jpeg else None
            if image is not None:
                return image, captured_s
        return None

    def close(self) -> None:
        """There is nothing to release: the page keeps its camera."""


def open_browser(inlet: Inlet) -> LiveSource:
    """Wait, for as long as it takes, for a page that sends pictures.

    Raises:
        SourceError: The run is over.
    """
    has_come = False

    def open_device() -> BrowserDevice:
        nonlocal has_come
        if not inlet.await_picture(_WAIT_S if has_come else None):
            raise SourceError("no page sends pictures", fix="open the page and start its camera")
        has_come = True
        return BrowserDevice(inlet)

    return LiveSource(open_device, first_frame_s=math.inf, back_off_s=(0.0,))
