"""The filter: equal to filterpy where filterpy can say it, and invariant where it must be."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.filterpy_reference import FilterpySmoother
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import PLAIN, Noise
from steadypose.realtime.smooth.presets import NAMES, PRESETS, make_smoother

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


def filterpy_imm(noise: Noise, size: float, first: float, steps: Floats, path: Floats) -> Floats:
    """One axis of one keypoint on filterpy's IMMEstimator; score 1, time steps given."""
    from filterpy.kalman import IMMEstimator, KalmanFilter

    from steadypose.realtime.smooth.motion_model import transition

    class Planar(KalmanFilter):  # type: ignore[misc]
        """Two axes with the same innovation: the likelihood of one, squared."""

        @property
        def likelihood(self) -> float:
            return float(np.exp(2.0 * self.log_likelihood))

    variance = (noise.measurement * size) ** 2
    modes = []
    for _ in range(noise.modes):
        mode = Planar(dim_x=2, dim_z=1)
        mode.x = np.array(((first,), (0.0,)))
        mode.P = np.diag((variance, size * size))
        mode.H, mode.R = np.array(((1.0, 0.0),)), np.array(((variance,),))
        modes.append(mode)
    count = len(modes)
    imm = IMMEstimator(modes, np.full(count, 1.0 / count), np.eye(count))
    found = []
    for dt, z in zip(steps, path, strict=True):
        leave = (1.0 - math.exp(-count * noise.leave_rate * dt)) / count
        imm.M = np.full((count, count), leave) + (1.0 - count * leave) * np.eye(count)
        imm._compute_mixing_probabilities()
        for mode, a, agility, tau in zip(
            modes, noise.acceleration, noise.agility, noise.decay_s, strict=True
        ):
            assert agility == 0.0  # a noise that depends on the state is not filterpy's
            c, f, q00, q01, q11 = transition(float(dt), tau)
            mode.F = np.array(((1.0, c), (0.0, f)))
            mode.Q = np.array(((q00, q01), (q01, q11))) * (a * size) ** 2 / 30.0
        imm.predict()
        imm.update(z)
        found.append(float(imm.x[0, 0]))
    return np.array(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("acceleration", "decay_s"),
    [((0.5, 12.0), (0.1, math.inf)), ((0.2, 2.0, 12.0), (0.1, 1.0, 0.3))],
)
def test_several_modes_equal_filterpys_imm(
    acceleration: tuple[float, ...], decay_s: tuple[float, ...], seed: int
) -> None:
    """Both axes move alike, so that one shared covariance is no approximation."""
    rng = np.random.default_rng(seed)
    noise = Noise(
        acceleration=acceleration, agility=(0.0,) * len(acceleration), decay_s=decay_s,
        leave_rate=0.4, sharpness=1.0, huber=math.inf, gate=math.inf,
    )  # fmt: skip
    steps = rng.uniform(0.01, 0.06, 80)
    path = 200 + np.cumsum(np.where(np.arange(80) % 40 < 20, 0.0, 9.0)) + rng.normal(0, 3, 80)
    smoother = KalmanSmoother(1, 1, noise)
    smoother.predict(0.0)
    smoother.begin(0, np.full((1, 2), 200.0), np.ones(1), 300.0)
    ours = []
    for time_s, x in zip(np.cumsum(steps), path, strict=True):
        smoother.predict(float(time_s))
        smoother.update(np.full((1, 1, 2), x), np.ones((1, 1)), np.array([300.0]))
        ours.append(smoother.xy[0, 0].copy())
    theirs = filterpy_imm(noise, 300.0, 200.0, steps, path)
    np.testing.assert_allclose(np.array(ours)[:, 0], theirs, atol=1e-6)
    np.testing.assert_allclose(np.array(ours)[:, 1], theirs, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_every_named_filter_does_the_job_and_says_what_it_is(name: str) -> None:
    rng = np.random.default_rng(0)
    smoother = make_smoother(name, 1, K)
    truth = np.full((1, K, 2), 200.0)
    raw, found = [], []
    for n in range(90):
        smoother.predict(n / 30)
        raw.append(truth + rng.normal(0, 3, truth.shape))
        smoother.update(raw[-1], np.full((1, K), 0.8), np.array([300.0]))
        found.append(smoother.xy.copy())
    jitter = [np.abs(np.diff(np.stack(x[30:]), axis=0)).mean() for x in (raw, found)]
    assert jitter[1] < 0.6 * jitter[0]
    assert (smoother.state == State.MEASURED).all()
    assert np.abs(smoother.forecast(90 / 30) - 200).max() < 15
    assert np.abs(smoother.ahead(90 / 30) - 200).max() < 15
    assert json.loads(json.dumps(smoother.describe(), allow_nan=False))["name"]
    smoother.clear(0)
    assert (smoother.state == State.LOST).all()


def reach(seed: int = 0, *, noise_px: float = 4.0) -> tuple[Floats, Floats, Floats]:
    """Rest, a quick reach of one person's size, rest: times, truth, measurements (T, 1, K, 2)."""
    rng = np.random.default_rng(seed)
    times = np.arange(150) / 30.0
    share = np.clip((times - 2.0) / 0.4, 0, 1)
    way = 300.0 * share**3 * (10 - 15 * share + 6 * share**2)
    truth = np.repeat((np.stack((way, 0.5 * way), 1) + 200)[:, None, None], K, axis=2)
    return times, truth, truth + rng.normal(0, noise_px, truth.shape)


def follow(smoother: Smoother, times: Floats, path: Floats) -> tuple[Floats, Floats]:
    """(T, 1, K, 2) outputs, and what would be drawn 60 ms later."""
    found, drawn = [], []
    for time_s, xy in zip(times, path, strict=True):
        smoother.predict(float(time_s))
        smoother.update(xy, np.full(xy.shape[:2], 0.9), SIZE[:1])
        found.append(smoother.xy.copy())
        drawn.append(smoother.ahead(float(time_s) + 0.06))
    return np.stack(found), np.stack(drawn)


def test_two_modes_are_steadier_at_rest_and_quicker_in_motion_than_one() -> None:
    results = {}
    for name in ("balanced", "kalman"):
        jitter, late = [], []
        for seed in range(6):
            times, truth, path = reach(seed)
            found, _ = follow(make_smoother(name, 1, K), times, path)
            jitter.append(np.linalg.norm(np.diff(found, axis=0), axis=-1)[20:55].mean())
            late.append(np.linalg.norm(found - truth, axis=-1)[60:74].mean())
        results[name] = float(np.mean(jitter)), float(np.mean(late))
    assert results["balanced"][0] < results["kalman"][0]
    assert results["balanced"][1] < 0.7 * results["kalman"][1]


def test_what_is_drawn_ahead_is_nearer_to_the_truth_then_and_rest_stays_rest() -> None:
    errors = {"moving": [0.0, 0.0], "still": [0.0, 0.0]}
    for seed in range(6):
        times, truth, path = reach(seed)
        now, ahead = follow(make_smoother("balanced", 1, K), times, path)
        later = np.stack([np.interp(times + 0.06, times, truth[:, 0, 0, axis]) for axis in (0, 1)])
        for phase, rows in (("moving", slice(61, 71)), ("still", slice(20, 55))):
            for n, drawn in enumerate((now, ahead)):
                away = drawn[rows, 0] - later.T[rows, None]
                errors[phase][n] += float(np.linalg.norm(away, axis=-1).mean())
    assert errors["moving"][1] < 0.8 * errors["moving"][0]
    # Of a person of 300 pixels, with 4 pixels of noise on every keypoint.
    assert (errors["still"][1] - errors["still"][0]) / 6 < 0.5


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
    noise = replace(PLAIN, decay_s=(tau,))
    whole, split = KalmanSmoother(2, K, noise), KalmanSmoother(2, K, noise)
    run(whole, frames=10)
    run(split, frames=10)
    now = float(walk(0, 10)[0][-1])
    whole.predict(now + dt)
    split.predict(now + share * dt)
    split.predict(now + dt)
    for name in ("xy", "velocity", "covariance"):
        np.testing.assert_allclose(getattr(whole, name), getattr(split, name), rtol=1e-7, atol=1e-9)


@given(st.integers(0, 10**6))
def test_covariance_and_weights_stay_what_they_are(seed: int) -> None:
    """Random steps, dropouts, NaN, scores 0 and 1, jumps of 10^4 px; see also the long one."""
    assert_sound(*wild_run(seed, frames=60, people=2))


@pytest.mark.slow
def test_a_million_wild_steps_leave_every_covariance_positive() -> None:
    """1000 people times 20 keypoints times 60 steps: 1.2 million steps of a filter."""
    assert_sound(*wild_run(1, frames=60, people=1000, keypoints=20))


def wild_run(
    seed: int, *, frames: int, people: int, keypoints: int = K
) -> tuple[KalmanSmoother, bool]:
    """A filter after random input, and whether it was sound after every step."""
    rng = np.random.default_rng(seed)
    smoother = KalmanSmoother(people, keypoints, PRESETS["balanced"])
    time_s, is_sound = 0.0, True
    for _ in range(frames):
        time_s += float(rng.choice((1e-6, 1e-4, 0.03, 0.2, 3.0)))
        smoother.predict(time_s)
        xy = rng.normal(0, rng.choice((1.0, 1e4), (people, 1, 1)), (people, keypoints, 2))
        score = rng.choice((0.0, 0.3, 1.0), (people, keypoints))
        xy[score == 0.0] = np.nan
        smoother.update(xy, score, rng.uniform(10, 1000, people))
        is_sound &= bool(sound(smoother))
    return smoother, is_sound


def sound(smoother: KalmanSmoother) -> bool:
    """Positive definite, symmetric, finite; weights are shares."""
    p00, p01, p10, p11 = smoother.covariance.transpose(1, 0, 2)
    is_known = smoother.state.reshape(-1) != State.LOST
    determinant = (p00 * p11 - p01 * p10)[:, is_known]
    return bool(
        (p00[:, is_known] > 0).all()
        and (p11[:, is_known] > 0).all()
        and (determinant > 0).all()
        and np.allclose(p01, p10, rtol=1e-9)
        and np.isfinite(smoother.xy).all()
        and np.allclose(smoother.weight.sum(axis=0), 1.0)
        and (smoother.weight >= 0).all()
    )


def assert_sound(smoother: KalmanSmoother, is_always: bool) -> None:  # noqa: FBT001
    assert is_always
    assert (smoother.state != State.LOST).any()


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


@pytest.mark.parametrize("fps", [2.0, 5.0, 7.0, 15.0, 30.0, 60.0])
def test_one_outlier_is_never_believed_however_slow_the_camera(fps: float) -> None:
    smoother = make_smoother("balanced", 1, 1)
    for n in range(30):
        place = 150.0 if n == 20 else 50.0
        smoother.predict(n / fps)
        smoother.update(np.full((1, 1, 2), place), np.full((1, 1), 0.9), np.array([100.0]))
        np.testing.assert_allclose(smoother.xy, 50.0, atol=1e-6)


def test_a_time_stamp_that_comes_twice_measures_once() -> None:
    smoother = make_smoother("balanced", 1, 1)
    nothing = np.zeros((1, 1))
    for time_s, score in ((0.0, nothing + 0.9), (0.1, nothing + 0.9), (0.1, nothing)):
        smoother.predict(time_s)
        smoother.update(np.full((1, 1, 2), 50.0), score, np.array([100.0]))
    assert smoother.state[0, 0] == State.PREDICTED


@pytest.mark.slow
def test_a_million_steps_in_a_row_leave_every_covariance_positive() -> None:
    """20,000 steps of 50 keypoints: what drifts slowly would show."""
    smoother, is_sound = wild_run(2, frames=20_000, people=10)
    assert is_sound
    assert sound(smoother)


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


def test_one_who_leaves_takes_nothing_of_the_others_motion_along() -> None:
    smoother = KalmanSmoother(2, K)
    run(smoother)
    later_s = float(walk(0, 60)[0][-1]) + 0.1
    before = smoother.forecast(later_s)[1].copy()
    assert np.abs(before - smoother.xy[1]).max() > 0.1, "they move"
    smoother.clear(0)
    np.testing.assert_array_equal(smoother.forecast(later_s)[1], before)


@pytest.mark.parametrize("name", NAMES)
def test_a_newcomer_has_no_keypoint_of_whoever_was_in_the_place_before(name: str) -> None:
    smoother = make_smoother(name, 2, K)
    for n in range(5):
        smoother.predict(n / 30)
        smoother.update(np.full((2, K, 2), 100.0 + n), np.ones((2, K)), SIZE)
    assert (smoother.state == State.MEASURED).all()
    score = np.ones(K)
    score[2] = 0.0
    smoother.begin(0, np.full((K, 2), 300.0), score, 300.0)
    assert [State(s) for s in smoother.state[0]] == [
        State.LOST if k == 2 else State.MEASURED for k in range(K)
    ]
    assert (smoother.state[1] == State.MEASURED).all()
