"""What a jump does to the picture, how long something unseen is shown, and whose slot it is."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.one_euro import OneEuro, OneEuroSmoother
from steadypose.realtime.smooth.presets import make_smoother
from tests.support.smoothing_scenes import FPS, SIZE_PX, TRIALS, Floats, follow, rest, walk

MARGIN = 0.03
QUIET_PX = 1e-3
SIZE = np.array([SIZE_PX])


def fresh(name: str) -> Smoother:
    return make_smoother(name, 1, TRIALS)


def moved_by_a_jump(
    name: str, jump: float, *, score: float = 0.9, is_moving: bool = False
) -> float:
    """Pixels by which a keypoint is shown elsewhere when one measurement jumps sideways.

    Args:
        name: Of the filter.
        jump: In person sizes.
        score: Of every measurement.
        is_moving: The keypoint moves by a person's size a second, else it rests.
    """
    at = 90 if is_moving else 45
    truth = walk(1.0) if is_moving else rest(2.0)
    calm = follow(fresh(name), truth, noise_px=QUIET_PX, score=score)
    truth = truth.copy()
    truth[at] += np.array((0.6, -0.8)) * jump * SIZE_PX
    jumped = follow(fresh(name), truth, noise_px=QUIET_PX, score=score)
    return float(np.linalg.norm((jumped.found - calm.found)[at].mean(axis=0)))


@pytest.mark.parametrize(
    ("name", "jump", "shown_px"),
    [
        ("balanced", 0.05, 0.529),  # 15 pixels
        ("balanced", 0.10, 2.56),
        ("balanced", 0.15, 6.57),
        ("balanced", 0.18, 8.97),
        ("steady", 0.15, 2.49),
        ("responsive", 0.15, 9.77),
        ("kalman", 0.15, 12.2),
    ],
)
def test_one_jump_of_a_resting_hand_moves_the_picture_by_this_much(
    name: str, jump: float, shown_px: float
) -> None:
    assert moved_by_a_jump(name, jump) == pytest.approx(shown_px, rel=MARGIN)


@pytest.mark.parametrize(("jump", "shown_px"), [(0.1, 17.8), (0.2, 27.7), (0.3, 30.9), (0.5, 32.5)])
def test_one_jump_of_a_moving_hand_moves_the_picture_by_no_more_than_this(
    jump: float, shown_px: float
) -> None:
    assert moved_by_a_jump("balanced", jump, is_moving=True) == pytest.approx(shown_px, rel=MARGIN)


@pytest.mark.parametrize(("jump", "is_near"), [(0.184, True), (0.196, False)])
def test_a_resting_hand_can_get_a_fifth_of_a_body_away(jump: float, *, is_near: bool) -> None:
    assert (moved_by_a_jump("balanced", jump) > 1.0) == is_near


@pytest.mark.parametrize(("jump", "is_near"), [(0.62, True), (0.65, False)])
def test_a_hand_at_a_bodys_size_a_second_can_get_two_thirds_of_a_body_away(
    jump: float, *, is_near: bool
) -> None:
    """What is farther off is not believed: 0.9 pixels are for the frame that is then missing."""
    assert (moved_by_a_jump("balanced", jump, is_moving=True) > 1.5) == is_near


def is_near(smoother: Smoother, jump: float, *, speed: float) -> bool:
    """Whether a measurement is used that lies sideways of where a keypoint is expected."""
    for n in range(45):
        smoother.predict(n / FPS)
        if n == 44:
            xy = smoother.xy.copy() + np.array((0.0, jump * SIZE_PX))
        else:
            xy = np.array([[(200.0 + speed * SIZE_PX * n / FPS, 200.0)]])
        smoother.update(xy, np.full((1, 1), 0.9), SIZE)
    return bool(smoother.state[0, 0] == State.MEASURED)


@pytest.mark.parametrize(("name", "arrives_s"), [("balanced", 0.14), ("one-euro", None)])
def test_a_far_place_is_believed_after_it_lasted_a_seventh_of_a_second(
    name: str, arrives_s: float | None
) -> None:
    """At 100 frames a second; one-euro knows no outliers and goes there at once."""
    smoother = make_smoother(name, 1, 1)
    shown = []
    for n in range(150):
        smoother.predict(n / 100.0)
        place = 200.0 if n < 100 else 200.0 + SIZE_PX
        smoother.update(np.full((1, 1, 2), place), np.full((1, 1), 0.9), SIZE)
        shown.append(float(smoother.xy[0, 0, 0]))
    if arrives_s is None:
        assert shown[100] > 200.0 + 0.2 * SIZE_PX
        return
    arrives = 100 + round(100 * arrives_s)
    assert max(shown[:arrives]) < 201.0
    assert shown[arrives + 1] == pytest.approx(200.0 + SIZE_PX)


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
def test_an_unseen_keypoint_is_shown_for_half_a_second(name: str) -> None:
    smoother = make_smoother(name, 1, 1)
    for n in range(20):
        smoother.predict(n / 20)
        smoother.update(np.full((1, 1, 2), 200.0), np.full((1, 1), 0.9), SIZE)
    smoother.predict(0.95 + 0.49)
    assert smoother.state[0, 0] == State.PREDICTED
    smoother.predict(0.95 + 0.51)
    assert smoother.state[0, 0] == State.LOST


@pytest.mark.parametrize(
    ("name", "speed", "goes_px"),
    [
        ("balanced", 1.0, 104.4),  # of the 150 pixels it would have gone
        ("balanced", 0.05, 5.31),  # of 7.5
        ("kalman", 1.0, 149.0),
        ("one-euro", 1.0, 0.0),
    ],
)
def test_a_moving_hand_that_is_hidden_goes_on_for_this_many_pixels(
    name: str, speed: float, goes_px: float
) -> None:
    smoother = fresh(name)
    truth = walk(speed)
    found = follow(smoother, truth, noise_px=QUIET_PX, unseen=np.arange(len(truth)) >= 90).found
    way = (found[104] - found[89]).mean(axis=0)  # half a second
    assert np.linalg.norm(way) == pytest.approx(goes_px, rel=MARGIN, abs=1e-6)


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
@pytest.mark.parametrize(("score", "is_shown"), [(0.19, False), (0.21, True)])
def test_a_keypoint_the_network_hardly_believes_in_is_not_shown(
    name: str, score: float, *, is_shown: bool
) -> None:
    begun, updated = make_smoother(name, 1, 1), make_smoother(name, 1, 1)
    place, scores = np.full((1, 2), 200.0), np.full(1, score)
    begun.predict(0.0)
    begun.begin(0, place, scores, SIZE_PX)
    updated.predict(0.0)
    updated.update(place[None], scores[None], SIZE)
    for smoother in (begun, updated):
        assert (smoother.state[0, 0] == State.MEASURED) == is_shown


def test_one_euro_expects_a_moving_hand_this_much_farther() -> None:
    """Its forecast places the next crop; 18 pixels would be right."""
    found = make_smoother("one-euro", 1, TRIALS)
    follow(found, walk(1.0, stands_s=0.0))
    way = (found.forecast(found._time_s + 0.06) - found.xy)[0].mean(axis=0)  # type: ignore[attr-defined]
    assert np.linalg.norm(way) == pytest.approx(25.6, rel=MARGIN)


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
def test_before_the_first_frame_and_for_what_is_past_nobody_is_expected_elsewhere(
    name: str,
) -> None:
    smoother = make_smoother(name, 1, 1)
    np.testing.assert_array_equal(smoother.forecast(1.0), np.zeros((1, 1, 2)))
    after(smoother, np.full(20, 200.0) + 10.0 * np.arange(20), 0)
    np.testing.assert_array_equal(smoother.forecast(18 / FPS), smoother.xy)


# Whose slot it is.


def after(smoother: Smoother, places: Floats, begin: int) -> None:
    """Frames for one keypoint in slot 0, the first of which is number ``begin``."""
    for n, place in enumerate(places, begin):
        smoother.predict(n / FPS)
        smoother.update(np.full((1, 1, 2), place), np.full((1, 1), 0.9), SIZE)


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
def test_who_has_left_is_gone_at_once_and_nothing_of_them_comes_back(name: str) -> None:
    smoother = make_smoother(name, 1, 1)
    after(smoother, np.full(20, 200.0) + 10.0 * np.arange(20), 0)
    smoother.clear(0)
    smoother.predict(20 / FPS)
    assert smoother.state[0, 0] == State.LOST


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
def test_a_newcomer_does_not_inherit_the_speed_of_who_was_there_before(name: str) -> None:
    smoother = make_smoother(name, 1, 1)
    after(smoother, np.full(20, 200.0) + 10.0 * np.arange(20), 0)
    smoother.begin(0, np.full((1, 2), 900.0), np.full(1, 0.9), SIZE_PX)
    assert smoother.state[0, 0] == State.MEASURED
    np.testing.assert_allclose(smoother.xy[0, 0], 900.0)
    np.testing.assert_allclose(smoother.forecast(20 / FPS)[0, 0], 900.0)
    np.testing.assert_allclose(smoother.ahead(20 / FPS)[0, 0], 900.0)


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_newcomers_first_outlier_is_not_believed(*, is_begun: bool) -> None:
    """Whatever was refused of the person who had the slot before."""
    smoother = make_smoother("balanced", 1, 1)
    after(smoother, np.array([200.0] * 20 + [900.0] * 2), 0)
    smoother.clear(0)
    if is_begun:
        smoother.begin(0, np.full((1, 2), 500.0), np.full(1, 0.9), SIZE_PX)
    after(smoother, np.array([500.0] * 3), 22)
    after(smoother, np.array([50.0]), 30)
    np.testing.assert_allclose(smoother.xy[0, 0], 500.0, atol=1.0)


@pytest.mark.parametrize("name", ["balanced", "kalman", "one-euro", "filterpy"])
def test_a_newcomer_changes_nothing_for_whoever_is_there(name: str) -> None:
    smoother = make_smoother(name, 2, 3)
    score = np.zeros((2, 3))
    score[0] = 0.9
    for n in range(20):
        smoother.predict(n / FPS)
        smoother.update(np.full((2, 3, 2), 200.0 + 5.0 * n), score, np.full(2, SIZE_PX))
    before = smoother.forecast(20 / FPS)[0].copy()
    smoother.begin(1, np.full((3, 2), 900.0), np.full(3, 0.9), SIZE_PX)
    np.testing.assert_array_equal(smoother.forecast(20 / FPS)[0], before)
    np.testing.assert_allclose(smoother.xy[1], 900.0)
    assert (smoother.state == State.MEASURED).all()


def test_while_a_hand_is_refused_an_outlier_of_the_other_is_not_believed_for_that() -> None:
    smoother = make_smoother("balanced", 1, 2)
    for n in range(150):
        smoother.predict(n / 100.0)
        one = 200.0 if n < 100 else 900.0
        other = 900.0 if n == 116 else 200.0
        smoother.update(np.array([[(one,) * 2, (other,) * 2]]), np.full((1, 2), 0.9), SIZE)
        np.testing.assert_allclose(smoother.xy[0, 1], 200.0, atol=1.0)


def test_one_euro_with_a_lower_cut_off_follows_later() -> None:
    shown = {}
    for cutoff_hz in (0.5, 4.0):
        smoother = OneEuroSmoother(1, 1, OneEuro(cutoff_hz=cutoff_hz, beta=0.0))
        after(smoother, np.array([200.0] * 5 + [210.0] * 3), 0)
        shown[cutoff_hz] = float(smoother.xy[0, 0, 0])
    assert shown[0.5] < 205.0 < shown[4.0]
