"""A Kalman filter for all keypoints of all persons in closed form.

Each keypoint has position and velocity; x and y share one 2x2 covariance, so a
step is a few dozen array operations, whatever the number of persons. filterpy
computes the same numbers one keypoint at a time (``realtime.smooth.reference``);
the tests hold the two together.

Source: Kalman 1960; white-acceleration model as in Bar-Shalom, Li, Kirubarajan:
Estimation with Applications to Tracking and Navigation (2001), section 6.2.2,
with a velocity that decays (Singer-like), section 8.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.datatypes import FloatArray, State


@dataclass(frozen=True, slots=True)
class Noise:
    """How people move and how networks err, relative to the person's size S.

    Attributes:
        measurement: Standard deviation of a keypoint with score 1, in S.
        acceleration: Typical acceleration of a still person, S/s².
        agility: How much the acceleration grows with speed, 1/s: a moving limb
            turns more than a resting one.
        decay_s: Time in which velocity fades when nothing supports it, seconds;
            infinity is the textbook constant-velocity model.
        huber: Innovations beyond this many standard deviations pull less.
        gate: Innovations beyond this distance (in S) are outliers.
        reacquire_s: An outlier that stays this long is the new truth, seconds.
        coast_s: How long an unseen keypoint is predicted, seconds; then it is lost.
        min_score: Measurements below this score are not used.
    """

    measurement: float = 0.016
    acceleration: float = 1.0
    agility: float = 10.0
    decay_s: float = 0.25
    huber: float = 2.0
    gate: float = 0.3
    reacquire_s: float = 0.14
    coast_s: float = 0.5
    min_score: float = 0.2


PLAIN = Noise(agility=0.0, decay_s=math.inf, huber=math.inf, gate=math.inf)
"""Textbook constant velocity, linear: what filterpy can be compared with."""

_FRAME_S = 1.0 / 30.0  # accelerations above are those of one such frame


class KalmanSmoother:
    """Constant-velocity Kalman filter for S persons of K keypoints; see ``Smoother``."""

    def __init__(self, slots: int, keypoints: int, noise: Noise | None = None) -> None:
        self.noise = noise or Noise()
        shape = (slots, keypoints)
        self.xy: FloatArray = np.zeros((*shape, 2))
        self.velocity: FloatArray = np.zeros((*shape, 2))
        self.state: NDArray[np.int8] = np.full(shape, State.LOST, np.int8)
        self.p00: FloatArray = np.zeros(shape)
        self.p01: FloatArray = np.zeros(shape)
        self.p11: FloatArray = np.zeros(shape)
        self._size: FloatArray = np.ones((slots, 1))
        self._seen_s: FloatArray = np.full(shape, -math.inf)
        self._trusted_s: FloatArray = np.full(shape, -math.inf)
        self._time_s = -math.inf

    def forecast(self, time_s: float) -> FloatArray:
        """Positions at a later time; see ``Smoother.forecast``."""
        dt = time_s - self._time_s
        if not 0.0 < dt < math.inf:
            return self.xy
        return self.xy + _displacement(dt, self.noise.decay_s) * self.velocity

    def predict(self, time_s: float) -> None:
        """Move every slot to a capture time; see ``Smoother.predict``."""
        dt = time_s - self._time_s
        self._time_s = time_s
        if not 0.0 < dt < math.inf:
            return
        carried, faded, q00, q01, q11 = transition(dt, self.noise.decay_s)
        acceleration = self.noise.acceleration * self._size
        if self.noise.agility:
            speed = np.sqrt(np.einsum("skd,skd->sk", self.velocity, self.velocity))
            acceleration = acceleration + self.noise.agility * speed
        density = acceleration * acceleration * _FRAME_S
        self.xy += carried * self.velocity
        self.velocity *= faded
        p01, p11 = self.p01, self.p11
        self.p00 += carried * (2.0 * p01 + carried * p11) + q00 * density
        self.p01 = faded * (p01 + carried * p11) + q01 * density
        self.p11 = faded * faded * p11 + q11 * density
        # PREDICTED is 1, LOST is 0.
        self.state[...] = self._seen_s >= time_s - self.noise.coast_s

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """Take in one frame's measurements; see ``Smoother.update``."""
        noise, now = self.noise, self._time_s
        size = size_px[:, None]
        self._size = size
        is_usable = score >= noise.min_score
        is_known = self.state != State.LOST
        # What is not measured may be NaN and must not reach the state.
        offset = np.where(is_usable[..., None], xy - self.xy, 0.0)
        distance = np.sqrt(np.einsum("skd,skd->sk", offset, offset))
        is_used = is_usable & is_known
        if noise.gate < math.inf:
            is_near = distance <= noise.gate * size
            is_lasting = self._trusted_s <= now - noise.reacquire_s
            is_fresh = is_usable & ~(is_known & (is_near | ~is_lasting))
            is_used &= is_near
        else:
            is_fresh = is_usable & ~is_known

        variance = self._variance(score, size)
        p00, p01 = self.p00, self.p01
        spread = p00 + variance
        gain = is_used / spread
        if noise.huber < math.inf:
            bound = noise.huber * np.sqrt(spread)
            gain *= bound / np.maximum(distance, bound)
        k0, k1 = p00 * gain, p01 * gain
        self.xy += k0[..., None] * offset
        self.velocity += k1[..., None] * offset
        self.p11 -= k1 * p01
        self.p01 = p01 - k1 * p00
        self.p00 = p00 - k0 * p00
        if is_fresh.any():
            self._restart(is_fresh, xy, variance)
        is_measured = is_used | is_fresh
        self.state[is_measured] = State.MEASURED
        self._seen_s[is_measured] = now
        # A place that is refused keeps its old time, so that it can win by staying.
        self._trusted_s[is_measured | ~is_usable] = now

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """Start a person; see ``Smoother.begin``."""
        self.clear(slot)
        which = np.zeros(self.state.shape, bool)
        which[slot] = score >= self.noise.min_score
        size = self._size.copy()
        size[slot] = size_px
        self._size = size
        places, variance = self.xy.copy(), self.p00.copy()
        places[slot] = xy
        variance[slot] = self._variance(score, size_px)
        self._restart(which, places, variance)
        self.state[which] = State.MEASURED
        self._seen_s[which] = self._trusted_s[which] = self._time_s

    def _variance(self, score: FloatArray, size_px: FloatArray | float) -> FloatArray:
        """Of a measurement, pixels squared: larger for larger people and lower scores."""
        sigma = self.noise.measurement * size_px / np.maximum(score, self.noise.min_score)
        return sigma * sigma

    def _restart(self, which: NDArray[np.bool_], xy: FloatArray, variance: FloatArray) -> None:
        """Believe a measurement as it is, with an unknown velocity of about S per second."""
        self.xy[which] = xy[which]
        self.velocity[which] = 0.0
        self.p00[which] = variance[which]
        self.p01[which] = 0.0
        self.p11[which] = np.broadcast_to(self._size**2, which.shape)[which]

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        self.state[slot] = State.LOST
        self.velocity[slot] = 0.0
        self._seen_s[slot] = -math.inf
        self._trusted_s[slot] = -math.inf


def _displacement(dt: float, tau: float) -> float:
    """How far a unit velocity carries in ``dt`` seconds."""
    return dt if math.isinf(tau) else tau * (1.0 - math.exp(-dt / tau))


def transition(dt: float, tau: float) -> tuple[float, float, float, float, float]:
    """Velocity to displacement, velocity to velocity, and the process noise integrals.

    The noise terms are for a unit spectral density and are exact, so that two short
    predictions equal one long one.
    """
    carried = _displacement(dt, tau)
    if math.isinf(tau):
        return carried, 1.0, dt**3 / 3.0, dt**2 / 2.0, dt
    faded = math.exp(-dt / tau)
    q11 = tau / 2.0 * (1.0 - faded * faded)
    q01 = carried * carried / 2.0
    q00 = tau * tau * (dt - 2.0 * carried + q11)
    return carried, faded, q00, q01, q11
