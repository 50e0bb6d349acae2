"""How far off a filter believes to be, and how far off it is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.smoothing.simulator import make_scene
from benchmarks.smoothing.uncertainty import coverage
from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.presets import NAMES, make_smoother


@pytest.mark.parametrize("preset", ["steady", "balanced", "responsive"])
def test_nine_of_ten_true_positions_lie_in_the_ellipse_of_ninety_per_cent(preset: str) -> None:
    scenes = [make_scene(31_000 + n, seconds=8.0, persons=6) for n in range(4)]
    found = coverage(scenes, lambda s, k: make_smoother(preset, s, k))
    assert 0.86 < found["still"] < 0.95
    assert 0.86 < found["moving"] < 0.94
    assert 0.82 < found["fast"] < 0.94
    assert found["predicted"] > 0.75


@pytest.mark.parametrize("preset", ["steady", "balanced", "responsive"])
def test_a_hand_that_the_filter_cannot_follow_is_uncertain_along_its_way(preset: str) -> None:
    smoother, size = make_smoother(preset, 1, 2), np.array([200.0])
    score, xy = np.ones((1, 2)), np.full((1, 2, 2), 100.0)
    smoother.begin(0, xy[0], score[0], 200.0)
    for n in range(1, 30):
        smoother.predict(n / 30)
        smoother.update(xy, score, size)
    xy = xy + np.array([[[30.0, 0.0], [0.0, 0.0]]])  # the first jumps aside, the second rests
    smoother.predict(1.0)
    smoother.update(xy, score, size)
    moved, rests = smoother.uncertainty()[0]
    away = 130.0 - smoother.xy[0, 0, 0]
    assert away > 3
    assert moved[0, 0] > moved[1, 1] + 0.3 * away * away
    assert rests[0, 0] == pytest.approx(rests[1, 1])
    for n in range(1, 8):  # nor does it know better once it is not seen any more
        smoother.predict(1.0 + n / 30)
        smoother.update(xy, 0.0 * score, size)
        assert smoother.uncertainty()[0, 0, 0, 0] >= moved[0, 0]
    smoother.clear(0)
    smoother.begin(0, xy[0], np.array([0.0, 1.0]), 200.0)  # somebody else, whose hand is hidden
    along, across = np.diagonal(smoother.uncertainty()[0, 0])
    assert along - across < 0.2 * away * away


def test_what_was_not_seen_for_a_while_is_ever_less_certain() -> None:
    smoother = make_smoother("balanced", 1, 2)
    xy, score, size = np.full((1, 2, 2), 100.0), np.ones((1, 2)), np.array([200.0])
    smoother.begin(0, xy[0], score[0], 200.0)
    for n in range(1, 30):
        smoother.predict(n / 30)
        smoother.update(xy, score, size)
    seen = smoother.uncertainty()[0, 0]
    assert seen == pytest.approx(seen.T)
    assert np.linalg.eigvalsh(seen).min() > 0
    spread = [np.trace(seen)]
    for n in range(30, 40):
        smoother.predict(n / 30)
        smoother.update(xy, 0 * score, size)
        spread.append(np.trace(smoother.uncertainty()[0, 0]))
    assert smoother.state[0, 0] == State.PREDICTED
    assert (np.diff(spread) > 0).all()
    assert spread[-1] > 4 * spread[0]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "filterpy"])
def test_every_filter_says_how_certain_it_is_or_that_it_does_not_know(name: str) -> None:
    smoother = make_smoother(name, 2, 3)
    smoother.begin(0, np.ones((3, 2)), np.ones(3), 100.0)
    found = smoother.uncertainty()
    assert found.shape == (2, 3, 2, 2)
    assert np.isnan(found).all() == (name == "one-euro")
