"""What must hold for whoever is followed, wherever, in whatever picture and at whatever times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import FloatArray, Pose, State
from tests.support.following import FPS, K, Stage, mirrored, person

HW = (1200, 2000)
FLIP = list(COCO17.flip_order)
Told = tuple[float, list[FloatArray], list[FloatArray]]  # seconds, crops, windows
fewer = settings(max_examples=8)


@dataclass(frozen=True, repr=False)
class Story:
    """Up to two people who walk about, with what the network says in each frame.

    Attributes:
        people: (F, P, K, 3) keypoints, also of frames in which somebody is missed.
        is_missed: (F, P) frames in which the network finds nobody there.
    """

    people: FloatArray
    is_missed: NDArray[np.bool_]

    def shown(self, frame: int) -> list[FloatArray]:
        """Who is found in a frame."""
        at = self.people[frame][~self.is_missed[frame]]
        return list(at)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Half a second in the middle of a large picture, with noise, missed frames and low scores."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    count, frames = draw(st.integers(1, 2)), 18
    people = np.zeros((frames, count, K, 3))
    for p in range(count):
        speed = draw(st.floats(-300, 300)) / FPS
        for f in range(frames):
            people[f, p] = person(700 + 600 * p + speed * f, height=300 - 130 * p, floor=800)
    people[..., :2] += rng.normal(0, 2, people[..., :2].shape)
    people[..., 2] = rng.uniform(0.5, 1.0, people.shape[:3])
    people[..., 2][rng.random(people.shape[:3]) < 0.05] = 0.1
    is_missed = rng.random((frames, count)) < draw(st.sampled_from([0.0, 0.1, 0.4]))
    is_missed[:2] = False  # seen twice in a row, so confirmed
    return Story(people, is_missed)


def _follow(
    story: Story, *, hw: tuple[int, int] = HW, is_reversed: bool = False
) -> list[list[Pose]]:
    stage = Stage(2, hw=hw)
    kept = []
    for frame in range(len(story.people)):
        people = story.shown(frame)
        if is_reversed:
            people = people[::-1]
            stage.tracker.tracks.reverse()
        windows = people if stage.tracker.roster.is_missing_someone else []
        kept.append(list(stage.show(people, windows=windows).values()))
    assert any(kept), "somebody is followed in every story"
    return kept


def _same(one: list[list[Pose]], other: list[list[Pose]], xy: list[list[FloatArray]]) -> None:
    """The same people in the same states, at places that are given for ``one``."""
    for before, after, places in zip(one, other, xy, strict=True):
        assert [p.track_id for p in before] == [p.track_id for p in after]
        for a, b, at in zip(before, after, places, strict=True):
            np.testing.assert_array_equal(a.state, b.state)
            np.testing.assert_allclose(b.xy, at, rtol=1e-6, atol=1e-6)


@fewer
@given(stories(), st.floats(-300, 300), st.floats(-300, 300))
def test_moving_the_picture_moves_the_poses(story: Story, dx: float, dy: float) -> None:
    one = _follow(story)
    moved = Story(story.people + np.array((dx, dy, 0.0)), story.is_missed)
    _same(one, _follow(moved), [[p.xy + np.array((dx, dy)) for p in poses] for poses in one])


@fewer
@given(stories(), st.sampled_from([0.25, 0.5, 1.5, 2.0, 4.0]))
def test_a_picture_of_another_resolution_scales_the_poses(story: Story, by: float) -> None:
    one = _follow(story)
    scaled = Story(story.people * np.array((by, by, 1.0)), story.is_missed)
    other = _follow(scaled, hw=(int(HW[0] * by), int(HW[1] * by)))
    _same(one, other, [[p.xy * by for p in poses] for poses in one])


@fewer
@given(stories())
def test_in_a_mirror_everybody_is_followed_alike_with_left_and_right_exchanged(
    story: Story,
) -> None:
    one = _follow(story)
    turned = Story(
        np.array([[mirrored(pose, HW[1]) for pose in people] for people in story.people]),
        story.is_missed,
    )
    for before, after in zip(one, _follow(turned), strict=True):
        assert [p.track_id for p in before] == [p.track_id for p in after]
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a.state, b.state[FLIP])
            wanted = (HW[1] - 1 - a.xy[:, 0], a.xy[:, 1])
            np.testing.assert_allclose(b.xy[FLIP], np.column_stack(wanted), atol=1e-6)


@fewer
@given(stories())
def test_in_which_order_people_are_looked_at_does_not_matter(story: Story) -> None:
    one = _follow(story)
    _same(one, _follow(story, is_reversed=True), [[p.xy for p in poses] for poses in one])


@fewer
@given(stories())
def test_a_frame_seen_twice_drops_nobody_and_shakes_nobody_who_is_seen(story: Story) -> None:
    stage = Stage(2, hw=HW)
    for frame in range(len(story.people)):
        people = story.shown(frame)
        stage.show(people, windows=people)
    seen = [track for track in stage.tracker.confirmed if not track.misses]
    before = {pose.track_id: pose for pose in stage.tracker.poses(is_smooth=True)}
    boxes = [track.box for track in seen]
    after = stage.show(people, windows=people, after_s=0.0)
    for track, box in zip(seen, boxes, strict=True):
        was, pose = before[track.track_id], after[track.track_id]
        np.testing.assert_array_equal(pose.state, was.state)
        step, left = np.abs(pose.xy - was.xy), np.abs(pose.raw_xy - was.xy)
        is_seen = pose.state == State.MEASURED
        assert (step[is_seen] <= left[is_seen] + 1.0).all()  # towards the network, no farther
        assert (step[pose.state == State.PREDICTED] == 0).all()
        assert track.box == box


@st.composite
def disorders(draw: st.DrawFn) -> list[Told]:
    """Times that jump to and fro, and poses that are no poses."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    steps = st.sampled_from([1 / 30, 1 / 30, 1 / 30, 0.0, 1e-9, -0.5, 0.3, 5.0, 1e5])
    told = []
    for _ in range(draw(st.integers(5, 25))):
        poses = np.stack([person(float(rng.uniform(0, 640)), score=1.0) for _ in range(6)])
        poses[..., 2] *= rng.choice([0.0, 0.3, 0.6, 0.9], (6, 1))
        is_wild = rng.random((6, K)) < 0.1
        poses[is_wild, :2] = rng.choice([-1e6, -3.0, 0.0, 1e6], (int(is_wild.sum()), 2))
        is_nothing = rng.random((6, K)) < 0.15
        poses[is_nothing] = (math.nan, math.nan, 0.0)
        told.append((draw(steps), list(poses[:5]), list(poses[5 - draw(st.integers(0, 1)) : 5])))
    return told


@settings(max_examples=30)
@given(disorders(), st.integers(1, 2))
def test_whatever_the_network_and_the_clock_say_a_measured_keypoint_is_a_place(
    told: list[Told], persons: int
) -> None:
    stage = Stage(persons)
    last_id = 0
    for after_s, crops, windows in told:
        boxes = stage.step(after_s)
        assert np.isfinite([(b.x1, b.y1, b.x2, b.y2) for b in boxes]).all()
        poses = stage.give(crops[: len(boxes)], windows)
        assert len(poses) <= persons
        new = [number for number in poses if number > last_id]
        last_id = max([last_id, *poses])
        assert new == sorted(new)
        for pose in poses.values():
            is_lost = pose.state == State.LOST
            assert np.isfinite(pose.xy[~is_lost]).all()
            assert np.isnan(pose.xy[is_lost]).all()
        for pose in stage.tracker.poses(is_smooth=False):
            assert np.isfinite(pose.xy[pose.state == State.MEASURED]).all()
        ahead = stage.tracker.poses_ahead(stage.time_s + 0.05)
        for pose, shown in zip(stage.tracker.poses(is_smooth=True), ahead, strict=True):
            assert np.isfinite(shown.xy[pose.state != State.LOST]).all()
            np.testing.assert_array_equal(shown.state, pose.state)
