"""The same Kalman filter on filterpy, one keypoint at a time: slow but easy to verify.

``--smooth filterpy`` runs it in the app; the tests compare the fast implementation with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.smooth.noise import PLAIN, Noise


class FilterpySmoother:
    """Textbook constant velocity on ``filterpy.kalman.KalmanFilter``; see ``Smoother``."""

    def __init__(self, slots: int, keypoints: int, noise: Noise | None = None) -> None:
        self.noise = noise or PLAIN
        self.xy: FloatArray = np.zeros((slots, keypoints, 2))
        self.state: NDArray[np.int8] = np.full((slots, keypoints), State.LOST, np.int8)
        self._filters: dict[tuple[int, int], KalmanFilter] = {}
        self._size: FloatArray = np.ones(slots)
        self._seen_s: FloatArray = np.zeros((slots, keypoints))
        self._time_s = -math.inf

    def uncertainty(self) -> FloatArray:
        """Of the textbook filter; see ``Smoother.uncertainty``."""
        found: FloatArray = np.full((*self.xy.shape, 2), np.nan)
        for (slot, k), kalman in self._filters.items():
            found[slot, k] = kalman.P[::2, ::2]
        return found

    def uncertainty_later(self) -> Callable[[], FloatArray]:
        """See ``Smoother.uncertainty_later``."""
        found = self.uncertainty()
        return lambda: found

    def predict(self, time_s: float) -> None:
        """See ``Smoother.predict``."""
        dt = time_s - self._time_s
        self._time_s = time_s
        if not 0.0 < dt < math.inf:
            return
        for (slot, k), kalman in list(self._filters.items()):
            if time_s - self._seen_s[slot, k] > self.noise.coast_s:
                self._drop(slot, k)
                continue
            acceleration = self.noise.acceleration[0] * self._size[slot]
            density = acceleration * acceleration / 30.0
            kalman.F = np.kron(np.eye(2), np.array(((1.0, dt), (0.0, 1.0))))
            kalman.Q = np.kron(np.eye(2), Q_continuous_white_noise(2, dt, density))
            kalman.predict()
            self.xy[slot, k] = kalman.x[[0, 2], 0]
            self.state[slot, k] = State.PREDICTED

    def forecast(self, time_s: float) -> FloatArray:
        """See ``Smoother.forecast``."""
        ahead = self.xy.copy()
        for (slot, k), kalman in self._filters.items():
            ahead[slot, k] += kalman.x[[1, 3], 0] * max(0.0, time_s - self._time_s)
        return ahead

    def ahead(self, time_s: float) -> FloatArray:
        """See ``Smoother.ahead``: the textbook filter always extrapolates its velocity."""
        return self.forecast(time_s)

    def describe(self) -> dict[str, Any]:
        """See ``Smoother.describe``."""
        return {"name": "filterpy", **self.noise.to_dict()}

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """See ``Smoother.update``."""
        self._size = size_px
        for slot, k in np.argwhere(score >= self.noise.min_score):
            size = float(size_px[slot])
            variance = (self.noise.measurement * size / float(score[slot, k])) ** 2
            key = (int(slot), int(k))
            if key not in self._filters:
                self._filters[key] = _new_filter(xy[slot, k], variance, size)
            else:
                self._filters[key].update(xy[slot, k], R=np.eye(2) * variance)
            self.xy[slot, k] = self._filters[key].x[[0, 2], 0]
            self.state[slot, k] = State.MEASURED
            self._seen_s[slot, k] = self._time_s

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """See ``Smoother.begin``."""
        self.clear(slot)
        scores = np.zeros(self.state.shape)
        scores[slot] = score
        positions, sizes = self.xy.copy(), self._size.copy()
        positions[slot], sizes[slot] = xy, size_px
        self.update(positions, scores, sizes)

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        for k in range(self.xy.shape[1]):
            self._drop(slot, k)

    def _drop(self, slot: int, k: int) -> None:
        self._filters.pop((slot, k), None)
        self.state[slot, k] = State.LOST


def _new_filter(xy: FloatArray, variance: float, size: float) -> KalmanFilter:
    """State (x, vx, y, vy), as in the notebook form of filterpy's documentation."""
    kalman = KalmanFilter(dim_x=4, dim_z=2)
    kalman.x = np.array(((xy[0],), (0.0,), (xy[1],), (0.0,)))
    kalman.P = np.diag((variance, size * size, variance, size * size))
    kalman.H = np.array(((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)))
    return kalman
