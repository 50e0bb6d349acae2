"""The filter: equal to filterpy where filterpy can say it, and invariant where it must be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime.datatypes import State
from realtime.smooth import KalmanSmoother, Noise
from realtime.smooth.kalman import PLAIN
from realtime.smooth.reference import FilterpySmoother

Floats = NDArray[np.float64]
SIZE = np.array([300.0, 180.0])
K = 5


def walk(seed: int, frames: int) -> tuple[Floats, Floats, Floats]:
    """Times (irregular), measurements (frames, 2, K, 2) and scores with dropouts."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.08, frames))
    path = np.cumsum(rng.normal(0, 4, (frames, 2, K, 2)), axis=0) + 200
    score = rng.uniform(0.25, 1.0, (frames, 2, K))
    score[rng.random((frames, 2, K)) < 0.2] = 0.0
    return times, path + rng.normal(0, 3, path.shape), score


def run(
    smoother: KalmanSmoother | FilterpySmoother, seed: int = 0, frames: int = 60
) -> NDArray[np.float64]:
    times, path, score = walk(seed, frames)
    outputs = []
    for time_s, xy, s in zip(times, path, score, strict=True):
        smoother.predict(float(time_s))
        smoother.update(xy, s, SIZE)
        outputs.append(np.where((smoother.state == State.LOST)[..., None], np.nan, smoother.xy))
    return np.stack(outputs)


@pytest.mark.parametrize("seed", range(4))
def test_the_fast_form_equals_filterpy(seed: int) -> None:
    fast, slow = KalmanSmoother(2, K, PLAIN), FilterpySmoother(2, K, PLAIN)
    a, b = run(fast, seed), run(slow, seed)
    np.testing.assert_array_equal(fast.state, slow.state)
    np.testing.assert_allclose(a, b, atol=1e-8)


def test_forecast_equals_filterpy_and_changes_nothing() -> None:
    fast, slow = KalmanSmoother(2, K, PLAIN), FilterpySmoother(2, K, PLAIN)
    run(fast)
    run(slow)
    time_s = float(walk(0, 60)[0][-1]) + 0.05
    before = fast.xy.copy()
    seen = fast.state != State.LOST
    np.testing.assert_allclose(fast.forecast(time_s)[seen], slow.forecast(time_s)[seen], atol=1e-8)
    np.testing.assert_array_equal(fast.xy, before)
    forecast = fast.forecast(time_s).copy()
    fast.predict(time_s)
    np.testing.assert_allclose(forecast, fast.xy)


@pytest.mark.parametrize("noise", [PLAIN, Noise()])
def test_a_still_input_stays_still(noise: Noise) -> None:
    smoother = KalmanSmoother(1, K, noise)
    xy = np.full((1, K, 2), 123.0)
    for i in range(40):
        smoother.predict(i / 30)
        smoother.update(xy, np.full((1, K), 0.8), np.array([300.0]))
        np.testing.assert_allclose(smoother.xy, xy)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.2, 5.0))
def test_it_commutes_with_moving_and_scaling_the_picture(dx: float, dy: float, s: float) -> None:
    times, path, score = walk(1, 25)
    plain, moved = KalmanSmoother(2, K), KalmanSmoother(2, K)
    shift = np.array((dx, dy))
    for time_s, xy, c in zip(times, path, score, strict=True):
        plain.predict(float(time_s))
        plain.update(xy, c, SIZE)
        moved.predict(float(time_s))
        moved.update(xy * s + shift, c, SIZE * s)
    seen = plain.state != State.LOST
    np.testing.assert_allclose(moved.xy[seen], plain.xy[seen] * s + shift, rtol=1e-6, atol=1e-5)


@given(st.floats(0.005, 0.2), st.floats(0.05, 0.95), st.sampled_from([math.inf, 0.25]))
def test_splitting_a_prediction_changes_nothing(dt: float, share: float, tau: float) -> None:
    noise = replace(PLAIN, decay_s=tau)
    whole, split = KalmanSmoother(2, K, noise), KalmanSmoother(2, K, noise)
    run(whole, frames=10)
    run(split, frames=10)
    now = float(walk(0, 10)[0][-1])
    whole.predict(now + dt)
    split.predict(now + share * dt)
    split.predict(now + dt)
    for name in ("xy", "velocity", "p00", "p01", "p11"):
        np.testing.assert_allclose(getattr(whole, name), getattr(split, name), rtol=1e-7, atol=1e-9)


@given(st.integers(0, 10_000))
def test_the_covariance_stays_positive(seed: int) -> None:
    smoother = KalmanSmoother(2, K)
    run(smoother, seed, frames=40)
    seen = smoother.state != State.LOST
    assert (smoother.p00[seen] >= 0).all()
    assert (smoother.p11[seen] >= 0).all()
    assert (smoother.p00 * smoother.p11 - smoother.p01**2 >= -1e-6)[seen].all()


def test_a_missing_keypoint_never_touches_another() -> None:
    times, path, score = walk(5, 30)
    alone, beside = KalmanSmoother(2, K), KalmanSmoother(2, K)
    for time_s, xy, c in zip(times, path, score, strict=True):
        alone.predict(float(time_s))
        alone.update(xy, c, SIZE)
        broken_xy, broken = xy.copy(), c.copy()
        broken_xy[0, 2], broken[0, 2] = np.nan, 0.0
        beside.predict(float(time_s))
        beside.update(broken_xy, broken, SIZE)
    others = np.ones((2, K), bool)
    others[0, 2] = False
    np.testing.assert_array_equal(alone.xy[others], beside.xy[others])


def test_an_unseen_keypoint_is_predicted_for_a_while_then_lost_then_found() -> None:
    smoother = KalmanSmoother(1, 1, Noise(coast_s=0.5))
    size = np.array([300.0])
    for i in range(20):
        smoother.predict(i / 30)
        smoother.update(np.full((1, 1, 2), 10.0 * i), np.full((1, 1), 0.9), size)
    assert smoother.state[0, 0] == State.MEASURED
    last = smoother.xy[0, 0, 0]
    smoother.predict(20 / 30)
    smoother.update(np.full((1, 1, 2), np.nan), np.zeros((1, 1)), size)
    assert smoother.state[0, 0] == State.PREDICTED
    assert smoother.xy[0, 0, 0] > last  # it goes on in its direction
    smoother.predict(19 / 30 + 0.6)
    assert smoother.state[0, 0] == State.LOST
    smoother.update(np.full((1, 1, 2), 77.0), np.full((1, 1), 0.9), size)
    np.testing.assert_allclose(smoother.xy[0, 0], 77.0)


def test_an_outlier_is_refused_until_it_lasts() -> None:
    smoother = KalmanSmoother(1, 1, Noise(gate=0.3, reacquire_s=0.14))
    size, score = np.array([100.0]), np.full((1, 1), 0.9)
    for i in range(20):
        smoother.predict(i / 30)
        smoother.update(np.full((1, 1, 2), 50.0), score, size)
    seen = []
    for i in range(20, 30):
        smoother.predict(i / 30)
        smoother.update(np.full((1, 1, 2), 150.0), score, size)
        seen.append(smoother.xy[0, 0, 0])
    assert seen[0] == pytest.approx(50.0, abs=1.0)
    assert seen[-1] == pytest.approx(150.0, abs=1.0)
    arrived = next(i for i, x in enumerate(seen) if x > 140)
    assert 0.13 <= (arrived + 1) / 30 <= 0.24


def test_it_takes_most_of_the_jitter_out() -> None:
    rng = np.random.default_rng(0)
    smoother = KalmanSmoother(1, 17)
    raw, smooth = [], []
    for i in range(200):
        xy = np.full((1, 17, 2), 100.0) + rng.normal(0, 3, (1, 17, 2))
        smoother.predict(i / 30)
        smoother.update(xy, np.full((1, 17), 0.6), np.array([300.0]))
        raw.append(xy)
        smooth.append(smoother.xy.copy())
    jitter = [np.abs(np.diff(np.stack(x[50:]), axis=0)).mean() for x in (raw, smooth)]
    assert jitter[1] < 0.35 * jitter[0]


def test_clear_forgets_one_person_only() -> None:
    smoother = KalmanSmoother(2, K)
    smoother.predict(0.0)
    smoother.update(np.full((2, K, 2), 5.0), np.full((2, K), 0.9), SIZE)
    smoother.clear(0)
    assert (smoother.state[0] == State.LOST).all()
    assert (smoother.state[1] == State.MEASURED).all()
