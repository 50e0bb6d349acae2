"""The second pass over a recording: smoothing that uses later frames as well.

The filter is run forwards and backwards over the measurements. Both runs together show
what was an outlier (rejected by both) and when a keypoint moved (their odds multiply).
Then one Kalman filter per keypoint, whose noise follows the motion, is run forwards and
smoothed backwards (Rauch, Tung and Striebel 1965); measurements that disagree with the
result are weighted down and the pass is repeated (Huber's M-estimator by iteratively
reweighted least squares). There is no lag.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import FRAME_S, Noise
from steadypose.realtime.smooth.presets import BALANCED

_PASSES = 3
_LEAST_RUN_S = 0.1  # less than the filter takes to accept what it rejected
_LEAST_WEIGHT = 1e-6  # of a mode in one run


# Chosen by hand on the tuning scenes of ``benchmarks/smoothing``, where the error hardly
# depends on them.
_NOISE = BALANCED  # of the runs forwards and backwards
_MEASUREMENT = 0.5 * BALANCED.measurement  # standard deviation of a keypoint with score 1, in S
_HUBER = 1.0  # standard deviations from the result; measurements beyond are weighted down
_BRIDGE_S = 0.5  # longest time to the nearest measurement; beyond it a keypoint is lost


def smooth_again(
    time_s: FloatArray, measured: FloatArray, score: FloatArray, size_px: FloatArray
) -> tuple[FloatArray, NDArray[np.int8]]:
    """Smooth one person's recorded measurements, using later ones as well.

    Args:
        time_s: (T,) increasing capture times, seconds.
        measured: (T, K, 2) raw positions, frame pixels, NaN where there is none.
        score: (T, K) in [0, 1], 0 where there is no measurement.
        size_px: (T,) size of the person, frame pixels.

    Returns:
        (T, K, 2) positions, NaN where lost, and (T, K) values of ``State``.
    """
    is_given = ~(np.isnan(measured).any(axis=2) | np.isnan(score))
    score = np.where(is_given, score, 0.0)
    measured = np.where(is_given[..., None], measured, np.nan)
    there = _run(time_s, measured, score, size_px, _NOISE)
    back = _run(-time_s[::-1], measured[::-1], score[::-1], size_px[::-1], _NOISE)
    forwards, backwards = there.is_accepted, back.is_accepted[::-1]
    # Each run accepts its first measurement, having nothing to compare it with. What only
    # one run accepts must last, as it does on either side of a true jump.
    lonely = _lasting(forwards & ~backwards, time_s) | _lasting(backwards & ~forwards, time_s)
    is_good = (forwards & backwards) | lonely
    log_weight = there.log_weight + back.log_weight[::-1]
    weight_of_mode = np.exp(log_weight - log_weight.max(axis=2, keepdims=True))
    weight_of_mode /= weight_of_mode.sum(axis=2, keepdims=True)
    speed = 0.5 * (there.speed + back.speed[::-1])

    # If one run accepted the previous frame and the other this one, the keypoint jumped:
    # a cut in the video, or another person. It may then be anywhere.
    jumped = np.zeros_like(is_good)
    jumped[1:] = (lonely & forwards)[:-1] & (lonely & backwards)[1:]
    steps = np.maximum(np.diff(time_s, prepend=time_s[0] - FRAME_S), 1e-3)[:, None]
    anywhere = 3.0 * size_px[:, None] ** 2 / steps**3

    sigma = _MEASUREMENT * size_px[:, None] / np.maximum(score, _NOISE.min_score)
    weight = is_good.astype(float)
    xy = measured
    for _ in range(_PASSES):
        density = np.where(jumped, anywhere, _density(weight_of_mode, speed, size_px[:, None]))
        xy, velocity = _rts(time_s, measured, weight / (sigma * sigma), density, size_px)
        away = np.linalg.norm(np.where(is_good[..., None], measured, xy) - xy, axis=2)
        weight = is_good * np.minimum(1.0, _HUBER * sigma / np.maximum(away, 1e-9))
        speed = np.linalg.norm(velocity, axis=2)
    state = _states(time_s, is_good, _BRIDGE_S)
    return np.where((state == State.LOST)[..., None], np.nan, xy), state


def _lasting(mask: NDArray[np.bool_], time_s: FloatArray) -> NDArray[np.bool_]:
    """(T, K) a mask without its runs that are shorter than ``_LEAST_RUN_S``."""
    found = mask.copy()
    for k in np.flatnonzero(mask.any(axis=0)):
        edges = np.flatnonzero(np.diff(mask[:, k].astype(np.int8), prepend=0, append=0))
        for begin, end in edges.reshape(-1, 2):
            if time_s[end - 1] - time_s[begin] < _LEAST_RUN_S:
                found[begin:end, k] = False
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Estimates of one run of the filter, (T, K) each, weights (T, K, M)."""

    is_accepted: NDArray[np.bool_]
    log_weight: FloatArray
    speed: FloatArray


def _run(
    time_s: FloatArray, measured: FloatArray, score: FloatArray, size_px: FloatArray, noise: Noise
) -> _Run:
    """Run the filter over one person in one direction."""
    count, k = score.shape
    smoother = KalmanSmoother(1, k, replace(noise, coast_s=2 * noise.coast_s))
    is_accepted = np.zeros((count, k), np.bool_)
    weight, speed = np.empty((count, k, noise.modes)), np.empty((count, k))
    for n in range(count):
        smoother.predict(float(time_s[n]))
        smoother.update(measured[n : n + 1], score[n : n + 1], size_px[n : n + 1])
        is_accepted[n] = smoother.state[0] == State.MEASURED
        weight[n] = smoother.weight.T
        speed[n] = np.linalg.norm(smoother.velocity[0], axis=1)
    return _Run(is_accepted, np.log(np.maximum(weight, _LEAST_WEIGHT)), speed)


def _density(weight: FloatArray, speed: FloatArray, size: FloatArray) -> FloatArray:
    """(T, K) spectral density of the acceleration, px²/s³."""
    acceleration, agility = np.array(_NOISE.acceleration), np.array(_NOISE.agility)
    modes = acceleration * size[..., None] + agility * speed[..., None]
    squared: FloatArray = (weight * modes * modes).sum(axis=2)
    return squared * FRAME_S


def _rts(
    time_s: FloatArray,
    measured: FloatArray,
    information: FloatArray,
    density: FloatArray,
    size_px: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Kalman filter and Rauch-Tung-Striebel smoother with constant velocity.

    Args:
        time_s: (T,) seconds.
        measured: (T, K, 2) pixels; not used where ``information`` is 0.
        information: (T, K) of each measurement, 1/px², 0 for none.
        density: (T, K) of the acceleration on the way to each frame, px²/s³.
        size_px: (T,) initial uncertainty of the velocities, pixels a second.

    Returns:
        (T, K, 2) positions and (T, K, 2) velocities.
    """
    count, k = information.shape
    z = np.where((information > 0)[..., None], measured, 0.0)
    first = _first_positions(z, information)
    x, v = first.copy(), np.zeros_like(first)
    a = np.full(k, float(size_px[0]) ** 2 * 4.0)  # the position is unknown
    b, c = np.zeros(k), np.full(k, float(size_px[0]) ** 2)
    means = np.empty((count, 2, k, 2))
    covariances = np.empty((count, 3, k))
    predicted = np.empty((count, 3, k))
    for n in range(count):
        if n:
            dt = float(time_s[n] - time_s[n - 1])
            q = density[n] * dt
            x = x + dt * v
            a = a + dt * (2.0 * b + dt * c) + q * dt * dt / 3.0
            b = b + dt * c + q * dt / 2.0
            c = c + q
        predicted[n] = a, b, c
        gain = information[n] / (1.0 + a * information[n])
        offset = z[n] - x
        x = x + (a * gain)[:, None] * offset
        v = v + (b * gain)[:, None] * offset
        c = c - b * gain * b
        b, a = b - a * gain * b, a - a * gain * a
        means[n, 0], means[n, 1] = x, v
        covariances[n] = a, b, c
    for n in range(count - 2, -1, -1):
        dt = float(time_s[n + 1] - time_s[n])
        a, b, c = covariances[n]
        fa, fb, fc = predicted[n + 1]
        # Gain G = P F' (F P F' + Q)^-1, two by two, written out.
        fpa, fpb, fpc = a + dt * b, b + dt * c, c
        determinant = fa * fc - fb * fb
        g00 = (fpa * fc - b * fb) / determinant
        g01 = (b * fa - fpa * fb) / determinant
        g10 = (fpb * fc - fpc * fb) / determinant
        g11 = (fpc * fa - fpb * fb) / determinant
        dx = means[n + 1, 0] - (means[n, 0] + dt * means[n, 1])
        dv = means[n + 1, 1] - means[n, 1]
        means[n, 0] += g00[:, None] * dx + g01[:, None] * dv
        means[n, 1] += g10[:, None] * dx + g11[:, None] * dv
    return means[:, 0], means[:, 1]


def _first_positions(z: FloatArray, information: FloatArray) -> FloatArray:
    """(K, 2) where each keypoint was first measured."""
    rows = np.argmax(information > 0, axis=0)
    return z[rows, np.arange(z.shape[1])]


def _states(time_s: FloatArray, is_good: NDArray[np.bool_], bridge_s: float) -> NDArray[np.int8]:
    """(T, K) state: measured, near enough to a measurement, or lost."""
    times = np.where(is_good, time_s[:, None], np.nan)
    before = np.fmax.accumulate(np.where(np.isnan(times), -np.inf, times), axis=0)
    after = np.fmin.accumulate(np.where(np.isnan(times), np.inf, times)[::-1], axis=0)[::-1]
    nearest = np.minimum(time_s[:, None] - before, after - time_s[:, None])
    found = np.where(nearest <= bridge_s, np.int8(State.PREDICTED), np.int8(State.LOST))
    return np.where(is_good, np.int8(State.MEASURED), found).astype(np.int8)
