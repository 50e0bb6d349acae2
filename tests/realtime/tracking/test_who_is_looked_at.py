"""Whose crop a frame pays for, who gives way, and what one bad frame may not change."""

from __future__ import annotations

import math

import numpy as np
import pytest

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.tracking.pipeline import Pipeline
from tests.support.following import AT, K, Stage, person, without

NOBODY = np.empty((0, K, 3))


def _where(stage: Stage) -> list[float]:
    """Where each track was measured in this frame, NaN where it was not."""
    return [float(np.mean(track.raw_xy[:, 0])) for track in stage.tracker.tracks]


def test_in_a_crowd_the_largest_get_the_closer_looks() -> None:
    sizes = [120, 250, 120, 250, 120, 250, 250]
    crowd = [person(50 + 90 * i, height=size, floor=310) for i, size in enumerate(sizes)]
    stage = Stage()
    stage.show([], windows=crowd)
    assert sorted(round(x) for x in _where(stage)) == [140, 320, 500, 590]


def test_of_two_who_left_the_one_unseen_for_longer_gives_way_to_a_newcomer() -> None:
    stage = Stage(2, hw=(360, 1280))
    stage.meet(person(200), person(600))
    stage.wait(0.2, [person(200)])
    stage.wait(0.55)
    newcomer = person(1000)
    for _ in range(3):
        stage.show([newcomer], windows=[newcomer])
    assert stage.ids == [1, 3]


def test_once_everybody_wanted_is_in_sight_nobody_else_is_looked_at() -> None:
    stage = Stage()
    stage.meet(person(200))
    chair = person(480, score=0.46)
    stage.wait(0.35, [], windows=[chair])
    stage.show([chair], windows=[chair])
    assert len(stage.tracker.tracks) == 2
    stage.wait(0.1, [person(200), chair])
    assert stage.ids == [1]
    assert len(stage.tracker.tracks) == 1


@pytest.mark.parametrize(("score", "well_seen"), [(0.46, 0), (0.54, 1)])
def test_a_first_search_does_not_end_with_somebody_who_is_seen_too_badly_to_be_followed(
    score: float, well_seen: int
) -> None:
    stage = Stage()
    stage.show([], windows=[person(300, score=score)])
    assert len(stage.tracker.tracks) == 1
    assert stage.tracker.roster.well_seen == well_seen


def test_who_had_no_turn_for_a_closer_look_is_not_given_up_for_that() -> None:
    stage = Stage()
    stage.show([], windows=[person(300)])
    for _ in range(5):
        stage.step()
        stage.tracker.update(stage.time_s, [], NOBODY, NOBODY)
    assert len(stage.tracker.tracks) == 1


def test_who_is_missed_now_and_then_and_seen_badly_is_not_lost_for_it() -> None:
    stage = Stage()
    stage.meet(person(300))
    for _ in range(20):
        stage.show([])
        stage.wait(0.1, [person(300, score=0.46)])
    assert stage.ids == [1]


def test_alone_whatever_the_own_crop_shows_is_that_person() -> None:
    stage = Stage()
    stage.meet(person(200))
    stage.answer([person(320)])
    assert _where(stage) == [pytest.approx(320)]


def test_somebody_who_runs_behind_a_post_is_looked_for_where_the_run_leads() -> None:
    stage = Stage(2, hw=(360, 1280))
    stage.meet(person(150), person(1100))
    step = 600 / 30
    for i in range(1, 20):
        stage.show([person(150 + step * i), person(1100)])
    for _ in range(12):
        stage.answer([person(1100, score=0.0), person(1100)])
    for i in (32, 33):
        stage.answer([person(150 + step * i), person(1100)])
    assert _where(stage)[0] == pytest.approx(150 + step * 33)


def test_a_hand_found_on_somebody_else_is_not_shown() -> None:
    stage = Stage()
    stage.meet(person(300))
    pose = person(300)
    pose[9, :2] = (560, 150)  # the left wrist, far away
    poses = stage.wait(1.0, [pose])
    assert np.isnan(poses[1].xy[9]).all()
    assert stage.box(1).x2 < 400


def test_a_newcomers_crop_is_placed_anew_by_every_closer_look() -> None:
    stage = Stage()
    stage.show([], windows=[person(300, score=0.46)])
    stage.answer([person(340, score=0.46)])
    stage.answer([person(340, score=0.46)])
    stage.step()
    assert stage.tracker.tracks[0].box.center_xy[0] == pytest.approx(340, abs=8)


def test_a_guessed_hand_does_not_widen_a_newcomers_first_crop() -> None:
    pose = person(300)
    pose[9] = (420, 150, 0.25)
    stage = Stage()
    stage.show([], windows=[pose])
    assert stage.tracker.tracks[0].box.x2 < 380


def test_the_crop_of_a_followed_person_moves_gently() -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(0.5, [person(300)])
    before = stage.box(1)
    stage.answer([without(person(300), "left_ankle", "right_ankle", "left_knee", "right_knee")])
    stage.step()
    after = stage.box(1)
    assert 22 < before.y2 - after.y2 < 42  # of 92 px to the new target


def test_a_newcomer_whose_crop_is_empty_once_is_looked_at_in_the_same_place() -> None:
    stage = Stage()
    stage.show([], windows=[person(300)])
    first = stage.tracker.tracks[0].box
    stage.show([])
    stage.step()
    assert stage.tracker.tracks[0].box.width == pytest.approx(first.width)


def test_one_crop_with_a_score_that_is_no_number_does_not_lose_the_other_people() -> None:
    stage = Stage(2)
    stage.meet(person(150), person(500))
    broken = person(150)
    broken[AT["left_wrist"], 2] = math.nan
    for _ in range(40):
        stage.answer([broken, person(500)])
    assert 2 in stage.ids
    assert np.isfinite(stage.tracker.confirmed[-1].raw_xy).all()


def test_a_network_that_sees_all_of_a_person_in_one_place_is_still_given_a_crop() -> None:
    stage = Stage()
    stage.meet(person(300))
    spot = person(300)
    spot[:, :2] = (300.0, 180.0)
    for _ in range(30):
        stage.answer([spot])
    assert stage.box(1).width > 4
    assert stage.box(1).height > 4


@pytest.mark.parametrize(
    ("x", "score", "is_looked_for_there"),
    [(330.0, 0.8, True), (330.0, 0.35, False), (560.0, 0.8, False)],
    ids=["near", "hardly a person", "far"],
)
def test_who_was_lost_is_looked_for_where_somebody_is_roughly_seen_nearby(
    x: float, score: float, *, is_looked_for_there: bool
) -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(4 / 30)
    stage.step()
    stage.tracker.update(stage.time_s, [], NOBODY, NOBODY, person(x, score=score)[None])
    assert (abs(stage.box(1).center_xy[0] - x) < 5) == is_looked_for_there


def test_the_filter_that_was_chosen_is_the_one_that_follows() -> None:
    chosen = make_smoother("one-euro", 4, K)
    assert Pipeline(FakeEngine(), smoother=chosen).tracker.smoother is chosen


@pytest.mark.parametrize(
    ("dx", "dy"),
    [(30.0, 0.0), (-30.0, 0.0), (0.0, 30.0), (0.0, -30.0)],
    ids=["right", "left", "down", "up"],
)
def test_who_leaves_the_picture_on_any_side_is_dropped_at_the_first_frame_without_them(
    dx: float, dy: float
) -> None:
    """Who disappears within it is waited for."""
    stage = Stage()
    stage.meet(person(320))
    at = person(320)
    while 0 < at[:, 0].mean() < 640 and 0 < at[:, 1].mean() < 360:
        at[:, :2] += dx, dy
        stage.show([at])
    assert stage.ids == [1]
    for _ in range(3):  # the crop follows a little later
        at[:, :2] += dx, dy
        stage.show([at])
    stage.wait(0.1)
    assert stage.ids == []
    stage = Stage()
    stage.meet(person(320))
    stage.wait(0.1)
    assert stage.ids == [1]
