"""Whether a camera delivers the rate that it granted."""

from __future__ import annotations

from collections import deque

import numpy as np

_FRAMES = 45
_SLOW = 1.5  # times the nominal interval


class Pace:
    """Looks once at the first frames after the start, when the camera has found its exposure.

    Args:
        fps: The granted rate.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._times_s: deque[float] = deque(maxlen=_FRAMES)
        self._seen = 0

    def is_slow(self, captured_s: float) -> bool:
        """Note a frame; True once, if the second ``_FRAMES`` came at two thirds of the rate."""
        self._seen += 1
        self._times_s.append(captured_s)
        return self._seen == 2 * _FRAMES and self._interval_s() > _SLOW / self._fps

    def sentence(self, reason: str) -> str:
        """What is to be said about it."""
        return (
            f"the camera delivers {1 / self._interval_s():.0f} frames a second of the "
            f"{self._fps:g} that it granted: {reason}"
        )

    def _interval_s(self) -> float:
        return float(np.median(np.diff(self._times_s)))
