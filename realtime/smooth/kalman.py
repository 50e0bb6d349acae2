"""The default smoother: per keypoint, a mix of Kalman filters for rest, slow and fast motion.

A single constant-velocity filter must be either steady and late, or quick and jittery. An
interacting multiple model (IMM) runs several and weights them by how well each predicted the
measurements, so a resting hand is held still and a moving one is followed. With one mode it
is the plain Kalman filter; filterpy computes the same numbers one keypoint at a time
(``steadypose.realtime.smooth.filterpy_reference``), and the tests compare the two.

Everything is in closed form for all persons, keypoints and modes at once; x and y share
one 2x2 covariance. Noise is a fraction of the person's size, so near and far people are
treated alike, and time steps come from capture times.

Source: Blom and Bar-Shalom: The Interacting Multiple Model Algorithm for Systems with
Markovian Switching Coefficients (IEEE TAC 33, 1988); Huber 1964 for the robust update.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.smooth.motion_model import displacement, matrices
from steadypose.realtime.smooth.noise import FRAME_S, Noise
from steadypose.realtime.smooth.presence import Presence

_LEAST_WEIGHT = 1e-12  # of a mode; mixing brings it back
_TINY_PX2 = 1e-12
_VARIANCE_WEIGHT = 0.5  # of a velocity's variance, when deciding how far to extrapolate


class KalmanSmoother(Presence):
    """Interacting Kalman filters for S persons of K keypoints; see ``Smoother``.

    State is kept as (mode, position or velocity, x or y, person and keypoint), so that a
    step is a few dozen array operations for any number of persons.

    Args:
        slots: S.
        keypoints: K.
        noise: Parameters; one mode or several, the first for holding still.
        name: What the user chose, for ``describe``.
    """

    def __init__(
        self, slots: int, keypoints: int, noise: Noise | None = None, *, name: str = "balanced"
    ) -> None:
        self.noise = noise or Noise()
        super().__init__(
            slots, keypoints, coast_s=self.noise.coast_s, reacquire_s=self.noise.reacquire_s
        )
        self._name = name
        m, n = self.noise.modes, slots * keypoints
        unit = math.sqrt(FRAME_S)  # accelerations to the root of a spectral density
        self._acceleration = unit * np.array(self.noise.acceleration)[:, None]
        self._agility = unit * np.array(self.noise.agility)[:, None]
        self.weight: FloatArray = np.full((m, n), 1.0 / m)
        """(M, N) how likely each mode is."""
        # Mean, covariance and what disturbs them lie in one array: one product moves them all.
        self._belief: FloatArray = np.zeros((m, 9, n))
        self._later: FloatArray = np.zeros((m, 8, n))
        self._density: FloatArray = self._belief[:, 8]
        self.mean: FloatArray = self._belief[:, :4].reshape(m, 2, 2, n)
        """(M, position or velocity, x or y, N), pixels and pixels a second."""
        self.covariance: FloatArray = self._belief[:, 4:8]
        """(M, 00 01 10 11, N) of position and velocity along one axis."""
        assert np.shares_memory(self.mean, self._belief)
        self._mixed: FloatArray = np.zeros((2, 2, n))
        self._size: FloatArray = np.ones(n)
        self._behind: FloatArray = np.zeros((2, n))  # from the estimate to the last measurement
        self._behind_variance: FloatArray = np.ones(n)  # of that measurement
        self._keypoints = keypoints
        by_person = self._mixed.reshape(2, 2, slots, keypoints).transpose(0, 2, 3, 1)
        self.xy: FloatArray = by_person[0]
        self.velocity: FloatArray = by_person[1]

    def describe(self) -> dict[str, Any]:
        """Name and parameters; see ``Smoother.describe``."""
        return {"name": self._name, **self.noise.to_dict()}

    def uncertainty(self) -> FloatArray:
        """Covariance of the mixture of all modes; see ``Smoother.uncertainty``."""
        return self.uncertainty_later()()

    def uncertainty_later(self) -> Callable[[], FloatArray]:
        """See ``Smoother.uncertainty_later``."""
        belief, mixed, weight = self._belief.copy(), self._mixed.copy(), self.weight.copy()
        behind, variance = self._behind.copy(), self._behind_variance.copy()
        at_rest, moving = self.noise.doubt

        def work_out() -> FloatArray:
            away = belief[:, :2] - mixed[0]
            spread = np.einsum("mn,man,mbn->nab", weight, away, away)
            spread += (weight * belief[:, 4]).sum(axis=0)[:, None, None] * np.eye(2)
            spread *= (moving + (at_rest - moving) * weight[0])[:, None, None]
            squared = np.einsum("an,an->n", behind, behind)
            unexplained = np.maximum(0.0, 1.0 - 2.0 * variance / np.maximum(squared, _TINY_PX2))
            share = self.noise.lag_doubt * unexplained
            spread += np.einsum("n,an,bn->nab", share, behind, behind)
            found: FloatArray = spread.reshape(*self.xy.shape, 2)
            return found

        return work_out

    def forecast(self, time_s: float) -> FloatArray:
        """Positions at a later time; see ``Smoother.forecast``."""
        dt = time_s - self._time_s
        return self.xy + self._displaced(dt) if 0.0 < dt < math.inf else self.xy

    def ahead(self, time_s: float) -> FloatArray:
        """Positions as they are likely to be seen at a later time; see ``Smoother.ahead``."""
        dt = time_s - self._time_s
        if not 0.0 < dt < math.inf:
            return self.xy
        # The moving modes estimate the velocity of a moving keypoint better. A displacement that
        # is no longer than its uncertainty, or that of a resting keypoint, is scaled down, or a
        # resting hand would tremble. Wiener's factor, signal / (signal + noise); constants by
        # simulation.
        shift = dt * self._moving_velocity()
        squared = np.einsum("an,an->n", shift, shift)
        variance = (self.weight * self.covariance[:, 3]).sum(axis=0) * (_VARIANCE_WEIGHT * dt * dt)
        trust = squared / (squared + variance + _TINY_PX2)
        if len(self.weight) > 1:
            trust *= np.sqrt(np.sqrt(1.0 - self.weight[0]))
        found: FloatArray = self.xy + (trust * shift).T.reshape(self.xy.shape)
        return found

    def _moving_velocity(self) -> FloatArray:
        """(2, N) velocity according to the moving modes, pixels a second."""
        if len(self.weight) < 3:
            return self.mean[-1, 1]
        moving = self.weight[1:]
        mean: FloatArray = np.einsum("mn,man->an", moving, self.mean[1:, 1]) / moving.sum(axis=0)
        return mean

    def _displaced(self, dt: float) -> FloatArray:
        """(S, K, 2) predicted displacement, pixels."""
        carried = np.array([displacement(dt, tau) for tau in self.noise.decay_s])
        shift = np.einsum("m,mn,man->na", carried, self.weight, self.mean[:, 1])
        return shift.reshape(self.xy.shape)

    def predict(self, time_s: float) -> None:
        """Move every slot to a capture time; see ``Smoother.predict``."""
        dt = self._advance(time_s)
        if dt <= 0.0:
            return
        if len(self.weight) > 1:
            self._interact(dt)
        deviation = self._agility * np.hypot(self.mean[:, 1, 0], self.mean[:, 1, 1])
        deviation += self._acceleration * self._size
        np.multiply(deviation, deviation, out=self._density)
        np.matmul(matrices(dt, self.noise.decay_s), self._belief, out=self._later)
        self._belief[:, :8] = self._later
        self._combine()

    def _interact(self, dt: float) -> None:
        """Mix the modes' estimates by the probability of a switch into each mode."""
        modes, weight = len(self.weight), self.weight
        leave = (1.0 - math.exp(-modes * self.noise.leave_rate * dt)) / modes  # for each other
        after = (1.0 - modes * leave) * weight
        after += leave
        share = (leave / after)[:, None]  # of the mixture of all in each mode's new start
        # The spread of the means adds to a mixture; x and y share a covariance: half their sum.
        away = self._mixed - self.mean
        spread = np.einsum("mpan,mqan->mpqn", away, away).reshape(modes, 4, -1)
        spread *= 0.5
        mixture = np.einsum("mn,mcn->cn", weight, self.covariance + spread)
        away *= share[:, None]
        self.mean += away
        spread *= 1.0 - share
        spread += mixture
        spread -= self.covariance
        spread *= share
        self.covariance += spread
        self.weight = after

    def _combine(self) -> None:
        """Combine the modes into one estimate (``xy``, ``velocity``)."""
        if len(self.weight) == 1:
            self._mixed[...] = self.mean[0]
            return
        away = self.mean[1:] - self.mean[0]
        np.add(self.mean[0], np.einsum("mn,mpan->pan", self.weight[1:], away), out=self._mixed)

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """Apply one frame's measurements; see ``Smoother.update``."""
        noise, n = self.noise, self._size.size
        self._size = np.repeat(size_px, self._keypoints)
        flat = score.reshape(n)
        is_usable = flat >= noise.min_score
        # Unmeasured positions may be NaN and must not reach the state.
        measured = np.where(is_usable, xy.reshape(n, 2).T, self._mixed[0])
        is_near = self._is_near(measured)
        is_used, is_fresh = self._judge(is_usable, is_near)

        offset = measured - self.mean[:, 0]
        variance = self._variance(flat, self._size)
        covariance = self.covariance
        spread = covariance[:, 0] + variance
        squared = np.einsum("man,man->mn", offset, offset)
        squared /= spread  # the deviation, in standard deviations
        gain = is_used / spread
        cost = 0.5 * squared
        if np.maximum.reduce(squared, axis=None) > noise.huber * noise.huber:  # seldom
            deviation = np.sqrt(squared)
            gain *= noise.huber / np.maximum(deviation, noise.huber)
            bounded = np.minimum(deviation, noise.huber)
            cost = bounded * (deviation - 0.5 * bounded)
        if len(self.weight) > 1:
            cost += np.log(spread)
            self._weigh(cost, is_used)
        pull = covariance[:, :2] * gain[:, None]
        self.mean += pull[:, :, None] * offset[:, None]
        m = len(gain)
        covariance -= (pull[:, :, None] * covariance[:, None, :2]).reshape(m, 4, n)
        if is_fresh is not None:
            self._restart(is_fresh, measured, variance)
        self._combine()
        # Who is not seen again stays as far behind as when last seen.
        np.copyto(self._behind, measured - self._mixed[0], where=is_used)
        np.copyto(self._behind_variance, variance, where=is_used)

    def _is_near(self, measured: FloatArray) -> NDArray[np.bool_]:
        """(N,) which measurements are physically reachable; the rest are outliers."""
        noise = self.noise
        if noise.gate == math.inf:
            return np.ones(self._size.shape, np.bool_)
        away, velocity = measured - self._mixed[0], self._mixed[1]
        reach = noise.gate * self._size
        reach += noise.gate_speed * np.hypot(velocity[0], velocity[1])
        near: NDArray[np.bool_] = np.hypot(away[0], away[1]) <= reach
        return near

    def _weigh(self, cost: FloatArray, is_used: NDArray[np.bool_]) -> None:
        """Bayes' rule for the modes.

        Args:
            cost: (M, N) negative log-likelihood of the measurement in each mode, of a
                robust density: linear, not square, in the tails.
            is_used: (N,) where there was a measurement.
        """
        likelihood = np.exp(self.noise.sharpness * (np.minimum.reduce(cost) - cost))
        likelihood *= self.weight
        likelihood /= np.add.reduce(likelihood)
        np.maximum(likelihood, _LEAST_WEIGHT, out=likelihood)
        np.copyto(self.weight, likelihood, where=is_used)

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """Start a person; see ``Smoother.begin``."""
        self.clear(slot)
        k = self._keypoints
        rows = slice(slot * k, (slot + 1) * k)
        which = np.zeros(self._size.shape, np.bool_)
        which[rows] = score >= self.noise.min_score
        places, variance = np.zeros((2, self._size.size)), np.zeros(self._size.shape)
        places[:, rows] = xy.T
        variance[rows] = self._variance(score, size_px)
        self._size[rows] = size_px
        self._restart(which, places, variance)
        self._combine()
        self._note_measured(which)

    def _variance(self, score: FloatArray, size_px: FloatArray | float) -> FloatArray:
        """Of a measurement, pixels squared: larger for larger people and lower scores."""
        sigma = self.noise.measurement * size_px / np.maximum(score, self.noise.min_score)
        return sigma * sigma

    def _restart(self, which: NDArray[np.bool_], places: FloatArray, variance: FloatArray) -> None:
        """Take a measurement as the position, with an unknown velocity of about S per second."""
        self.mean[:, 0, :, which] = places[:, which].T[:, None]
        self.mean[:, 1, :, which] = 0.0
        self._behind[:, which] = 0.0
        self.covariance[:, :, which] = 0.0
        self.covariance[:, 0, which] = variance[which]
        self.covariance[:, 3, which] = self._size[which] ** 2
        self.weight[:, which] = 1.0 / len(self.weight)

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        self._forget(slot)
        k = self._keypoints
        self.mean[:, 1, :, slot * k : (slot + 1) * k] = 0.0
        self._behind[:, slot * k : (slot + 1) * k] = 0.0
        self.velocity[slot] = 0.0
