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
        self._dt_s = 0.0

    def predict(self, time_s: float) -> None:
        """Move every slot to a capture time; see ``Smoother.predict``."""
        dt = time_s - self._time_s
        self._time_s = time_s
        self._dt_s = dt if 0.0 < dt < math.inf else 0.0
        if self._dt_s == 0.0:
            return
        tau = self.noise.decay_s
        carried, faded, q00, q01, q11 = _transition(dt, tau)
        acceleration = self.noise.acceleration * self._size
        if self.noise.agility:
            vx, vy = self.velocity[..., 0], self.velocity[..., 1]
            acceleration = acceleration + self.noise.agility * np.sqrt(vx * vx + vy * vy)
        density = acceleration * acceleration * _FRAME_S
        self.xy += carried * self.velocity
        self.velocity *= faded
        p01, p11 = self.p01, self.p11
        self.p00 += carried * (2.0 * p01 + carried * p11) + q00 * density
        self.p01 = faded * (p01 + carried * p11) + q01 * density
        self.p11 = faded * faded * p11 + q11 * density
        is_alive = time_s - self._seen_s <= self.noise.coast_s
        self.state[...] = is_alive  # PREDICTED is 1, LOST is 0

    def update(
        self, slots: NDArray[np.intp], xy: FloatArray, score: FloatArray, size_px: FloatArray
    ) -> None:
        """Take in one frame's measurements; see ``Smoother.update``."""
        noise, now = self.noise, self._time_s
        size = size_px[:, None]
        self._size[slots] = size
        is_known = self.state[slots] != State.LOST
        offset = xy - self.xy[slots]
        distance = np.sqrt(offset[..., 0] ** 2 + offset[..., 1] ** 2)
        is_usable = (score >= noise.min_score) & np.isfinite(xy[..., 0])
        is_near = distance <= noise.gate * size
        lasting = now - self._trusted_s[slots] >= noise.reacquire_s
        is_fresh = is_usable & ~(is_known & (is_near | ~lasting))
        is_used = is_usable & is_known & is_near

        sigma = noise.measurement * size / np.maximum(score, noise.min_score)
        variance = sigma * sigma
        p00, p01, p11 = self.p00[slots], self.p01[slots], self.p11[slots]
        spread = p00 + variance
        gain = 1.0 / spread
        if noise.huber < math.inf:
            bound = noise.huber * np.sqrt(spread)
            gain *= np.minimum(1.0, bound / np.maximum(distance, 1e-9))
        gain = np.where(is_used, gain, 0.0)
        k0, k1 = p00 * gain, p01 * gain
        step = np.where(is_used[..., None], offset, 0.0)
        new_xy = self.xy[slots] + k0[..., None] * step
        new_velocity = self.velocity[slots] + k1[..., None] * step
        p11 = p11 - k1 * p01
        p01 = p01 - k1 * p00
        p00 = p00 - k0 * p00
        if is_fresh.any():
            new_xy[is_fresh] = xy[is_fresh]
            new_velocity[is_fresh] = 0.0
            p00 = np.where(is_fresh, variance, p00)
            p01 = np.where(is_fresh, 0.0, p01)
            p11 = np.where(is_fresh, size * size, p11)  # speeds up to about S per second
        self.xy[slots], self.velocity[slots] = new_xy, new_velocity
        self.p00[slots], self.p01[slots], self.p11[slots] = p00, p01, p11
        is_measured = is_used | is_fresh
        self.state[slots] = np.where(is_measured, np.int8(State.MEASURED), self.state[slots])
        self._seen_s[slots] = np.where(is_measured, now, self._seen_s[slots])
        # A place that is refused keeps its old time, so that it can win by staying.
        self._trusted_s[slots] = np.where(is_measured | ~is_usable, now, self._trusted_s[slots])

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        self.state[slot] = State.LOST
        self.velocity[slot] = 0.0
        self._seen_s[slot] = -math.inf
        self._trusted_s[slot] = -math.inf


def _transition(dt: float, tau: float) -> tuple[float, float, float, float, float]:
    """Velocity to displacement, velocity to velocity, and the process noise integrals.

    The noise terms are for a unit spectral density and are exact, so that two short
    predictions equal one long one.
    """
    if math.isinf(tau):
        return dt, 1.0, dt**3 / 3.0, dt**2 / 2.0, dt
    faded = math.exp(-dt / tau)
    carried = tau * (1.0 - faded)
    q11 = tau / 2.0 * (1.0 - faded * faded)
    q01 = carried * carried / 2.0
    q00 = tau * tau * (dt - 2.0 * carried + q11)
    return carried, faded, q00, q01, q11
