"""The One Euro filter, for comparison: ``--smooth one-euro``.

Source: Casiez, Roussel, Vogel: 1 Euro Filter (CHI 2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.smooth.presence import Presence


@dataclass(frozen=True, slots=True)
class OneEuro:
    """Parameters of the One Euro filter; lengths in person sizes S, for any distance.

    Attributes:
        cutoff_hz: Of the low-pass at rest.
        beta: How much the cut-off grows with speed, per S.
        rate_hz: Cut-off for the speed estimate.
        coast_s: How long an unseen keypoint keeps its position, seconds; then it is lost.
        min_score: Measurements below this score are not used.
    """

    cutoff_hz: float = 1.0
    beta: float = 10.0
    rate_hz: float = 1.0
    coast_s: float = 0.5
    min_score: float = 0.2


class OneEuroSmoother(Presence):
    """One Euro for S persons of K keypoints; see ``Smoother``. It has no outlier rejection."""

    def __init__(self, slots: int, keypoints: int, parameters: OneEuro | None = None) -> None:
        self.parameters = parameters or OneEuro()
        super().__init__(slots, keypoints, coast_s=self.parameters.coast_s, reacquire_s=math.inf)
        self.xy: FloatArray = np.zeros((slots, keypoints, 2))
        self.velocity: FloatArray = np.zeros((slots, keypoints, 2))
        self._dt = 0.0

    def describe(self) -> dict[str, Any]:
        """See ``Smoother.describe``."""
        return {"name": "one-euro", **asdict(self.parameters)}

    def forecast(self, time_s: float) -> FloatArray:
        """See ``Smoother.forecast``."""
        dt = time_s - self._time_s
        return self.xy + dt * self.velocity if 0.0 < dt < math.inf else self.xy

    def ahead(self, _time_s: float) -> FloatArray:
        """Same as ``xy``: this filter has no uncertainty for its speed."""
        return self.xy

    def uncertainty(self) -> FloatArray:
        """Not known."""
        return np.full((*self.xy.shape, 2), np.nan)

    def uncertainty_later(self) -> Callable[[], FloatArray]:
        """See ``Smoother.uncertainty_later``."""
        found = self.uncertainty()
        return lambda: found

    def predict(self, time_s: float) -> None:
        """See ``Smoother.predict``."""
        self._dt = self._advance(time_s)

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """See ``Smoother.update``."""
        p = self.parameters
        is_usable = (score >= p.min_score).reshape(-1)
        is_used, is_fresh = self._judge(is_usable, np.ones_like(is_usable))
        used = is_used.reshape(score.shape)
        if self._dt > 0.0:
            offset = np.where(used[..., None], xy - self.xy, 0.0)
            change = _share(p.rate_hz, self._dt) * (offset / self._dt - self.velocity)
            self.velocity += np.where(used[..., None], change, 0.0)
            speed = np.abs(self.velocity) / size_px[:, None, None]
            self.xy += _share(p.cutoff_hz + p.beta * speed, self._dt) * offset
        if is_fresh is not None:
            fresh = is_fresh.reshape(score.shape)
            self.xy[fresh], self.velocity[fresh] = xy[fresh], 0.0

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """See ``Smoother.begin``; ``size_px`` is passed again with every update."""
        del size_px
        self.clear(slot)
        which = np.zeros(self.state.shape, np.bool_)
        which[slot] = score >= self.parameters.min_score
        self.xy[slot] = np.where(which[slot][:, None], xy, 0.0)
        self._note_measured(which.reshape(-1))

    def clear(self, slot: int) -> None:
        """See ``Smoother.clear``."""
        self._forget(slot)
        self.velocity[slot] = 0.0


def _share(cutoff_hz: FloatArray | float, dt: float) -> FloatArray | float:
    """Fraction of the distance to a measurement that a low-pass covers in ``dt`` seconds."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * dt))
