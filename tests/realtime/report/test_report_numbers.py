"""The report's figures, and the limits they are made with: each from both sides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from steadypose.realtime.report.body import body_center, body_height_px, with_breaks
from steadypose.realtime.report.curves import _scale_of
from steadypose.realtime.report.page import _points_each
from steadypose.realtime.report.quality import jitter
from steadypose.realtime.report.scales import DEGREE_STEPS, nice_ticks, number_scale
from steadypose.realtime.report.sidecar_text import flatten
from steadypose.realtime.report.trajectories import _picture_scales
from steadypose.realtime.smooth.angles import joint_angle, signed_angle, trunk_angle, unwrap
from tests.realtime.report.test_report import NAMES, standing, track

# Angles


@pytest.mark.parametrize(("gap_s", "after"), [(0.4, 370.0), (0.7, 10.0)])
def test_turns_are_counted_on_over_a_gap_of_less_than_half_a_second(
    gap_s: float, after: float
) -> None:
    turning = np.concatenate((np.linspace(0, 370, 60), np.full(10, 370.0)))
    time_s = np.arange(70) / 30
    time_s[60:] += gap_s - 1 / 30
    found = unwrap((turning + 180) % 360 - 180, time_s)
    np.testing.assert_allclose(found[60:], after)
    np.testing.assert_allclose(found[:60], turning[:60])


def test_an_arm_that_stretches_within_a_frame_has_the_angle_that_is_seen() -> None:
    seen = np.array([30.0, 150.0, 40.0, 170.0])
    np.testing.assert_allclose(unwrap(seen, np.arange(4) / 30), seen)


def test_whole_turns_before_most_of_a_stretch_are_not_counted() -> None:
    turning = np.linspace(90, 830, 120)  # on the whole more than once around
    found = unwrap((turning + 180) % 360 - 180, np.arange(120) / 30)
    np.testing.assert_allclose(found, turning - 360)


@pytest.mark.parametrize("usual", [-60.0, 230.0])
def test_a_stretch_is_shown_between_minus_90_and_270_degrees(usual: float) -> None:
    sometimes = 90.0  # keeps the direction of counting
    truth = np.array([usual] * 11 + [sometimes] * 10)
    found = unwrap((truth + 180) % 360 - 180, np.arange(21) / 30)
    assert found[0] == pytest.approx(usual)


def test_a_limb_shorter_than_a_pixel_has_no_angle() -> None:
    for length, is_known in ((0.8, False), (1.5, True)):
        a, middle, b = (np.array([p]) for p in ((0.0, 0.0), (length, 0.0), (length, 50.0)))
        assert np.isfinite(signed_angle(a, middle, b)[0]) == is_known
        xy = standing(3)
        xy[:, NAMES.index("left_wrist")] = xy[:, NAMES.index("left_elbow")] + (length, 0)
        found = joint_angle(xy, np.arange(3) / 30, NAMES, joint="elbow", side="left")
        assert found is not None
        assert np.isfinite(found).all() == is_known


# The body and its breaks


def test_limbs_that_point_at_the_camera_do_not_make_a_person_smaller() -> None:
    xy = standing(5)
    whole = body_height_px(xy, NAMES)
    for side in ("left", "right"):  # arms and forearms, 4 of 15 limbs
        shoulder = xy[:, NAMES.index(f"{side}_shoulder")]
        for part in ("elbow", "wrist"):
            k = NAMES.index(f"{side}_{part}")
            xy[:, k] = shoulder + 0.3 * (xy[:, k] - shoulder)
    assert body_height_px(xy, NAMES) == pytest.approx(whole, rel=0.12)


@pytest.mark.parametrize(("share", "center_y"), [(0.15, 100.0), (0.3, 140.0)])
def test_hips_count_where_they_are_seen_in_a_fifth_of_the_frames(
    share: float, center_y: float
) -> None:
    xy = standing(100)
    xy[round(100 * share) :, 11:] = np.nan
    assert body_center(xy, NAMES)[0, 1] == pytest.approx(center_y)


@pytest.mark.parametrize(("gap_s", "breaks"), [(0.08, 0), (0.15, 1)])
def test_away_is_longer_than_a_tenth_of_a_second(gap_s: float, breaks: int) -> None:
    one = track(standing(40), fps=100.0)
    one.time_s[20:] += gap_s - 0.01
    assert len(with_breaks(one).time_s) == 40 + breaks


# Rest


@pytest.mark.parametrize(("px_s", "is_at_rest"), [(20.0, True), (35.0, False)])
def test_rest_is_slower_than_a_tenth_of_the_body_a_second(px_s: float, *, is_at_rest: bool) -> None:
    xy = standing(100)
    xy[:, :, 0] += (px_s * np.arange(100) / 30)[:, None]
    rest = jitter(track(xy), 270.0).rest_frames
    assert (rest > 0).all() if is_at_rest else (rest == 0).all()


def test_rest_is_judged_by_a_quarter_second_before_and_after() -> None:
    rest = jitter(track(standing(100)), 270.0).rest_frames
    # Eight frames at either end have no quarter second before or after them.
    assert rest.tolist() == [100 - 2 * 8 + 1] * len(NAMES)


def test_the_acceleration_of_a_steady_push_is_right_with_uneven_frames() -> None:
    one = track(standing(90))
    one.time_s[:] = np.cumsum(np.tile([0.03, 0.05, 0.04], 30))
    one.xy[:, :, 0] += (0.5 * 100.0 * one.time_s**2)[:, None]
    np.testing.assert_allclose(jitter(one, 270.0).smooth_px_s2, 100.0, rtol=1e-6)


# Axes


def test_a_chart_of_one_place_shows_twelve_pixels_around_it() -> None:
    scale = _scale_of(np.full(5, 100.0), unit="px")
    assert (scale.low, scale.high) == pytest.approx((94, 106))
    empty = _scale_of(np.full(5, math.nan), unit="px")
    assert (empty.low, empty.high) == pytest.approx((-5.5, 6.5))
    assert number_scale(5, 5).low == 4.5
    assert number_scale(5, 5).high == 5.5


def test_a_curve_fills_its_chart_but_for_a_twelfth_above_and_below() -> None:
    scale = _scale_of(np.array([100.0, 150.0, 200.0]), unit="px")
    assert (scale.low, scale.high) == pytest.approx((92, 208))


@pytest.mark.parametrize(
    ("size", "spans"),
    [
        ((0, 0), (29.16, 21.6)),  # somebody who stands still is not magnified
        ((100, 270), (393.7, 291.6)),  # a tall person: a third wider than high
        ((1000, 100), (1080, 450)),  # who walks along the picture: not a mere stripe
        ((500, 300), (540, 324)),
    ],
)
def test_the_picture_of_the_ways_has_a_shape_that_fits_a_screen(
    size: tuple[float, float], spans: tuple[float, float]
) -> None:
    x, y = _picture_scales(np.array([[300.0, 200.0], [300.0 + size[0], 200.0 + size[1]]]))
    assert x.high - x.low == pytest.approx(spans[0], rel=0.01)
    assert y.low - y.high == pytest.approx(spans[1], rel=0.01)  # downwards
    assert (x.high + x.low) / 2 == pytest.approx(300 + size[0] / 2)


def test_degrees_are_marked_in_steps_that_people_know() -> None:
    known = [1, 5, 10, 15, 30, 45, 90, 180, 360]
    assert [nice_ticks(0, 4 * s, count=4, steps=DEGREE_STEPS)[1] for s in known] == known


# The size of the page


def test_long_recordings_share_the_points_that_the_page_may_have() -> None:
    one = track(standing(1))
    long = replace(one, frame=np.arange(18_000))
    assert _points_each(NAMES, [long]) == 2000
    # 330,000 points over two people with 114 curves each; a short one counts by its length.
    assert _points_each(NAMES, [long, long]) == pytest.approx(1447, abs=100)
    short = replace(one, frame=np.arange(1000))
    assert _points_each(NAMES, [long, long, short]) == pytest.approx(1158, abs=100)
    assert _points_each(NAMES, [long] * 100) == 90


# The run


def test_names_keep_their_umlauts() -> None:
    assert flatten({"files": [{"name": "Müller"}]}) == [("files", '[{"name": "Müller"}]')]


def test_a_trunk_that_leans_is_measured_and_one_without_hips_is_not() -> None:
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    lean = np.radians([0.0, 30.0, 60.0])
    xy = np.zeros((3, 4, 2))
    xy[:, :2] = 100 * np.stack((np.sin(lean), -np.cos(lean)), axis=1)[:, None]
    found = trunk_angle(xy, np.arange(3) / 30, names)
    assert found == pytest.approx([0, 30, 60])
    assert trunk_angle(xy[:, :3], np.arange(3) / 30, names[:3]) is None


@pytest.mark.parametrize("lean_deg", [-170.0, -100.0, -80.0, 0.0, 80.0, 100.0, 170.0])
def test_somebody_who_hangs_head_down_leans_to_one_side_or_the_other(lean_deg: float) -> None:
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    lean = math.radians(lean_deg)
    shoulder = np.array((math.sin(lean), -math.cos(lean))) * 100
    xy = np.tile(np.stack((shoulder, shoulder, np.zeros(2), np.zeros(2))), (3, 1, 1))
    found = trunk_angle(xy, np.arange(3) / 30, names)
    assert found is not None
    other = trunk_angle(xy * (-1, 1), np.arange(3) / 30, names)
    assert other is not None
    assert np.abs(found) == pytest.approx(abs(lean_deg))
    np.testing.assert_allclose(other, -found, atol=1e-9)


def test_frames_that_show_a_single_point_do_not_make_a_person_smaller() -> None:
    xy = np.array([[[0.0, 0.0], [30.0, 80.0]]] * 10)
    xy[4:, 1] = np.nan
    assert body_height_px(xy, ["tip", "root"]) == pytest.approx(80.0)
