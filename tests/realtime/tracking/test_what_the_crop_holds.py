"""What a crop takes in and what a search window shows, told by a figure of standing height 1.

The reach beyond what is seen is tested against the figure's own limbs, which the code has not seen.
"""

from __future__ import annotations

from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest

from steadypose.engines.skeletons.people import COCO17, MPII16
from steadypose.realtime.datatypes import BBox, FloatArray
from steadypose.realtime.tracking.boxes import settle, within
from steadypose.realtime.tracking.framing import Framing
from steadypose.realtime.tracking.search_windows import scan_windows
from tests.support.following import AT, HEAD, K, figure

H = 300.0
LARGE_HW = (2000, 2000)
NAMES = tuple(AT)
ARMS = tuple(n for n in NAMES if n.endswith(("elbow", "wrist")))
LEGS = tuple(n for n in NAMES if n.endswith(("knee", "ankle")))
SIDES = ("left", "right")


def _standing(**moved: tuple[float, float]) -> FloatArray:
    """(K, 2) the figure in pixels, some keypoints moved by shares of its height."""
    xy = figure()
    for name, by in moved.items():
        xy[AT[name]] += by
    return xy * H + 1000


def _mask(*hidden: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([name not in hidden for name in NAMES])


def _length(a: str, b: str) -> float:
    """Of a limb of the figure, pixels."""
    xy = figure() * H
    return float(np.hypot(*(xy[AT[a]] - xy[AT[b]])))


def _reach(xy: FloatArray, seen_end: str, hidden: tuple[str, ...], side: str) -> float:
    """How far the box lies beyond a keypoint on one side, pixels."""
    box = Framing(COCO17).box(xy, _mask(*hidden), LARGE_HW)
    assert box is not None
    x, y = xy[AT[seen_end]]
    return {"x1": x - box.x1, "y1": y - box.y1, "x2": box.x2 - x, "y2": box.y2 - y}[side]


def _about_half(reach: float, limb: float) -> bool:
    """The padding of the crop holds the rest of a limb that is half in the box."""
    return 0.38 * limb < reach < 0.8 * limb


@pytest.mark.parametrize("side", SIDES)
def test_a_missed_hand_is_reached_for_from_the_elbow(side: str) -> None:
    sign, edge = (1, "x2") if side == "left" else (-1, "x1")
    xy = _standing(**{f"{side}_elbow": (0.12 * sign, -0.17)})
    reach = _reach(xy, f"{side}_elbow", (f"{side}_wrist",), edge)
    assert _about_half(reach, _length(f"{side}_elbow", f"{side}_wrist"))


@pytest.mark.parametrize("side", SIDES)
def test_a_missed_arm_is_reached_for_from_the_shoulder(side: str) -> None:
    hidden = (f"{side}_elbow", f"{side}_wrist")
    reach = _reach(_standing(), f"{side}_shoulder", hidden, "x2" if side == "left" else "x1")
    assert _about_half(reach, _length(f"{side}_shoulder", f"{side}_elbow"))


@pytest.mark.parametrize("side", SIDES)
def test_a_missed_foot_is_reached_for_from_the_knee(side: str) -> None:
    xy = _standing(**{f"{side}_knee": (0.0, 0.05)})
    reach = _reach(xy, f"{side}_knee", ("left_ankle", "right_ankle"), "y2")
    assert _about_half(reach, _length(f"{side}_knee", f"{side}_ankle"))


@pytest.mark.parametrize("side", SIDES)
def test_missed_legs_are_reached_for_from_the_hips(side: str) -> None:
    xy = _standing(**{f"{side}_hip": (0.0, 0.05)})
    reach = _reach(xy, f"{side}_hip", LEGS, "y2")
    assert _about_half(reach, _length(f"{side}_hip", f"{side}_knee"))


@pytest.mark.parametrize("side", SIDES)
def test_a_missed_trunk_is_reached_for_from_the_shoulders(side: str) -> None:
    up = dict.fromkeys(ARMS, (0.0, -0.3))
    xy = _standing(**up, **{f"{side}_shoulder": (0.0, 0.12)})
    reach = _reach(xy, f"{side}_shoulder", ("left_hip", "right_hip", *LEGS), "y2")
    assert _about_half(reach, _length(f"{side}_shoulder", f"{side}_hip"))


@pytest.mark.parametrize("side", SIDES)
def test_a_missed_head_is_reached_for_from_the_shoulders(side: str) -> None:
    xy = _standing(**{f"{side}_shoulder": (0.0, -0.05)})
    reach = _reach(xy, f"{side}_shoulder", HEAD, "y1")
    assert _about_half(reach, _length(f"{side}_shoulder", f"{side}_ear"))


def test_a_turned_head_is_reached_for_from_the_ear_that_is_seen() -> None:
    xy = _standing()
    reach = _reach(xy, "left_ear", ("right_ear", "nose", "left_eye", "right_eye"), "y1")
    assert _about_half(reach, _length("left_ear", "right_ear"))


BEHIND_A_DOOR = (*HEAD, *(name for name in NAMES if name.startswith("right")))


def test_who_stands_half_behind_a_door_is_reached_for_from_the_shoulder() -> None:
    xy = _standing(left_shoulder=(-0.05, 0.0), left_hip=(0.03, 0.0))
    reach = _reach(xy, "left_shoulder", BEHIND_A_DOOR, "x1")
    assert _about_half(reach, _length("left_shoulder", "right_shoulder"))


def test_who_leans_out_from_behind_a_door_is_reached_for_from_the_hip() -> None:
    xy = _standing(left_hip=(-0.045, 0.0))
    reach = _reach(xy, "left_hip", BEHIND_A_DOOR, "x1")
    assert _about_half(reach, _length("left_hip", "right_hip"))


def test_a_skeleton_without_ears_is_reached_for_where_it_has_lengths() -> None:
    xy = np.zeros((len(MPII16), 2))
    is_used = np.zeros(len(MPII16), np.bool_)
    for name in set(AT) & set(MPII16.keypoints) - set(LEGS):
        xy[MPII16.keypoints.index(name)] = _standing()[AT[name]]
        is_used[MPII16.keypoints.index(name)] = True
    box = Framing(MPII16).box(xy, is_used, LARGE_HW)
    assert box is not None
    hip = _standing()[AT["left_hip"], 1]
    assert _about_half(box.y2 - hip, _length("left_hip", "left_knee"))


def test_nothing_is_looked_for_beyond_the_picture() -> None:
    xy = _standing() - (1000 - 0.3 * H, 1000 - H)
    hw = (int(0.55 * H), int(0.6 * H))
    box = Framing(COCO17).box(xy, _mask(*ARMS, *LEGS), hw)
    assert box is not None
    assert box.y2 == hw[0] - 0.5
    xy -= (0.17 * H, 0.0)
    box = Framing(COCO17).box(xy, _mask(*ARMS, *LEGS), hw)
    assert box is not None
    assert box.x1 == -0.5
    xy[:, 0] = hw[1] - 1 - xy[:, 0]
    box = Framing(COCO17).box(xy, _mask(*ARMS, *LEGS), hw)
    assert box is not None
    assert box.x2 == hw[1] - 0.5


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("joint", "root", "way"),
    [
        ("elbow", "shoulder", ("elbow",)),
        ("wrist", "shoulder", ("elbow", "wrist")),
        ("knee", "hip", ("knee",)),
        ("ankle", "hip", ("knee", "ankle")),
    ],
)
def test_a_joint_a_little_far_off_is_the_persons_own_and_one_twice_as_far_is_not(
    side: str, joint: str, root: str, way: tuple[str, ...]
) -> None:
    names = [f"{side}_{name}" for name in (root, *way)]
    limb = sum(_length(a, b) for a, b in pairwise(names))
    for share, is_own in ((1.2, True), (1.95, False)):
        xy = _standing()
        xy[AT[names[-1]]] = xy[AT[names[0]]] + np.array((0.6, 0.8)) * share * limb
        found = Framing(COCO17).plausible(xy, np.ones(K, bool))
        assert found[AT[names[-1]]] == is_own
        assert found.sum() == K - (not is_own)


def test_an_arm_is_not_judged_by_a_shoulder_that_was_only_guessed() -> None:
    xy = _standing()
    xy[AT["left_shoulder"]] += 2 * H
    is_seen = _mask("left_shoulder")
    np.testing.assert_array_equal(Framing(COCO17).plausible(xy, is_seen), is_seen)


def test_who_sits_and_points_at_the_camera_is_not_taken_for_a_child_with_long_arms() -> None:
    """Most limbs are foreshortened, the stretched arm is not: it stays the person's own."""
    xy = figure()
    for name in LEGS:
        xy[AT[name], 1] = -0.53 + 0.3 * (xy[AT[name], 1] + 0.53)
    for name in ("right_elbow", "right_wrist"):
        xy[AT[name]] = xy[AT["right_shoulder"]] + 0.3 * (xy[AT[name]] - xy[AT["right_shoulder"]])
    xy[AT["left_elbow"]] = xy[AT["left_shoulder"]] + (0.186, 0)
    xy[AT["left_wrist"]] = xy[AT["left_shoulder"]] + (0.332, 0)
    assert Framing(COCO17).plausible(xy * H, np.ones(K, bool)).all()


def test_one_flickering_frame_shakes_the_crop_by_a_third_and_a_new_place_is_soon_taken() -> None:
    still, target = BBox(0, 0, 100, 200), BBox(60, 60, 160, 260)
    once = settle(still, target, 1 / 30)
    for now, then in zip(astuple(once), astuple(still), strict=True):
        assert 0.25 * 60 < now - then < 0.45 * 60
    box = still
    for _ in range(9):
        box = settle(box, target, 1 / 30)
    np.testing.assert_allclose(astuple(box), astuple(target), atol=3)


def test_the_crop_settles_as_fast_whatever_the_frame_rate() -> None:
    still, target = BBox(0, 0, 100, 200), BBox(60, 60, 160, 260)
    box = still
    for _ in range(4):
        box = settle(box, target, 0.025)
    np.testing.assert_allclose(astuple(box), astuple(settle(still, target, 0.1)), atol=1e-9)


def test_somebody_nine_pixels_wide_is_left_so_and_nobody_is_a_line() -> None:
    assert within(BBox(50, 50, 59, 80), (100, 100)) == BBox(50, 50, 59, 80)
    line = within(BBox(50, 50, 50, 50), (100, 100))
    assert 5 <= line.width <= 7
    assert 5 <= line.height <= 7


def test_a_box_far_outside_comes_back_to_the_edge_and_keeps_some_size() -> None:
    box = within(BBox(5000, 5000, 5100, 5100), (100, 100))
    assert box.x2 <= 134
    assert box.y2 <= 134
    assert min(box.width, box.height) > 4


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_somebody_may_lean_out_by_a_fifth_of_the_picture_but_no_box_goes_farther_than_a_third(
    axis: int, *, is_mirrored: bool
) -> None:
    def out_by(share: float) -> float:
        start, end = (-share, 0.5) if not is_mirrored else (0.5, 1 + share)
        corners = (start, 0.2, end, 0.8) if axis == 0 else (0.2, start, 0.8, end)
        box = astuple(within(BBox(*(c * 1000 for c in corners)), (1000, 1000)))
        return -box[axis] if not is_mirrored else box[axis + 2] - 1000

    assert out_by(0.2) == pytest.approx(200)
    assert 200 < out_by(0.6) < 340


def _windows(hw: tuple[int, int]) -> list[BBox]:
    return scan_windows(hw, (256, 192))


def _shows_well(window: BBox, x: float, y: float, height: float) -> bool:
    """Whether somebody of a height around (x, y) is whole in a window and not lost in it."""
    half = 0.25 * height
    is_whole = window.x1 <= x - half and x + half <= window.x2
    is_whole &= window.y1 <= y - height / 2 and y + height / 2 <= window.y2
    return is_whole and height > 0.4 * window.height


@pytest.mark.parametrize(
    ("hw", "size"),
    [
        *(((360, 640), size) for size in (0.8, 0.41)),
        *(((480, 640), size) for size in (0.8, 0.41)),
        *(((640, 360), size) for size in (0.62, 0.41)),
    ],
)
def test_somebody_anywhere_is_whole_and_large_in_some_window(
    hw: tuple[int, int], size: float
) -> None:
    height = size * min(hw[0], hw[1] * 4 / 3)
    for x in np.linspace(0.25 * height, hw[1] - 1 - 0.25 * height, 23):
        for y in np.linspace(height / 2, hw[0] - 1 - height / 2, 7):
            assert any(_shows_well(w, x, y, height) for w in _windows(hw)[1:]), (x, y)


@pytest.mark.parametrize(("hw", "count"), [((360, 640), 17), ((480, 640), 14), ((640, 360), 12)])
def test_a_search_takes_no_more_windows_than_it_must(hw: tuple[int, int], count: int) -> None:
    assert len(_windows(hw)) == count


def test_a_picture_hardly_wider_than_a_crop_is_one_window_and_a_wider_one_is_two() -> None:
    def large(width: int) -> int:
        return sum(1 for w in _windows((256, width))[1:] if w.height == 256)

    assert large(192 + 8) == 1
    assert large(192 + 12) == 2


def test_the_middle_of_the_picture_is_searched_before_its_edges() -> None:
    for height in (360, 0.6 * 360):
        at = [w.center_xy for w in _windows((360, 640))[1:] if w.height == pytest.approx(height)]
        away = [np.hypot(x - 319.5, y - 179.5) for x, y in at]
        assert len(at) > 2
        assert away == pytest.approx(sorted(away))
