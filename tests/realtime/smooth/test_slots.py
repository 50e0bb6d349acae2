"""A slot given to somebody else keeps nothing of who was there before."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.presets import NAMES, make_smoother

Floats = NDArray[np.float64]
Known = tuple[Floats, Floats, NDArray[np.int8]]
"""Places now, later and ahead (S, K, 3, 2), covariances, and states."""

K, FPS = 4, 30
START = np.array([[40.0, 60.0], [80.0, 60.0], [40.0, 120.0], [80.0, 130.0]])
SIZES = np.array([300.0, 120.0])


def frames(smoother: Smoother, first: int, last: int, *, is_first_there: bool) -> list[Known]:
    """Two people: the first runs, the second stands and nods; what is known after each frame."""
    rng, known = np.random.default_rng(first), []
    for n in range(first, last):
        noise = rng.normal(0, 1, (2, K, 2))
        moved = np.array([[[12.0 * n, -5.0 * n]], [[400.0, 6.0 * np.sin(n / 3)]]])
        xy = START + moved + noise
        score = np.full((2, K), 0.8)
        score[0, 3] = 0.0
        score[0] *= is_first_there
        smoother.predict(n / FPS)
        smoother.update(xy, score, SIZES)
        time_s = n / FPS + 0.1
        places = np.stack((smoother.xy, smoother.forecast(time_s), smoother.ahead(time_s)), axis=2)
        known.append((places, smoother.uncertainty(), smoother.state.copy()))
    return known


@pytest.fixture(params=[name for name in NAMES if name != "off"])
def two(request: pytest.FixtureRequest) -> tuple[Smoother, Smoother]:
    """One whose first slot had somebody else before, and one whose first slot was empty."""
    used, fresh = (make_smoother(request.param, 2, K) for _ in range(2))
    frames(used, 0, 40, is_first_there=True)
    frames(fresh, 0, 40, is_first_there=False)
    return used, fresh


def test_who_begins_in_a_slot_is_followed_as_in_an_unused_one(
    two: tuple[Smoother, Smoother],
) -> None:
    used, fresh = two
    score = np.array([0.9, 0.5, 0.0, 0.3])
    for smoother in two:
        smoother.begin(0, START + 7.0, score, 250.0)
        assert (smoother.state[0] == State.MEASURED).tolist() == [True, True, False, True]
    here = score > 0
    np.testing.assert_allclose(used.uncertainty()[0, here], fresh.uncertainty()[0, here])
    np.testing.assert_allclose(used.xy[0, here], fresh.xy[0, here])
    ways = [frames(smoother, 40, 60, is_first_there=True) for smoother in two]
    for (places, doubt, state), (places_there, doubt_there, state_there) in zip(*ways, strict=True):
        np.testing.assert_array_equal(state, state_there)
        seen = state != State.LOST
        np.testing.assert_allclose(places[seen], places_there[seen])
        np.testing.assert_allclose(doubt[seen], doubt_there[seen])


def test_beginning_in_one_slot_changes_nothing_in_the_other(
    two: tuple[Smoother, Smoother],
) -> None:
    used, fresh = two
    np.testing.assert_allclose(used.xy[1], fresh.xy[1])
    before = used.xy[1].copy(), used.forecast(2.0)[1].copy(), used.uncertainty()[1].copy()
    used.begin(0, START, np.full(K, 0.9), 250.0)
    used.clear(0)
    for was, now in zip(
        before, (used.xy[1], used.forecast(2.0)[1], used.uncertainty()[1]), strict=True
    ):
        np.testing.assert_array_equal(was, now)


def test_who_has_left_is_lost_and_moves_no_more(two: tuple[Smoother, Smoother]) -> None:
    used, _ = two
    used.clear(0)
    assert (used.state[0] == State.LOST).all()
    assert (used.state[1] != State.LOST).all()
    was = used.xy[0].copy()
    np.testing.assert_array_equal(used.forecast(2.0)[0], was)
    np.testing.assert_array_equal(used.ahead(2.0)[0], was)
    used.predict(40 / FPS)
    np.testing.assert_allclose(used.xy[0], was)
