"""What somebody in front of the camera sees of the filters, in figures: jitter, lag, overshoot.

A person of 300 pixels at 30 frames a second, every measurement off by 4 pixels; see
``tests/support/smoothing_scenes.py``. A figure may be off by a few per cent, not more: half or
double of any number in the filter moves one of them further. After a deliberate change write the
new figures here, and look at what they say.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.presets import make_smoother
from tests.support.smoothing_scenes import (
    SIZE_PX,
    TRIALS,
    Followed,
    follow,
    rest,
    swing,
    walk,
)

MARGIN = 0.03
FILTERS = ("steady", "balanced", "responsive", "kalman", "one-euro")


def fresh(name: str) -> Smoother:
    return make_smoother(name, 1, TRIALS)


@cache
def walked(name: str) -> Followed:
    """Rest, then a person's size a second from second 2 to 4, then rest."""
    return follow(fresh(name), walk(1.0))


@cache
def rested(name: str) -> Followed:
    return follow(fresh(name), rest())


def figures(*values: float) -> pytest.MarkDecorator:
    """A figure for each filter, in the order of ``FILTERS``."""
    return pytest.mark.parametrize(("name", "figure"), list(zip(FILTERS, values, strict=True)))


@figures(0.018, 0.0203, 0.0346, 0.202, 0.218)
def test_this_share_of_the_jitter_is_left_on_a_resting_hand(name: str, figure: float) -> None:
    found = rested(name)
    assert found.jitter_left(1.0, 4.0) == pytest.approx(figure, rel=MARGIN)


@figures(0.0169, 0.0172, 0.0176, 0.1218, 0.218)
def test_this_share_of_the_jitter_is_left_where_the_network_is_not_sure(
    name: str, figure: float
) -> None:
    found = follow(fresh(name), rest(), score=0.3)
    assert found.jitter_left(1.0, 4.0) == pytest.approx(figure, rel=MARGIN)


@figures(0.413, 0.489, 0.569, 0.2045, 0.635)
def test_this_share_of_the_jitter_is_left_on_a_moving_hand(name: str, figure: float) -> None:
    found = walked(name)
    assert found.jitter_left(2.5, 4.0) == pytest.approx(figure, rel=MARGIN)


@figures(4.04, 2.51, 1.87, 0.776, 14.25)
def test_a_hand_at_a_constant_speed_is_shown_this_many_milliseconds_late(
    name: str, figure: float
) -> None:
    found = walked(name)
    assert found.behind_px(3.0, 4.0) / SIZE_PX * 1e3 == pytest.approx(figure, rel=MARGIN)


@figures(9.06, 4.72, 2.47, 13.03, 5.87)
def test_a_hand_that_begins_to_move_is_shown_this_many_pixels_behind(
    name: str, figure: float
) -> None:
    found = walked(name)
    assert found.behind_px(2.0, 2.3) == pytest.approx(figure, rel=MARGIN)


@figures(3.45, 2.15, 1.3, 13.09, 0.821)
def test_a_hand_that_stops_at_once_is_shown_this_many_pixels_too_far(
    name: str, figure: float
) -> None:
    found = walked(name)
    assert found.behind_px(4.0, 4.3) == pytest.approx(figure, rel=MARGIN)


@figures(0.0609, 0.0636, 0.0842, 0.209, 0.216)
def test_half_a_second_after_a_motion_the_hand_is_calm_again(name: str, figure: float) -> None:
    found = walked(name)
    assert found.jitter_left(4.5, 5.0) == pytest.approx(figure, rel=MARGIN)


@figures(105, 57.5, 34.1, 9.10, 35.9)
def test_what_creeps_slower_than_the_jitter_is_shown_this_many_milliseconds_late(
    name: str, figure: float
) -> None:
    """15 pixels a second, which the noise hides: the price of a hand held still."""
    found = follow(fresh(name), walk(0.05, walks_s=3.0))
    assert found.behind_px(4.0, 5.0) / (0.05 * SIZE_PX) * 1e3 == pytest.approx(figure, rel=MARGIN)


# Slow and steady: a person who drifts by a pixel a frame.


@cache
def drifted(name: str) -> Followed:
    """Rest, then a tenth of a person's size a second from second 2 to 5, then rest."""
    return follow(fresh(name), walk(0.1, walks_s=3.0))


@figures(4.76, 2.63, 1.46, 0.675, 1.15)
def test_who_begins_to_drift_is_shown_this_many_pixels_behind(name: str, figure: float) -> None:
    assert drifted(name).behind_px(2.0, 3.0) == pytest.approx(figure, rel=MARGIN)


@figures(1.21, 0.8, 0.564, 0.171, 1.15)
def test_who_drifts_for_a_second_is_then_shown_this_many_pixels_behind(
    name: str, figure: float
) -> None:
    assert drifted(name).behind_px(3.0, 5.0) == pytest.approx(figure, rel=MARGIN)


@figures(0.155, 0.201, 0.254, 0.202, 0.283)
def test_who_drifts_is_shown_with_this_share_of_the_jitter(name: str, figure: float) -> None:
    assert drifted(name).jitter_left(3.5, 5.0) == pytest.approx(figure, rel=MARGIN)


@figures(0.88, 0.706, 0.527, 1.24, 0.401)
def test_who_stops_drifting_is_shown_this_many_pixels_too_far(name: str, figure: float) -> None:
    assert drifted(name).behind_px(5.0, 5.5) == pytest.approx(figure, rel=MARGIN)


@figures(3.07, 2.6, 2.61, 2.44, 2.69)
def test_who_leans_over_and_back_in_four_seconds_is_off_by_this_many_pixels(
    name: str, figure: float
) -> None:
    found = follow(fresh(name), swing(0.25, reach=0.08, duration_s=6.0))
    assert found.error_px(2.0, 6.0) == pytest.approx(figure, rel=MARGIN)


@pytest.mark.parametrize("name", ["steady", "balanced", "responsive"])
def test_a_drift_is_followed_nearer_than_the_network_errs(name: str) -> None:
    """Smoothing must not cost place: within a second the mean is nearer than one raw error."""
    found = drifted(name)
    raw = np.linalg.norm(found.raw - found.truth[:, None], axis=2).mean()
    assert found.error_px(3.0, 5.0) < 0.8 * raw
    assert found.behind_px(3.0, 5.0) < 0.5 * raw


@figures(5.89, 4.70, 4.41, 30.1, 7.37)
def test_a_waving_arm_is_off_by_this_many_pixels(name: str, figure: float) -> None:
    found = follow(fresh(name), swing(1.0))
    assert found.error_px(1.0, 5.0) == pytest.approx(figure, rel=MARGIN)


@figures(7.41, 5.37, 4.66, 18.07, 10.05)
def test_a_shaking_hand_is_off_by_this_many_pixels(name: str, figure: float) -> None:
    found = follow(fresh(name), swing(2.5, reach=0.1))
    assert found.error_px(1.0, 5.0) == pytest.approx(figure, rel=MARGIN)


def test_raw_keypoints_would_be_off_by_five_pixels() -> None:
    """What the errors above compare with: the mean length of two normal errors of 4 pixels."""
    found = rested("balanced")
    raw = np.linalg.norm(found.raw - found.truth[:, None], axis=2).mean()
    assert raw == pytest.approx(4.0 * np.sqrt(np.pi / 2), rel=0.01)
    assert found.error_px(1.0, 4.0) < 0.25 * raw


# What is drawn 60 ms ahead, in the window.


@pytest.mark.parametrize(
    ("name", "speed", "figure"),
    [
        ("balanced", 1.0, 13.32),  # of 18 pixels that it will go
        ("balanced", 0.3, 3.47),  # of 5.4
        ("kalman", 1.0, 17.9),
        ("kalman", 0.3, 5.05),
        ("one-euro", 1.0, 0.0),  # does not know how certain its speed is
    ],
)
def test_a_moving_hand_is_drawn_this_many_pixels_ahead(
    name: str, speed: float, figure: float
) -> None:
    found = follow(fresh(name), walk(speed, rests_s=0.5, walks_s=0.8, stands_s=0.1))
    rows = found.rows(0.8, 1.25)
    ahead = (found.drawn - found.found)[rows].mean(axis=1)
    assert np.linalg.norm(ahead, axis=1).mean() == pytest.approx(figure, rel=MARGIN)


@pytest.mark.parametrize(("name", "figure"), [("balanced", 0.138), ("kalman", 0.183)])
def test_a_resting_hand_drawn_ahead_trembles_by_less_than_a_pixel(name: str, figure: float) -> None:
    found = rested(name)
    rows = found.rows(1.0, 4.0)
    away = np.linalg.norm((found.drawn - found.found)[rows], axis=2).mean()
    assert away == pytest.approx(figure, rel=MARGIN)
