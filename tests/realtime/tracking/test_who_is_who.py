"""Nobody swaps and nobody is two: people who stand close, pass, hide or walk on out of sight.

Everybody here is 260 pixels tall and about 100 wide, so distances can be pictured.
"""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.realtime.datatypes import FloatArray
from tests.support.following import AT, FPS, Stage, person


def _two(x: float, other: float, *, persons: int = 2) -> Stage:
    """Two people who stand apart, with ids 1 and 2."""
    stage = Stage(persons)
    stage.meet(person(x), person(other))
    return stage


def _where(stage: Stage) -> list[float]:
    """Where each track was measured in this frame, NaN where it was not."""
    return [float(np.mean(track.raw_xy[:, 0])) for track in stage.tracker.tracks]


@pytest.mark.parametrize(("away", "is_same"), [(80.0, True), (120.0, False)])
def test_a_sudden_step_aside_is_followed_but_not_one_of_a_whole_width(
    away: float, *, is_same: bool
) -> None:
    stage = _two(150, 500)
    stage.answer([person(150 + away), person(500)])
    assert (_where(stage)[0] == pytest.approx(150 + away)) == is_same


def test_furniture_where_a_person_stood_does_not_take_the_persons_place() -> None:
    stage = Stage(2)
    stage.meet(person(200), person(450))
    for i in range(1, 21):
        stage.answer([person(200, score=0.3), person(450)], windows=[person(200 + 2 * i)])
    assert _where(stage) == pytest.approx([240, 450])


@pytest.mark.parametrize(("nearer", "keeps_own"), [(2.5, True), (5.3, False)])
def test_two_close_together_swap_for_no_hairs_breadth_but_a_crop_that_caught_the_other_does_not_win(
    nearer: float, *, keeps_own: bool
) -> None:
    stage = _two(300, 240)
    a, b = person(330), person(270 + nearer)  # b is a little nearer to where the first stood
    stage.answer([a, b])
    assert _where(stage)[0] == pytest.approx(330 if keeps_own else 270 + nearer)


@pytest.mark.parametrize(("other", "keeps_own"), [(261.0, True), (276.0, False)])
def test_a_newcomers_closer_look_counts_more_than_what_a_window_shows_nearby(
    other: float, *, keeps_own: bool
) -> None:
    stage = Stage(2)
    stage.show([], windows=[person(300)])
    stage.answer([person(360)], windows=[person(other)])
    assert _where(stage)[0] == pytest.approx(360 if keeps_own else other)


@pytest.mark.parametrize(("apart", "measured"), [(30.0, 2), (15.0, 1)])
def test_two_crops_that_show_one_person_do_not_feed_two_people(apart: float, measured: int) -> None:
    stage = _two(300, 400)
    for x in np.arange(395, 300 + apart - 1, -5.0):
        stage.answer([person(300), person(float(x))])
    assert np.isfinite(_where(stage)).sum() == measured


def _spread(x: float) -> FloatArray:
    """Arms stretched out to both sides, so that the box is wide."""
    pose = person(x)
    for side, sign in (("left", 1), ("right", -1)):
        y = pose[AT[f"{side}_shoulder"], 1]
        for joint, reach in (("elbow", 0.3), ("wrist", 0.44)):
            pose[AT[f"{side}_{joint}"], :2] = (x + sign * reach * 260, y)
    return pose


@pytest.mark.parametrize(("is_wide", "end", "left"), [(True, 316, 1), (False, 322, 2)])
def test_an_uncertain_figure_on_top_of_a_person_is_forgotten_but_not_one_beside(
    end: int, left: int, *, is_wide: bool
) -> None:
    first = _spread(300) if is_wide else person(300)
    stage = Stage(2)
    stage.meet(first)
    stage.wait(1.0, [first])
    stage.show([first], windows=[person(400, score=0.47)])
    for x in range(396, end, -4):
        stage.answer([first, person(x, score=0.47)])
        if len(stage.tracker.tracks) == 1:
            break
    assert len(stage.tracker.tracks) == left


def test_of_two_ids_on_one_person_the_younger_goes_after_a_second() -> None:
    stage = Stage(2)
    stage.meet(_spread(200), person(340))
    stage.wait(0.5, [_spread(200), person(340)])
    sway, x, begin_s = 3, 200, 0.0
    while len(stage.ids) == 2:
        sway, x = -sway, min(320, x + 3)
        if x < 320:
            begin_s = stage.time_s
        assert stage.time_s < begin_s + 1.5
        assert np.isfinite(_where(stage)).all()  # both are seen all the time
        stage.answer([_spread(x + sway), person(340)])
    assert stage.time_s - begin_s > 0.8
    assert stage.ids == [1]


def test_two_who_pass_close_by_within_a_second_both_stay() -> None:
    stage = _two(200, 440)
    for i in range(1, 61):
        stage.show([person(200 + 4 * i), person(440 - 4 * i, height=235, floor=320)])
    assert stage.ids == [1, 2]


def _walk(stage: Stage, x: float, speed: float, seconds: float) -> float:
    """Walk on from ``x``; returns where that ends."""
    for _ in range(round(seconds * FPS)):
        x += speed / FPS
        stage.show([person(x)])
    return x


def test_somebody_hidden_while_walking_is_looked_for_as_far_as_two_thirds_of_a_second_go() -> None:
    stage = Stage(hw=(360, 1280))
    stage.meet(person(200))
    _walk(stage, 200, 120.0, 2.0)
    x = []
    for _ in range(28):
        stage.show([])
        x.append(stage.box(1).center_xy[0])
    assert x[14] - x[0] == pytest.approx(0.47 * 120, abs=6)
    assert x[-1] - x[0] == pytest.approx(0.67 * 120, abs=8)  # and no farther


def test_who_has_hardly_begun_to_walk_is_not_looked_for_far_away() -> None:
    stage = Stage(hw=(360, 1280))
    stage.meet(person(200))
    stage.wait(1.0, [person(200)])
    x = _walk(stage, 200, 240.0, 0.2)
    for _ in range(27):
        stage.show([])
    assert 90 < stage.box(1).center_xy[0] - x < 150  # of 168 at full speed


def test_a_hidden_walker_who_comes_out_again_is_the_same_person() -> None:
    stage = Stage(2, hw=(360, 1280))
    stage.meet(person(200), person(900))
    for i in range(1, 60):
        stage.show([person(200 + 4 * i), person(900)])
    for _ in range(20):
        stage.show([person(900)])
    for i in range(80, 90):
        stage.show([person(200 + 4 * i), person(900)])
    assert stage.ids == [1, 2]
    assert _where(stage)[0] == pytest.approx(200 + 4 * 89)


def test_the_crop_of_somebody_out_of_sight_grows_by_a_third_and_ends_at_one_half_more() -> None:
    stage = Stage(hw=(1000, 1000))
    stage.meet(person(500, floor=600))
    stage.wait(1.0, [person(500, floor=600)])
    before = stage.box(1).height
    stage.wait(11 / 30)
    assert 1.27 < stage.box(1).height / before < 1.40
    stage.wait(17 / 30)
    assert 1.43 < stage.box(1).height / before < 1.60


def test_somebody_who_walks_out_of_the_picture_is_given_up_at_once() -> None:
    stage = Stage()
    stage.meet(person(500))
    x = 500.0
    while x < 700:
        x += 10
        stage.show([person(x)])
    stage.wait(0.3)
    assert stage.ids == []


@pytest.mark.parametrize(("pause_s", "ids"), [(0.9, [1, 2]), (1.1, [3, 4]), (600.0, [3, 4])])
def test_no_id_is_kept_over_a_pause_of_more_than_a_second(pause_s: float, ids: list[int]) -> None:
    stage = Stage(2)
    people = [person(200), person(450)]
    stage.meet(*people)
    stage.wait(0.5, people)
    stage.show(people, after_s=pause_s)  # nobody is lost for it
    assert stage.ids == ids
    stage.wait(0.5, people)
    assert stage.ids == ids


def test_pictures_taken_every_ten_seconds_show_one_person() -> None:
    stage = Stage()
    stage.show([], windows=[person(300)])
    for _ in range(9):
        stage.show([person(300)], after_s=10.0)
    assert stage.ids == [1]
