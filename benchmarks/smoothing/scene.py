"""Scenes for filters: several people in front of one camera, with true positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FINE_HZ = 240.0
"""Rate at which true motion is computed."""

_SWAYS = 0.04  # S/s; a person standing still sways less


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Several people in front of one camera; T frames, P persons, K keypoints, pixels.

    Attributes:
        time_s: (T,) capture times.
        truth: (T, P, K, 2).
        measured: (T, P, K, 2); NaN where the network found nothing.
        score: (T, P, K) in [0, 1].
        size_px: (T, P) longer side of each person's box, as the app knows it.
        height_px: (P,) standing height.
        speed: (T, P, K) true speed, S/s.
        is_outlier: (T, P, K) a jump of one to three frames.
        is_covered: (T, P, K) occluded.
        is_there: (P, K) within the frame at all; a person at a desk has no legs.
        fine_truth: (240 seconds, P, K, 2) truth between the frames.
    """

    time_s: Floats
    truth: Floats
    measured: Floats
    score: Floats
    size_px: Floats
    height_px: Floats
    speed: Floats
    is_outlier: Bools
    is_covered: Bools
    is_there: Bools
    fine_truth: Floats

    @property
    def is_still(self) -> Bools:
        """(T, P, K) no more than swaying for a quarter of a second."""
        return self._lasting(self.speed < _SWAYS, before_s=0.25)

    @property
    def is_slow(self) -> Bools:
        """(T, P, K) in slow movement for a quarter of a second: more than swaying."""
        return self._lasting((self.speed > _SWAYS) & (self.speed < 0.3), before_s=0.25)

    @property
    def is_moving(self) -> Bools:
        """(T, P, K)."""
        return self.speed > 0.3

    @property
    def is_fast(self) -> Bools:
        """(T, P, K)."""
        return self.speed > 1.2

    @property
    def is_stop(self) -> Bools:
        """(T, P, K) slow, within 0.3 s of having been fast: where filters overshoot."""
        return self.extended(self.is_fast, after_s=0.3) & (self.speed < 0.3)

    def extended(self, mask: Bools, *, after_s: float) -> Bools:
        """Extend a mask by a while after each true value."""
        found = mask.copy()
        for shift in range(1, self._frames(after_s) + 1):
            found[shift:] |= mask[:-shift]
        return found

    def _lasting(self, mask: Bools, *, before_s: float) -> Bools:
        found = mask.copy()
        for shift in range(1, self._frames(before_s) + 1):
            found[shift:] &= mask[:-shift]
        return found

    def _frames(self, seconds: float) -> int:
        return int(seconds / float(np.median(np.diff(self.time_s))))


def between(fine: Floats, time_s: Floats) -> Floats:
    """Interpolate values at times between the fine ones."""
    place = np.clip(time_s * FINE_HZ, 0, len(fine) - 1.001)
    low = place.astype(int)
    share = (place - low).reshape(-1, *[1] * (fine.ndim - 1))
    found: Floats = fine[low] * (1 - share) + fine[low + 1] * share
    return found
