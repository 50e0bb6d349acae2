"""Legs where the picture ends above them: a network supposes some, and none is shown."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.engines.skeletons.people import BLAZEPOSE33, COCO17, HALPE26
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.skeletons.whole_body import COCO133
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.tracking.framing import Framing
from steadypose.realtime.tracking.legs import Legs
from tests.support.following import AT, HW, K, Stage, person

HEIGHT, WIDTH = HW
LEGS = [AT[f"{side}_{part}"] for part in ("knee", "ankle") for side in ("left", "right")]
KNEES, ANKLES = LEGS[:2], LEGS[2:]


def at_a_desk(*, knee: float = 0.3, ankle: float = 0.3, hip: float = 0.8) -> FloatArray:
    """(K, 3) somebody whose hips are just below the picture, and legs found on the chest."""
    pose = person(320, height=800, floor=HEIGHT + 445)
    assert pose[AT["left_hip"], 1] > HEIGHT
    pose[[AT["left_hip"], AT["right_hip"]], 2] = hip
    pose[LEGS, :2] = [(300, 300), (340, 310), (310, 250), (330, 260)]
    pose[KNEES, 2], pose[ANKLES, 2] = knee, ankle
    return pose


def seen(pose: FloatArray, *, hw: tuple[int, int] = HW) -> list[int]:
    """Which parts of the legs count."""
    evidence = Framing(COCO17).evidence(pose, hw)
    assert (evidence[evidence > 0] == pose[evidence > 0, 2]).all()
    return [k for k in LEGS if evidence[k] > 0]


def test_legs_found_above_hips_that_are_not_in_the_picture_are_none() -> None:
    pose = at_a_desk()
    assert seen(pose) == seen(at_a_desk(ankle=0.1)) == seen(at_a_desk(knee=0.1)) == []
    others = np.setdiff1d(np.arange(K), LEGS)
    assert (Framing(COCO17).evidence(pose, HW)[others] == pose[others, 2]).all()


def test_in_a_picture_that_holds_the_hips_the_same_legs_are_seen() -> None:
    assert seen(at_a_desk(), hw=(HEIGHT + 100, WIDTH)) == LEGS


@pytest.mark.parametrize(("score", "is_seen"), [(0.49, False), (0.51, True)])
def test_legs_that_are_seen_clearly_are_there(score: float, *, is_seen: bool) -> None:
    """Somebody with the feet on the chair."""
    assert seen(at_a_desk(knee=score, ankle=score)) == (LEGS if is_seen else [])


def test_an_ankle_hangs_on_the_hip_where_its_knee_is_hidden() -> None:
    pose = at_a_desk(knee=0.1)
    assert seen(pose) == []
    pose[AT["left_hip"], :2] = 340, 200
    assert seen(pose) == [AT["left_ankle"]]


@pytest.mark.parametrize("hidden", [["hip"], ["knee"], ["hip", "knee"]])
def test_what_is_merely_hidden_forbids_nothing(hidden: list[str]) -> None:
    """Somebody behind a chair: else the box would shrink, and the legs would be lost for good."""
    pose, stage = person(320), Stage()
    pose[LEGS, 2] = 0.45
    for part in hidden:
        pose[[AT[f"left_{part}"], AT[f"right_{part}"]], 2] = 0.1
    kept = [k for k in LEGS if pose[k, 2] > 0.2]
    assert seen(pose) == kept
    stage.meet(pose)
    bottom = stage.box(1).y2
    state = stage.wait(1.0, [pose])[1].state
    assert (state[kept] == State.MEASURED).all()
    assert stage.box(1).y2 == pytest.approx(bottom, abs=2)


def feet_of(skeleton: Skeleton) -> list[int]:
    parts = {"heel", "big_toe", "small_toe", "foot_index"}
    return [k for k, n in enumerate(skeleton.keypoints) if n.split("_", 1)[-1] in parts]


def with_skeleton(pose: FloatArray, skeleton: Skeleton) -> FloatArray:
    """A pose of COCO's keypoints with those of another skeleton, all others without score."""
    made = np.zeros((len(skeleton), 3))
    for k, name in enumerate(skeleton.keypoints):
        if name in AT:
            made[k] = pose[AT[name]]
    return made


@pytest.mark.parametrize(("skeleton", "count"), [(HALPE26, 6), (BLAZEPOSE33, 4), (COCO133, 6)])
def test_toes_and_heels_hang_on_the_ankle(skeleton: Skeleton, count: int) -> None:
    feet = feet_of(skeleton)
    assert len(feet) == count
    pose = with_skeleton(at_a_desk(), skeleton)
    pose[feet] = 320, 280, 0.3
    kept = Framing(skeleton).evidence(pose, HW) > 0
    assert not kept[feet].any()
    assert kept[skeleton.keypoints.index("left_hip")]
    pose[feet, 2] = 0.6
    assert (Framing(skeleton).evidence(pose, HW) > 0)[feet].all()


@pytest.mark.parametrize("away", [6.7, 7.7])  # 0.02 of 360 is 7.2
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_what_lies_at_the_very_edge_may_lie_beyond_it(side: str, away: float) -> None:
    """There networks put what they suppose outside."""
    x, y = {
        "left": (away, 200.0),
        "right": (WIDTH - 1 - away, 200.0),
        "top": (300.0, away),
        "bottom": (300.0, HEIGHT - 1 - away),
    }[side]
    pose = person(320, height=320, floor=HEIGHT - 10)
    pose[KNEES, :2] = x, y
    pose[ANKLES] = 320, 130, 0.4  # far from every edge
    framing = Legs(COCO17)
    kept = framing.attached(pose[:, :2], pose[:, 2], np.ones(K, np.bool_), HW)
    assert kept[ANKLES].tolist() == [away > 7.2] * 2
    assert np.delete(kept, ANKLES).all()


def to_mid_thigh(*, away: float = 3.0, shank: float = 30.0, knee: float = 0.4) -> FloatArray:
    """(K, 3) somebody whom the picture shows to the thighs: knees at its edge, ankles near them.

    Args:
        away: Of the knees from the lower edge, pixels.
        shank: From knee to ankle, pixels, with a good score.
        knee: Score of the knees.
    """
    pose = person(320, height=500, floor=480)
    side = np.linalg.norm(pose[AT["left_shoulder"], :2] - pose[AT["left_hip"], :2])
    assert pose[AT["left_hip"], 1] < HEIGHT - 50
    assert 0.40 * side < 60 < 0.45 * side
    pose[KNEES, 1], pose[KNEES, 2] = HEIGHT - 1 - away, knee
    pose[ANKLES, 0], pose[ANKLES, 1], pose[ANKLES, 2] = pose[KNEES, 0], pose[KNEES, 1] - shank, 0.8
    return pose


@pytest.mark.parametrize(("shank", "is_seen"), [(0, False), (30, False), (57, False), (65, True)])
def test_an_ankle_just_above_a_knee_on_the_edge_is_none(shank: float, *, is_seen: bool) -> None:
    """Networks fold what is below the picture back into it."""
    assert seen(to_mid_thigh(shank=shank)) == (LEGS if is_seen else KNEES)


def test_neither_is_one_above_a_knee_on_the_edge_that_is_hidden() -> None:
    assert seen(to_mid_thigh(knee=0.1)) == []
    assert seen(to_mid_thigh(knee=0.1, shank=65)) == ANKLES


def test_who_crouches_within_the_picture_keeps_short_shanks() -> None:
    assert seen(to_mid_thigh(away=12.0)) == LEGS


@pytest.mark.parametrize("part", ["shoulder", "hip"])
def test_one_side_of_the_trunk_is_enough_to_tell_and_none_is_not(part: str) -> None:
    pose = to_mid_thigh()
    pose[AT[f"left_{part}"], 2] = 0.1
    assert seen(pose) == KNEES
    other = "hip" if part == "shoulder" else "shoulder"
    pose[AT[f"right_{other}"], 2] = 0.1
    assert seen(pose) == LEGS


def test_the_ankle_of_the_other_leg_stays() -> None:
    pose = to_mid_thigh()
    pose[AT["left_knee"], :2], pose[AT["left_ankle"], :2] = (500, 300), (560, 310)
    assert seen(pose) == [*KNEES, AT["left_ankle"]]


def test_a_place_without_any_score_says_nothing_of_an_ankle() -> None:
    """Somebody who stands behind a table."""
    assert seen(to_mid_thigh(knee=0.05)) == ANKLES
    pose = to_mid_thigh()
    pose[KNEES, :2] = np.nan
    assert seen(pose) == ANKLES


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize(("inward", "is_seen"), [(30, False), (90, True)])
def test_ankles_are_folded_in_at_every_edge(side: str, inward: float, *, is_seen: bool) -> None:
    edge, way = {
        "left": ((2.0, 200.0), (1, 0)),
        "right": ((WIDTH - 3.0, 200.0), (-1, 0)),
        "top": ((300.0, 2.0), (0, 1)),
        "bottom": ((300.0, HEIGHT - 3.0), (0, -1)),
    }[side]
    for beyond in (0, 20):
        pose = to_mid_thigh()
        pose[KNEES, :2] = np.array(edge) - beyond * np.array(way)
        pose[ANKLES, :2] = np.array(edge) + (inward - beyond) * np.array(way)
        kept = Legs(COCO17).attached(pose[:, :2], pose[:, 2], np.ones(K, np.bool_), HW)
        assert kept[ANKLES].tolist() == [is_seen, is_seen]
        assert np.delete(kept, ANKLES).all()


def test_a_clear_knee_near_a_hip_on_the_edge_is_one() -> None:
    """Somebody with the knees drawn up: thighs towards the camera look short."""
    pose = at_a_desk(knee=0.9, ankle=0.1)
    pose[KNEES, :2] = pose[[AT["left_hip"], AT["right_hip"]], :2] + (0, -125)
    assert seen(pose) == KNEES
    pose = to_mid_thigh(knee=0.9)
    pose[[AT["left_hip"], AT["right_hip"]], 1] = HEIGHT - 3
    pose[KNEES, 1], pose[ANKLES, 2] = HEIGHT - 33, 0.1
    assert seen(pose) == KNEES


@pytest.mark.parametrize("knee", [0.15, 0.4])
@pytest.mark.parametrize("skeleton", [HALPE26, BLAZEPOSE33, COCO133], ids=lambda s: str(s.name))
def test_no_foot_is_left_of_an_ankle_that_was_folded_in(skeleton: Skeleton, knee: float) -> None:
    places = {name: k for k, name in enumerate(skeleton.keypoints)}
    feet, ankles = feet_of(skeleton), [places["left_ankle"], places["right_ankle"]]
    pose = with_skeleton(to_mid_thigh(knee=knee), skeleton)
    pose[feet] = 320, 320, 0.8
    kept = Framing(skeleton).evidence(pose, HW) > 0
    assert not kept[[*feet, *ankles]].any()
    pose = with_skeleton(to_mid_thigh(knee=knee, shank=65), skeleton)
    pose[feet] = 320, 320, 0.8
    assert (Framing(skeleton).evidence(pose, HW) > 0)[[*feet, *ankles]].all()


def test_to_the_thighs_no_ankle_is_drawn_and_the_box_stays() -> None:
    stage = Stage()
    stage.meet(to_mid_thigh())
    box = stage.box(1)
    state = stage.wait(1.0, [to_mid_thigh()])[1].state
    assert (state[ANKLES] == State.LOST).all()
    assert (state[KNEES] == State.MEASURED).all()
    assert (stage.box(1).y1, stage.box(1).y2) == pytest.approx((box.y1, box.y2), abs=2)


def test_who_films_feet_keeps_them() -> None:
    pose = person(320, height=900, floor=330)
    assert pose[AT["left_hip"], 1] < 0
    pose[LEGS, 2] = 0.3
    assert seen(pose) == LEGS


def test_whoever_stands_in_the_picture_has_the_legs_that_are_seen_a_little() -> None:
    pose = person(320)
    pose[LEGS, 2] = 0.25
    assert seen(pose) == LEGS


def test_skeletons_without_legs_are_left_alone() -> None:
    hand = Skeleton("hand", ("wrist", "thumb", "tip"), (), (), (0.1,) * 3)
    pose = np.column_stack((np.arange(6.0).reshape(3, 2) * 9, np.full(3, 0.3)))
    assert (Framing(hand).evidence(pose, HW) == 0.3).all()
    upper = [name for name in COCO17.keypoints if not name.endswith("ankle")]
    short = Skeleton("short", tuple(upper), (), (), (0.1,) * len(upper))
    shoulderless = [name for name in COCO17.keypoints if not name.endswith("shoulder")]
    bare = Skeleton("bare", tuple(shoulderless), (), (), (0.1,) * len(shoulderless))
    for skeleton in (short, bare):
        desk = at_a_desk()[[AT[name] for name in skeleton.keypoints]]
        seen = np.ones(len(skeleton), np.bool_)
        assert Legs(skeleton).attached(desk[:, :2], desk[:, 2], seen, HW).all()


def test_at_a_desk_no_leg_is_drawn() -> None:
    stage = Stage()
    stage.meet(at_a_desk())
    pose = stage.wait(0.5, [at_a_desk()])[1]
    assert (pose.state[LEGS] == State.LOST).all()
    assert (pose.state[[AT["left_wrist"], AT["nose"]]] == State.MEASURED).all()
