"""When somebody is taken up, kept, given up and replaced: what a person in front would notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.realtime.datatypes import FloatArray, Frame
from steadypose.realtime.tracking.pipeline import Pipeline
from tests.support.following import AT, Stage, person, place, without


def test_somebody_new_is_followed_at_the_second_closer_look_not_at_the_first() -> None:
    stage = Stage()
    assert not stage.show([], windows=[person(300)])
    assert not stage.show([person(300)])
    assert list(stage.show([person(300)])) == [1]


@pytest.mark.parametrize(("score", "is_followed"), [(0.45, False), (0.55, True)])
def test_a_vague_figure_is_not_taken_for_a_person(score: float, *, is_followed: bool) -> None:
    stage = Stage()
    stage.show([], windows=[person(300, score=score)])
    stage.wait(0.5, [person(300, score=score)])
    assert (stage.ids == [1]) == is_followed


@pytest.mark.parametrize("is_calibrated", [False, True])
@pytest.mark.parametrize("score", [0.45, 0.55, 0.70])
def test_how_sure_a_network_must_be_depends_on_what_its_scores_mean(
    score: float, *, is_calibrated: bool
) -> None:
    h, w = FAKE_SPEC.input_hw
    pose = person(w / 2, height=0.75 * h, floor=0.85 * h, score=score).astype(np.float32)
    engine = FakeEngine(
        replace(FAKE_SPEC, is_calibrated=is_calibrated),
        answer=lambda crops: np.repeat(pose[None], len(crops), 0),
    )
    pipeline = Pipeline(engine)
    image = np.zeros((360, 640, 3), np.uint8)
    poses = [pipeline.process(Frame(image, i, i / 30, 0.0)) for i in range(20)]
    assert any(poses) == (score >= (0.65 if is_calibrated else 0.50))


def test_somebody_out_of_sight_keeps_the_id_for_a_second_and_no_longer() -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(0.9)
    assert stage.ids == [1]
    stage.wait(0.2)
    assert stage.ids == []


@pytest.mark.parametrize(("score", "ids"), [(0.46, [1]), (0.38, [])])
def test_somebody_seen_badly_is_kept_but_not_somebody_hardly_seen(
    score: float, ids: list[int]
) -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(1.5, [person(300, score=score)])
    assert stage.ids == ids


@pytest.mark.parametrize(("score", "looked_at"), [(0.46, 1), (0.38, 0)])
def test_only_what_could_be_a_person_gets_a_closer_look(score: float, looked_at: int) -> None:
    stage = Stage()
    stage.show([], windows=[person(300, score=score)])
    assert len(stage.tracker.tracks) == looked_at


def test_a_closer_look_that_finds_nobody_is_repeated_once() -> None:
    stage = Stage()
    stage.show([], windows=[person(300)])
    stage.show([])
    assert len(stage.tracker.tracks) == 1
    stage.show([])
    assert stage.tracker.tracks == []


def test_in_a_crowd_at_most_three_more_than_wanted_are_looked_at_closer() -> None:
    stage = Stage()
    crowd = [person(60 + 85 * i, height=200) for i in range(7)]
    stage.show([], windows=crowd)
    assert len(stage.tracker.tracks) == 1 + 3


@pytest.mark.parametrize(("unseen_s", "is_searching"), [(0.2, False), (0.34, True)])
def test_a_blink_starts_no_search_but_a_third_of_a_second_does(
    unseen_s: float, *, is_searching: bool
) -> None:
    stage = Stage()
    stage.meet(person(300))
    assert not stage.tracker.roster.is_missing_someone
    stage.wait(unseen_s)
    assert stage.tracker.roster.is_missing_someone == is_searching


def test_who_is_seen_again_after_a_blink_glides_on_and_after_longer_is_at_once_in_place() -> None:
    moved = {}
    for unseen_s in (0.1, 0.35):
        stage = Stage()
        stage.meet(person(300))
        stage.wait(unseen_s)
        stage.show([person(308)])
        moved[unseen_s] = place(stage.show([person(308)])[1])
    assert moved[0.1] < 307.5
    assert moved[0.35] == pytest.approx(308, abs=0.1)


def test_a_newcomer_takes_the_place_of_somebody_unseen_for_half_a_second() -> None:
    stage = Stage()
    stage.meet(person(150))
    begin_s = stage.time_s
    while 2 not in stage.show([person(480)], windows=[person(480)]):
        assert stage.time_s < begin_s + 0.9
    assert 0.45 < stage.time_s - begin_s < 0.65
    assert stage.ids == [2]


@pytest.mark.parametrize("lost_frames", [1, 2])
def test_who_was_missed_for_two_frames_is_taken_up_again_at_once(lost_frames: int) -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(lost_frames / 30)
    stage.show([person(300, score=0.46)])
    assert not np.isnan(stage.tracker.confirmed[0].raw_xy).any()


def test_who_was_lost_for_longer_is_taken_up_again_when_seen_well_and_twice() -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(4 / 30)
    seen = [not np.isnan(stage.show([person(300)])[1].raw_xy).any() for _ in range(2)]
    assert seen == [False, True]
    assert stage.wait(1.5, [person(300)]).keys() == {1}


def test_what_stays_where_somebody_was_lost_is_not_taken_for_that_person() -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(4 / 30)
    stage.wait(1.2, [person(300, score=0.46)])
    assert stage.ids == []


def test_one_good_look_and_a_bad_one_do_not_bring_a_lost_person_back() -> None:
    stage = Stage()
    stage.meet(person(300))
    stage.wait(4 / 30)
    for _ in range(10):
        stage.show([person(300)])
        stage.show([])
    assert np.isnan(stage.tracker.confirmed[0].raw_xy).all()


def test_somebody_shown_by_two_windows_in_one_frame_is_one_person() -> None:
    stage = Stage(2)
    stage.show([], windows=[person(300), person(303)])
    assert len(stage.tracker.tracks) == 1


@pytest.mark.parametrize(("away", "looked_at"), [(40.0, 1), (48.0, 2)])
def test_a_window_that_shows_a_known_person_starts_nobody_new(away: float, looked_at: int) -> None:
    stage = Stage(2)
    stage.show([], windows=[person(300)])
    stage.show([person(300)], windows=[person(300 + away)])
    assert len(stage.tracker.tracks) == looked_at


def test_keypoints_that_are_hardly_seen_are_not_shown_raw() -> None:
    stage = Stage()
    stage.meet(person(300))
    pose = person(300)
    pose[AT["left_wrist"], 2], pose[AT["left_elbow"], 2] = 0.15, 0.25
    stage.show([pose])
    raw = stage.tracker.poses(is_smooth=False)[0]
    assert np.isnan(raw.xy[AT["left_wrist"]]).all()
    np.testing.assert_array_equal(raw.xy[AT["left_elbow"]], pose[AT["left_elbow"], :2])


def test_somebody_half_out_of_the_picture_is_kept_while_the_network_sees_them() -> None:
    stage = Stage()
    stage.meet(person(600))
    for x in range(600, 660, 5):
        stage.show([person(x)])
    stage.wait(1.5, [person(655)])
    assert stage.ids == [1]


def _stretched(score: float) -> FloatArray:
    pose = person(300)
    pose[AT["left_wrist"], :2] = pose[AT["left_elbow"], :2] + (0.146 * 260, 0)
    pose[AT["left_wrist"], 2] = score
    return pose


def test_a_hand_that_is_only_guessed_does_not_widen_the_crop() -> None:
    right = {}
    for score in (0.25, 0.36):
        stage = Stage()
        stage.meet(person(300))
        stage.wait(1.0, [_stretched(score)])
        right[score] = stage.box(1).x2
    hand = _stretched(1.0)[AT["left_wrist"], 0]
    assert right[0.36] == pytest.approx(hand, abs=3)
    assert right[0.25] < hand - 10


def test_a_person_at_a_desk_without_legs_is_a_person_but_a_single_arm_is_not() -> None:
    arm = [n for n in AT if n not in {"left_shoulder", "left_elbow", "left_wrist", "left_hip"}]
    legs = [n for n in AT if n.endswith(("knee", "ankle", "hip", "wrist"))]
    for hidden, ids in ((legs, [1]), (arm, [])):
        stage = Stage()
        pose = without(person(300), *hidden)
        stage.show([], windows=[pose])
        for _ in range(3):
            stage.answer([pose] * len(stage.tracker.tracks))
        assert stage.ids == ids


def _first(*people: FloatArray) -> float:
    """Whom a tracker for one person follows: where that person stands."""
    stage = Stage()
    stage.show([], windows=people)
    stage.wait(0.3, people)
    return place(stage.show(people)[1])


def test_who_is_seen_well_is_followed_before_who_is_half_again_as_large() -> None:
    assert _first(person(220, height=200, score=0.9), person(420, height=300, score=0.7)) < 320


def test_who_is_three_times_as_large_is_followed_though_seen_less_well() -> None:
    assert _first(person(220, height=100, score=0.9), person(420, height=300, score=0.7)) > 320


@pytest.mark.parametrize(("size", "is_central"), [(0.87, True), (0.72, False)])
@pytest.mark.parametrize("x", [64.0, 576.0])
def test_somebody_central_is_followed_before_a_slightly_larger_one_at_the_edge(
    x: float, size: float, *, is_central: bool
) -> None:
    floor = 180 + 130
    central = person(320, height=260 * size, floor=180 + 130 * size)
    assert (abs(_first(person(x, height=260, floor=floor), central) - 320) < 30) == is_central


def test_somebody_in_a_corner_comes_after_a_smaller_one_in_the_middle() -> None:
    corner, central = person(20, height=100, floor=106), person(320, height=73, floor=218)
    assert _first(corner, central) > 300


def test_of_two_who_are_ready_at_once_the_one_the_closer_looks_show_better_is_followed() -> None:
    stage = Stage()
    stage.show([], windows=[person(200, score=0.9), person(450, score=0.8)])
    for _ in range(3):
        looks = {200: person(200, score=0.55), 450: person(450, score=0.9)}
        stage.answer(
            [
                looks[min(looks, key=lambda x: abs(x - t.box.center_xy[0]))]
                for t in stage.tracker.tracks
            ]
        )
    assert place(stage.show([person(450)])[1]) > 400
