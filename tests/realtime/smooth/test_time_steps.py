"""Whatever time does between two frames: it stands still, runs back, or has not begun."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.filterpy_reference import FilterpySmoother
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import PLAIN
from steadypose.realtime.smooth.presets import NAMES, STEADY, make_smoother

SIZE, SURE = np.array([300.0]), np.full((1, 3), 0.8)


def walked(smoother: Smoother) -> NDArray[np.float64]:
    """Two seconds to the right at 150 pixels a second; the last measurement."""
    start, at = np.array([[[10.0, 20.0], [30.0, 60.0], [90.0, 40.0]]]), np.zeros((1, 3, 2))
    for n in range(61):
        at = start + np.array((5.0 * n, 0.0))
        smoother.predict(n / 30)
        smoother.update(at, SURE, SIZE)
    return at


@pytest.fixture(params=NAMES)
def smoother(request: pytest.FixtureRequest) -> Smoother:
    return make_smoother(request.param, 1, 3)


def test_who_walks_is_foreseen_where_they_will_be(smoother: Smoother) -> None:
    at = walked(smoother)
    way = smoother.forecast(2.1) - smoother.xy
    assert (np.abs(way[..., 0] - 15.0) < 9.0).all()  # One Euro, which lags, overrates its speed
    assert np.abs(way[..., 1]).max() < 1e-6
    np.testing.assert_allclose(smoother.xy, at, atol=6.0)


def test_a_keypoint_that_appears_later_is_where_it_is_measured(smoother: Smoother) -> None:
    at = np.array([[[10.0, 20.0], [30.0, 60.0], [90.0, 40.0]]])
    for n in range(20):
        smoother.predict(n / 30)
        smoother.update(at, SURE * [1.0, 1.0, 0.0], SIZE)
    assert smoother.state[0, 2] == State.LOST
    smoother.predict(20 / 30)
    smoother.update(at, SURE, SIZE)
    assert smoother.state[0, 2] == State.MEASURED
    np.testing.assert_allclose(smoother.xy, at, atol=1e-6)


def test_before_the_first_frame_nothing_is_foreseen(smoother: Smoother) -> None:
    for time_s in (-1.0, 0.0, 5.0):
        np.testing.assert_array_equal(smoother.ahead(time_s), smoother.xy)
        np.testing.assert_array_equal(smoother.forecast(time_s), smoother.xy)
    smoother.predict(3.0)
    assert (smoother.state == State.LOST).all()
    assert np.isfinite(smoother.ahead(3.1)).all()


@pytest.mark.parametrize("step_s", [0.0, -0.5])
def test_what_was_is_not_foreseen(smoother: Smoother, step_s: float) -> None:
    walked(smoother)
    np.testing.assert_array_equal(smoother.ahead(2.0 + step_s), smoother.xy)
    np.testing.assert_array_equal(smoother.forecast(2.0 + step_s), smoother.xy)


def test_a_frame_of_the_same_moment_moves_nobody(smoother: Smoother) -> None:
    walked(smoother)
    before, doubt = smoother.xy.copy(), smoother.uncertainty()
    smoother.predict(2.0)
    np.testing.assert_array_equal(smoother.xy, before)
    np.testing.assert_array_equal(smoother.uncertainty(), doubt)


def test_a_clock_that_runs_back_moves_nobody(smoother: Smoother) -> None:
    walked(smoother)
    before = smoother.xy.copy()
    smoother.predict(1.0)
    assert np.isfinite(smoother.xy).all()
    np.testing.assert_array_equal(smoother.xy, before)


def test_filterpy_is_as_certain_as_the_fast_form_of_the_same_filter() -> None:
    fast, slow = KalmanSmoother(1, 3, PLAIN), FilterpySmoother(1, 3)
    assert np.isnan(slow.uncertainty()).all()
    for smoother in (fast, slow):
        walked(smoother)
    np.testing.assert_allclose(slow.uncertainty(), fast.uncertainty(), rtol=1e-9)
    np.testing.assert_array_equal(slow.uncertainty_later()(), slow.uncertainty())


def test_filterpy_takes_other_noise() -> None:
    plain, steady = FilterpySmoother(1, 3), FilterpySmoother(1, 3, STEADY)
    for smoother in (plain, steady):
        walked(smoother)
    assert steady.describe() != plain.describe()
    assert (steady.uncertainty() != plain.uncertainty()).any()
