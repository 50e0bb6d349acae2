"""Which keypoints are measured, predicted or lost; shared by all filters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, State

# NumPy is slow to find out what a member of an enumeration is.
_LOST, _MEASURED = np.int8(State.LOST), np.int8(State.MEASURED)


class Presence:
    """The clock of a filter and the state of S x K keypoints.

    Args:
        slots: S.
        keypoints: K.
        coast_s: How long an unseen keypoint is predicted, seconds.
        reacquire_s: A measurement rejected for this long is accepted, seconds.
    """

    def __init__(self, slots: int, keypoints: int, *, coast_s: float, reacquire_s: float) -> None:
        n = slots * keypoints
        self._coast_s, self._reacquire_s = coast_s, reacquire_s
        self._flat: NDArray[np.int8] = np.full(n, _LOST)
        self._is_alive: NDArray[np.bool_] = self._flat.view(np.bool_)
        self.state: NDArray[np.int8] = self._flat.reshape(slots, keypoints)
        self._seen_s: FloatArray = np.full(n, -math.inf)
        self._refused_s: FloatArray = np.full(
            n, math.inf
        )  # rejected without interruption since then
        self._time_s = -math.inf

    def _advance(self, time_s: float) -> float:
        """Move the clock; returns the step in seconds, 0 for none."""
        dt, self._time_s = time_s - self._time_s, time_s
        # PREDICTED is 1, LOST is 0.
        np.greater_equal(self._seen_s, time_s - self._coast_s, out=self._is_alive)
        return dt if 0.0 < dt < math.inf else 0.0

    def _judge(
        self, is_usable: NDArray[np.bool_], is_near: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        """Decide which measurements correct a keypoint and which restart it; record both.

        Args:
            is_usable: (N,) measured well enough.
            is_near: (N,) at a position the keypoint can have reached.

        Returns:
            (N,) which correct; (N,) which restart, None if there is none.
        """
        now = self._time_s
        is_continued = self._flat != _LOST
        if (is_near & is_continued >= is_usable).all():  # as in most frames
            self._refused_s.fill(math.inf)
            self._flat[is_usable] = _MEASURED
            self._seen_s[is_usable] = now
            return is_usable, None
        # Rejected long enough: a single outlier is never accepted, however slow the camera.
        is_lasting = self._refused_s <= now - self._reacquire_s
        is_used = is_usable & is_near
        is_used &= is_continued
        is_continued &= is_near | ~is_lasting
        is_fresh = is_usable & ~is_continued
        is_measured = is_used | is_fresh
        np.minimum(self._refused_s, now, out=self._refused_s)
        self._refused_s[~is_usable] = math.inf
        self._note_measured(is_measured)
        return is_used, is_fresh if is_fresh.any() else None

    def _note_measured(self, which: NDArray[np.bool_]) -> None:
        self._flat[which] = _MEASURED
        self._seen_s[which] = self._time_s
        self._refused_s[which] = math.inf

    def _forget(self, slot: int) -> None:
        k = self.state.shape[1]
        rows = slice(slot * k, (slot + 1) * k)
        self._flat[rows] = _LOST
        self._seen_s[rows] = -math.inf
