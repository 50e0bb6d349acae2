"""A source whose frames are turned, because the camera hangs on its side."""

from __future__ import annotations

from dataclasses import replace

import cv2

from steadypose.realtime.datatypes import Frame
from steadypose.realtime.sources.base import Source

CODES = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
"""Degrees clockwise, and what OpenCV calls them."""


class Turned:
    """Turns every frame clockwise; all else is the source's own.

    Args:
        source: Closed with this.
        degrees: A key of ``CODES``.
    """

    def __init__(self, source: Source, degrees: int) -> None:
        self._source = source
        self._degrees = degrees
        self.is_live, self.is_paced = source.is_live, source.is_paced

    @property
    def label(self) -> str:
        """See ``Source``."""
        return f"{self._source.label}, turned by {self._degrees}°"

    @property
    def fps(self) -> float:
        """See ``Source``."""
        return self._source.fps

    @property
    def frame_count(self) -> int | None:
        """See ``Source``."""
        return self._source.frame_count

    @property
    def dropped(self) -> int:
        """See ``Source``."""
        return self._source.dropped

    @property
    def trouble(self) -> str | None:
        """See ``Source``."""
        return self._source.trouble

    @property
    def remarks(self) -> tuple[str, ...]:
        """See ``Source``."""
        return self._source.remarks

    @property
    def is_over(self) -> bool:
        """See ``Source``."""
        return self._source.is_over

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, turned; see ``Source``."""
        frame = self._source.read(timeout_s)
        if frame is None:
            return None
        return replace(frame, image_bgr=cv2.rotate(frame.image_bgr, CODES[self._degrees]))

    def close(self) -> None:
        """See ``Source``."""
        self._source.close()
