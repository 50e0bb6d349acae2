"""The two-mode filter: invariant where it must be, steadier at rest, quicker in motion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime.datatypes import State
from realtime.smooth import KalmanSmoother, Smoother
from realtime.smooth.imm import ImmSmoother

K = 3
SIZE = np.array([300.0])


def follow(
    smoother: Smoother,
    times: Any,
    path: Any,
    *,
    size: NDArray[np.float64] = SIZE,
    score: float = 0.9,
) -> NDArray[np.float64]:
    """(T, K, 2) outputs for measurements of one person."""
    found = []
    for n, (time_s, xy) in enumerate(zip(times, path, strict=True)):
        smoother.predict(float(time_s))
        scores = np.where(np.isnan(xy[:, 0]), 0.0, score)
        if n == 0:
            smoother.begin(0, np.nan_to_num(xy), scores, float(size[0]))
        else:
            smoother.update(np.nan_to_num(xy)[None], scores[None], size)
        lost = smoother.state[0] == State.LOST
        found.append(np.where(lost[:, None], np.nan, smoother.xy[0]))
    return np.stack(found)


def reach(seed: int = 0, *, noise_px: float = 4.0) -> tuple[Any, Any, Any]:
    """Rest, a quick reach of one person's size, rest; times, truth, measurements."""
    rng = np.random.default_rng(seed)
    times = np.arange(150) / 30.0
    share = np.clip((times - 2.0) / 0.4, 0, 1)
    way = 300.0 * share**3 * (10 - 15 * share + 6 * share**2)
    truth = np.repeat((np.stack((way, 0.5 * way), 1) + 200)[:, None], K, axis=1)
    return times, truth, truth + rng.normal(0, noise_px, truth.shape)


@given(dx=st.floats(-1e4, 1e4), dy=st.floats(-1e4, 1e4), scale=st.floats(0.1, 10))
def test_it_commutes_with_moving_and_scaling_the_picture(
    dx: float, dy: float, scale: float
) -> None:
    times, _, path = reach()
    plain = follow(ImmSmoother(1, K), times[:40], path[50:90])
    moved = follow(ImmSmoother(1, K), times[:40], path[50:90] * scale + (dx, dy), size=SIZE * scale)
    np.testing.assert_allclose(moved, plain * scale + (dx, dy), rtol=1e-6, atol=1e-5)


@given(seed=st.integers(0, 10**6))
def test_covariance_and_weights_stay_what_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    smoother = ImmSmoother(1, K)
    time_s = 0.0
    for n in range(60):
        time_s += float(rng.choice((1e-4, 0.03, 0.2, 3.0)))
        smoother.predict(time_s)
        xy = rng.normal(0, float(rng.choice((1.0, 1e4))), (1, K, 2))
        xy[rng.random((1, K)) < 0.1] = np.nan
        score = rng.choice((0.0, 0.3, 1.0), (1, K))
        score[np.isnan(xy[..., 0])] = 0.0
        size = rng.uniform(10, 1000, 1)
        if n == 0:
            smoother.begin(0, np.nan_to_num(xy[0]), score[0], float(size[0]))
        else:
            smoother.update(xy, score, size)
        seen = smoother.state != State.LOST
        p00, p01, p11 = (p[:, seen] for p in (smoother.p00, smoother.p01, smoother.p11))
        assert (p00 > 0).all()
        assert (p00 * p11 - p01 * p01 > -1e-9 * p00 * p11).all()
        assert np.isfinite(smoother.xy[seen]).all()
        np.testing.assert_allclose(smoother.weight.sum(axis=0), 1.0)


def test_it_is_steadier_at_rest_and_no_slower_than_the_single_filter() -> None:
    results = {}
    for kind in (ImmSmoother, KalmanSmoother):
        jitter, late = [], []
        for seed in range(6):
            times, truth, path = reach(seed)
            found = follow(kind(1, K), times, path)
            steps = np.linalg.norm(np.diff(found, axis=0), axis=2)
            jitter.append(steps[20:55].mean())
            late.append(np.linalg.norm(found - truth, axis=2)[60:74].mean())
        results[kind] = float(np.mean(jitter)), float(np.mean(late))
    assert results[ImmSmoother][0] < 0.8 * results[KalmanSmoother][0]
    assert results[ImmSmoother][1] < 1.1 * results[KalmanSmoother][1]


def test_an_outlier_is_refused_until_it_lasts() -> None:
    times, truth, path = reach(noise_px=1.0)
    path = path.copy()
    path[20:22, 0] += (0, 250.0)  # two frames
    path[100:, 1] += (0, 250.0)  # stays
    found = follow(ImmSmoother(1, K), times, path)
    assert np.abs(found[20:24, 0] - truth[20:24, 0]).max() < 10
    assert np.abs(found[102, 1] - truth[102, 1]).max() < 10
    assert np.abs(found[115, 1] - truth[115, 1] - (0, 250.0)).max() < 10


def test_an_unseen_keypoint_is_predicted_then_lost_then_found() -> None:
    times, _, path = reach(noise_px=1.0)
    path = path.copy()
    path[10:40, 2] = np.nan
    smoother = ImmSmoother(1, K)
    found = follow(smoother, times, path)
    assert np.isfinite(found[20, 2]).all()
    assert np.isnan(found[35, 2]).all()
    assert np.isfinite(found[41, 2]).all()
    smoother.clear(0)
    assert (smoother.state == State.LOST).all()


def test_forecast_is_what_predict_will_say_and_changes_nothing() -> None:
    times, _, path = reach()
    smoother = ImmSmoother(1, K)
    follow(smoother, times[:66], path[:66])
    before = smoother.xy.copy()
    ahead = smoother.forecast(float(times[66])).copy()
    np.testing.assert_array_equal(smoother.xy, before)
    smoother.predict(float(times[66]))
    # Mixing shifts a little weight between the modes within the step.
    np.testing.assert_allclose(ahead, smoother.xy, atol=0.5)
    assert np.linalg.norm(ahead - before) == pytest.approx(
        np.linalg.norm(smoother.xy - before), rel=0.1
    )
