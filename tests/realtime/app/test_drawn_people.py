"""Skeletons on the picture: every limb in its place, in its colour, as bright as it is sure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses, mirrored
from steadypose.realtime.app.tracked_frame import TrackedFrame
from steadypose.realtime.datatypes import Frame, Pose, State
from steadypose.realtime.smooth.angles import NAMES
from steadypose.realtime.tracking.pipeline import Crops
from tests.support.pictures import Block, assert_alike, assert_looks_like, blocks, cells

HW = (480, 640)
GROUND = (128, 128, 128)
HEAD_Y = 92  # of the highest keypoint; above are tags, which are letters

# Okabe and Ito 2008, as blue and orange as they stay apart for colour-blind eyes; BGR.
BLUE, ORANGE, WHITE = (233, 180, 86), (0, 159, 230), (235, 235, 235)

# Of the person's left half: right is its mirror image.
HALF = {
    "nose": (0, 108),
    "eye": (9, 100),
    "ear": (20, HEAD_Y + 4),
    "shoulder": (42, 150),
    "elbow": (76, 205),
    "wrist": (104, 262),
    "hip": (26, 275),
    "knee": (40, 350),
    "ankle": (36, 430),
}


def person(center_x: int, *, score: float = 0.9, track_id: int = 1) -> Pose:
    """Somebody who stands facing the camera, arms away from the trunk."""
    xy = np.empty((len(COCO17), 2))
    for k, name in enumerate(COCO17.keypoints):
        across, y = HALF[name.rsplit("_", maxsplit=1)[-1]]
        xy[k] = center_x + (across if name.startswith("left") else -across), y
    xy[COCO17.index("left_ear"), 1] = HEAD_Y
    state = np.full(len(COCO17), State.MEASURED, np.int8)
    return Pose(xy, np.full(len(COCO17), score), xy.copy(), state, COCO17, track_id)


def change(pose: Pose, state: State, *names: str) -> Pose:
    for name in names:
        pose.state[COCO17.index(name)] = state
        if state == State.LOST:
            pose.xy[COCO17.index(name)] = np.nan
    return pose


def drawn(*poses: Pose, hw: tuple[int, int] = HW, is_mirrored: bool = False) -> NDArray[np.uint8]:
    image = np.full((*hw, 3), GROUND, np.uint8)
    draw_poses(image, poses, is_mirrored=is_mirrored)
    return image


def below_tags(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image[HEAD_Y - 8 :]


def arm(state: State = State.MEASURED, *, scores: tuple[float, float] = (0.9, 0.9)) -> Pose:
    """A level left upper arm and nothing else."""
    pose = change(person(320), State.LOST, *COCO17.keypoints)
    for name, x, score in zip(("left_shoulder", "left_elbow"), (200, 440), scores, strict=True):
        k = COCO17.index(name)
        pose.xy[k], pose.state[k], pose.score[k] = (x, 300), state, score
    return pose


def thickness(image: NDArray[np.uint8], x: int) -> float:
    """Of a level blue line, pixels, half covered ones counted as halves."""
    blue = np.abs(image[:, x, 0].astype(float) - GROUND[0])
    return float(blue.sum() / blue.max())


def test_a_sure_and_an_unsure_person_look_as_they_did() -> None:
    image = drawn(person(180), person(450, score=0.2, track_id=2))
    assert_looks_like(below_tags(image), "people_sure_and_unsure")


def test_what_is_predicted_is_thin_and_hollow_and_what_is_lost_is_not_there() -> None:
    half = change(person(180), State.PREDICTED, "left_knee", "left_ankle", "right_wrist", "nose")
    gone = change(person(450), State.LOST, "left_wrist", "right_hip", "right_knee", "right_ankle")
    assert_looks_like(below_tags(drawn(half, gone)), "people_predicted_and_lost")


def test_in_a_mirror_the_skeleton_moves_and_keeps_its_colours() -> None:
    poses = person(180), change(person(450), State.LOST, "left_wrist", "right_ankle")
    plain, mirror = drawn(*poses), drawn(*poses, is_mirrored=True)
    # Mirrored back, the drawing lies where it was.
    assert_alike(cells(below_tags(mirrored(mirror))), cells(below_tags(plain)), most=16)
    assert tuple(mirror[262, HW[1] - 1 - (180 + 104)].tolist()) == BLUE
    assert tuple(plain[262, 180 + 104].tolist()) == BLUE


def test_every_limb_is_drawn_between_its_two_keypoints() -> None:
    pose = person(320)
    image = drawn(pose)
    for a, b in COCO17.limbs:
        middle = (pose.xy[a] + pose.xy[b]) / 2
        x, y = np.rint(middle).astype(int)
        around = image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
        names = f"{COCO17.keypoints[a]} to {COCO17.keypoints[b]}"
        assert (np.abs(around.astype(int) - GROUND).max(axis=1) > 60).any(), names


def test_left_is_blue_right_is_orange_and_the_middle_is_white() -> None:
    pose = person(320)
    image = drawn(pose)
    for name, colour in (("left_wrist", BLUE), ("right_knee", ORANGE), ("nose", WHITE)):
        x, y = pose.xy[COCO17.index(name)].astype(int)
        assert tuple(image[y, x].tolist()) == colour, name


@pytest.mark.parametrize(
    ("scores", "share"),
    [((0.9, 0.9), 1.0), ((0.7, 0.7), 1.0), ((0.35, 0.35), 0.75), ((0.9, 0.0), 0.5)],
)
def test_a_limb_is_as_bright_as_its_less_sure_end(
    scores: tuple[float, float], share: float
) -> None:
    middle = drawn(arm(scores=scores))[300, 320]
    np.testing.assert_allclose(middle, np.multiply(BLUE, share), atol=4)


def test_a_predicted_arm_is_a_dim_thin_line_between_two_rings() -> None:
    image = drawn(arm(State.PREDICTED))
    np.testing.assert_allclose(image[300, 320], np.multiply(BLUE, 0.68), atol=9)
    assert thickness(image, 320) < 2.9
    assert thickness(drawn(arm()), 320) > 3.6
    # The ring's own pixels, above and below the line.
    ring = np.concatenate((image[290:298, 430:451], image[303:311, 430:451]))
    assert 168 < ring[..., 0].max() < 205
    assert tuple(image[302, 442].tolist()) == GROUND


def test_a_dot_has_a_dark_edge_so_that_it_is_seen_on_anything() -> None:
    pose = person(320)
    image = drawn(pose)
    x, y = pose.xy[COCO17.index("left_wrist")].astype(int)
    across = image[y, x - 8 : x + 9].max(axis=1)
    assert (across[[3, 13]] < 75).all(), across
    assert across[8] == max(BLUE)


@pytest.mark.parametrize("height", [360, 720, 1440])
def test_lines_and_dots_grow_with_the_picture(height: int) -> None:
    pose = arm()
    pose.xy[:] *= height / 720
    image = drawn(pose, hw=(height, height * 4 // 3))
    x, y = np.rint(pose.xy[COCO17.index("left_shoulder")]).astype(int)
    radius = int((image[y:, x] != GROUND).any(axis=1).sum())  # above is the tag
    # A soft edge on both sides adds one to two pixels.
    thick = thickness(image, round(320 * height / 720))
    assert thick == pytest.approx(height / 180 + 1.4, abs=0.7)
    assert radius == pytest.approx(height / 130 + 2, abs=1.1)


def tag_of(pose: Pose) -> Block:
    (tag,) = [block for block in blocks(drawn(pose), GROUND) if block.box_bgr == (51, 51, 51)]
    return tag


def test_a_tag_with_id_and_score_stands_above_the_head() -> None:
    pose = person(320, track_id=7)
    tag = tag_of(pose)
    assert tag.y + tag.height < HEAD_Y
    assert tag.y > 40
    assert tag.rows == 1
    assert tag.ink > 30
    assert 280 < tag.x < 341 < tag.x + tag.width < 450
    hidden = person(320, score=0.0, track_id=7)
    assert tag_of(hidden).width > 1.2 * tag.width  # "hidden" is longer than "90%"


def test_nobody_to_be_seen_leaves_the_picture_as_it_is() -> None:
    nobody = change(person(320), State.LOST, *COCO17.keypoints)
    assert (drawn(nobody) == GROUND).all()


def plain_crops() -> Crops:
    """Of a frame that shows nothing, without a crop."""
    image: NDArray[np.uint8] = np.full((*HW, 3), GROUND, np.uint8)
    nobody = np.empty((0, len(COCO17), 3))
    return Crops(Frame(image, 0, 0.0, 0.0), [], [], np.empty((0, 1, 1, 3), np.uint8), nobody)


def test_a_picture_that_is_saved_shows_what_is_recorded_as_the_camera_saw_it() -> None:
    crops = plain_crops()
    result = TrackedFrame(crops, [person(200)], drawn=[person(240)])
    saved = result.painter()()
    np.testing.assert_array_equal(saved, drawn(person(200)))
    np.testing.assert_array_equal(result.painter(is_predicted=True)(), drawn(person(240)))
    np.testing.assert_array_equal(
        result.painter(is_mirrored=True)(), drawn(person(200), is_mirrored=True)
    )
    assert (crops.frame.image_bgr == GROUND).all(), "the picture itself stays clean"
    result.drawn = None
    np.testing.assert_array_equal(result.painter(is_predicted=True)(), saved)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_angles_that_are_measured_are_written_into_what_is_shown_and_saved(
    *, is_mirrored: bool
) -> None:
    crops = plain_crops()
    angles = np.tile((120.0, 5.0), (len(NAMES), 1))
    plain, written = (
        TrackedFrame(crops, [person(200)], shown).painter(is_mirrored=is_mirrored)()
        for shown in ((), (angles,))
    )
    # Of all the text, as far from the middle as its joints, on the side of the person.
    _, columns = np.nonzero((plain != written).any(axis=2))
    assert len(columns) > 500
    assert (columns.mean() < HW[1] / 2) is not is_mirrored
