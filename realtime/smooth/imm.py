"""Two Kalman filters per keypoint, one for holding still and one for moving, mixed.

A single constant-velocity filter must choose: steady and late, or quick and jittery. An
interacting multiple model (IMM) runs both and weighs them by how well each foretold the
measurement, so a resting hand is held and a moving one is followed.

Everything is in closed form for all persons, keypoints and both modes at once; x and y
share one 2x2 covariance. Noise is in fractions of the person's size, so near and far
people are treated alike, and time steps come from capture times.

Source: Blom and Bar-Shalom: The Interacting Multiple Model Algorithm for Systems with
Markovian Switching Coefficients (IEEE TAC 33, 1988); Huber 1964 for the robust update.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.datatypes import FloatArray, State
from realtime.smooth.kalman import transition

_FRAME_S = 1.0 / 30.0  # accelerations are those of one such frame


@dataclass(frozen=True, slots=True)
class ImmNoise:
    """How people move and how networks err, relative to the person's size S.

    Pairs are (holding still, moving).

    Attributes:
        measurement: Standard deviation of a keypoint with score 1, in S.
        acceleration: Typical acceleration in each mode, S/s².
        agility: How much it grows with the keypoint's speed, 1/s.
        decay_s: Time in which velocity fades in each mode when nothing supports it.
        leave_rate: How often a mode is left, 1/s.
        huber: Innovations beyond this many standard deviations pull less.
        gate: Innovations beyond this distance (in S) are outliers ...
        gate_speed: ... unless the keypoint moved fast: seconds of its speed are added.
        reacquire_s: An outlier that stays this long is the new truth, seconds.
        coast_s: How long an unseen keypoint is predicted, seconds; then it is lost.
        min_score: Measurements below this score are not used.
    """

    measurement: float = 0.016
    acceleration: tuple[float, float] = (0.5, 12.0)
    agility: tuple[float, float] = (0.0, 8.0)
    decay_s: tuple[float, float] = (0.1, 0.1)
    leave_rate: float = 0.5
    huber: float = 2.0
    gate: float = 0.3
    gate_speed: float = 0.1
    reacquire_s: float = 0.14
    coast_s: float = 0.5
    min_score: float = 0.2


class ImmSmoother:
    """Interacting multiple models for S persons of K keypoints; see ``Smoother``.

    Args:
        slots: S.
        keypoints: K.
        noise: Parameters.
    """

    def __init__(self, slots: int, keypoints: int, noise: ImmNoise | None = None) -> None:
        self.noise = noise or ImmNoise()
        shape = (slots, keypoints)
        self.xy: FloatArray = np.zeros((*shape, 2))
        self.velocity: FloatArray = np.zeros((*shape, 2))
        self.state: NDArray[np.int8] = np.full(shape, State.LOST, np.int8)
        self.weight: FloatArray = np.full((2, *shape), 0.5)
        self._x: FloatArray = np.zeros((2, *shape, 2))
        self._v: FloatArray = np.zeros((2, *shape, 2))
        self.p00: FloatArray = np.zeros((2, *shape))
        self.p01: FloatArray = np.zeros((2, *shape))
        self.p11: FloatArray = np.zeros((2, *shape))
        self._size: FloatArray = np.ones((slots, 1))
        self._seen_s: FloatArray = np.full(shape, -math.inf)
        self._trusted_s: FloatArray = np.full(shape, -math.inf)
        self._time_s = -math.inf

    def forecast(self, time_s: float) -> FloatArray:
        """Positions at a later time; see ``Smoother.forecast``."""
        dt = time_s - self._time_s
        if not 0.0 < dt < math.inf:
            return self.xy
        carried = [transition(dt, tau)[0] for tau in self.noise.decay_s]
        ahead: FloatArray = self.xy + sum(
            c * w[..., None] * v for c, w, v in zip(carried, self.weight, self._v, strict=True)
        )
        return ahead

    def predict(self, time_s: float) -> None:
        """Move every slot to a capture time; see ``Smoother.predict``."""
        dt = time_s - self._time_s
        self._time_s = time_s
        if not 0.0 < dt < math.inf:
            return
        self._mix(dt)
        noise = self.noise
        steps = np.array([transition(dt, tau) for tau in noise.decay_s])
        carried, faded, q00, q01, q11 = steps.T[:, :, None, None]
        speed = np.sqrt(np.einsum("mskd,mskd->msk", self._v, self._v))
        acceleration = _pair(noise.acceleration) * self._size + _pair(noise.agility) * speed
        density = acceleration * acceleration * _FRAME_S
        self._x += carried[..., None] * self._v
        self._v *= faded[..., None]
        p01, p11 = self.p01, self.p11
        self.p00 += carried * (2.0 * p01 + carried * p11) + q00 * density
        self.p01 = faded * (p01 + carried * p11) + q01 * density
        self.p11 = faded * faded * p11 + q11 * density
        self._combine()
        # PREDICTED is 1, LOST is 0.
        self.state[...] = self._seen_s >= time_s - noise.coast_s

    def _mix(self, dt: float) -> None:
        """Each mode starts from what both believe, by the chance that it was switched to."""
        leave = 0.5 * (1.0 - math.exp(-2.0 * self.noise.leave_rate * dt))
        other = self.weight[::-1]
        after = (1.0 - leave) * self.weight + leave * other
        share = leave * other / after  # of the other mode in each mode's new start
        dx, dv = self._x[::-1] - self._x, self._v[::-1] - self._v
        keep, spread = 1.0 - share, share * (1.0 - share)
        half = 0.5 * spread  # x and y share a covariance: the mean of both
        self.p00 = keep * self.p00 + share * self.p00[::-1] + half * _dot(dx, dx)
        self.p01 = keep * self.p01 + share * self.p01[::-1] + half * _dot(dx, dv)
        self.p11 = keep * self.p11 + share * self.p11[::-1] + half * _dot(dv, dv)
        self._x = self._x + share[..., None] * dx
        self._v = self._v + share[..., None] * dv
        self.weight = after

    def _combine(self) -> None:
        w = self.weight[1][..., None]
        np.add(self._x[0], w * (self._x[1] - self._x[0]), out=self.xy)
        np.add(self._v[0], w * (self._v[1] - self._v[0]), out=self.velocity)

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """Take in one frame's measurements; see ``Smoother.update``."""
        noise, now = self.noise, self._time_s
        size = size_px[:, None]
        self._size = size
        is_usable = score >= noise.min_score
        is_known = self.state != State.LOST
        usable = is_usable[..., None]
        distance = _norm(np.where(usable, xy - self.xy, 0.0))
        is_near = distance <= noise.gate * size + noise.gate_speed * _norm(self.velocity)
        is_lasting = self._trusted_s <= now - noise.reacquire_s
        is_fresh = is_usable & ~(is_known & (is_near | ~is_lasting))
        is_used = is_usable & is_known & is_near

        # What is not measured may be NaN and must not reach the state.
        offset = np.where(usable, xy - self._x, 0.0)
        squared = _dot(offset, offset)
        variance = self._variance(score, size)
        spread = self.p00 + variance
        deviation = np.sqrt(squared / spread)
        pull = noise.huber / np.maximum(deviation, noise.huber)
        gain = is_used * pull / spread
        # Log-likelihood of a robust (Huber) density: linear, not square, in the tails.
        far = deviation - 0.5 * np.minimum(deviation, noise.huber)
        cost = np.minimum(deviation, noise.huber) * far + np.log(spread)
        odds = np.exp(np.clip(cost[1] - cost[0], -30.0, 30.0))  # of holding still
        still = self.weight[0] * odds / (self.weight[0] * odds + self.weight[1])
        still = np.where(is_used, np.clip(still, 1e-4, 1.0 - 1e-4), self.weight[0])
        self.weight[0], self.weight[1] = still, 1.0 - still

        k0, k1 = self.p00 * gain, self.p01 * gain
        self._x += k0[..., None] * offset
        self._v += k1[..., None] * offset
        self.p11 -= k1 * self.p01
        self.p01 -= k1 * self.p00
        self.p00 -= k0 * self.p00
        if is_fresh.any():
            self._restart(is_fresh, xy, variance)
        self._combine()
        is_measured = is_used | is_fresh
        self.state[is_measured] = State.MEASURED
        self._seen_s[is_measured] = now
        # A place that is refused keeps its old time, so that it can win by staying.
        self._trusted_s[is_measured | ~is_usable] = now

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """Start a person; see ``Smoother.begin``."""
        self.clear(slot)
        which = np.zeros(self.state.shape, np.bool_)
        which[slot] = score >= self.noise.min_score
        size = self._size.copy()
        size[slot] = size_px
        self._size = size
        places, variance = self.xy.copy(), np.zeros(self.state.shape)
        places[slot] = xy
        variance[slot] = self._variance(score, size_px)
        self._restart(which, places, variance)
        self._combine()
        self.state[which] = State.MEASURED
        self._seen_s[which] = self._trusted_s[which] = self._time_s

    def _variance(self, score: FloatArray, size_px: FloatArray | float) -> FloatArray:
        """Of a measurement, pixels squared: larger for larger people and lower scores."""
        sigma = self.noise.measurement * size_px / np.maximum(score, self.noise.min_score)
        return sigma * sigma

    def _restart(self, which: NDArray[np.bool_], xy: FloatArray, variance: FloatArray) -> None:
        """Believe a measurement as it is, with an unknown velocity of about S per second."""
        self._x[:, which] = xy[which]
        self._v[:, which] = 0.0
        self.p00[:, which] = variance[which]
        self.p01[:, which] = 0.0
        self.p11[:, which] = np.broadcast_to(self._size**2, which.shape)[which]
        self.weight[:, which] = 0.5

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        self.state[slot] = State.LOST
        self._v[:, slot] = 0.0
        self.velocity[slot] = 0.0
        self._seen_s[slot] = -math.inf
        self._trusted_s[slot] = -math.inf


def _pair(values: tuple[float, float]) -> FloatArray:
    return np.array(values)[:, None, None]


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("...d,...d->...", a, b)
    return product


def _norm(a: FloatArray) -> FloatArray:
    length: FloatArray = np.sqrt(np.einsum("...d,...d->...", a, a))
    return length
