"""Who is who over time, with an engine that knows the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import BBox, Frame, State
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.sources.mannequin_motion import pose_at
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.roster import CANDIDATES, LOST_AFTER_S
from steadypose.realtime.tracking.search_windows import scan_windows
from steadypose.realtime.tracking.tracker import Tracker

HW = (360, 640)
K = len(COCO17)


class World:
    """People with known poses, and an engine that sees who is in a crop.

    The frame's pixels carry x and y, so a crop tells the engine where it was cut.
    """

    def __init__(self) -> None:
        yy, xx = np.mgrid[: HW[0], : HW[1]]
        self.image = np.zeros((*HW, 3), np.uint8)
        self.image[..., 0] = xx * 255 // HW[1]
        self.image[..., 1] = yy * 255 // HW[0]
        self.image[..., 2] = 255
        self.people: list[NDArray[np.float64]] = []
        self.calls: list[int] = []
        self.engine = FakeEngine(FAKE_SPEC, answer=self.answer)

    def answer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls.append(len(crops))
        found = np.zeros((len(crops), K, 3), np.float32)
        for row, crop in enumerate(crops):
            found[row] = self.look(crop.astype(float))
        return found

    def look(self, crop: NDArray[np.float64]) -> NDArray[np.float32]:
        """The person who fills the crop best, in crop pixels; low scores where nobody does."""
        h, w = FAKE_SPEC.input_hw
        result = np.full((K, 3), 0.05, np.float32)
        inside = crop[..., 2] > 200
        if min(inside.any(axis=0).sum(), inside.any(axis=1).sum()) < 8:
            return result
        vs, us = np.nonzero(inside)
        fx = np.polyfit(us, crop[inside][:, 0] * HW[1] / 255, 1)
        fy = np.polyfit(vs, crop[inside][:, 1] * HW[0] / 255, 1)
        best = 0.0
        for person in self.people:
            u, v = (person[:, 0] - fx[1]) / fx[0], (person[:, 1] - fy[1]) / fy[0]
            seen = (u > 0) & (u < w) & (v > 0) & (v < h)
            extent = (v.max() - v.min()) / h
            fit = seen.mean() * min(extent / 0.75, 0.75 / extent)
            off = np.hypot(u.mean() - w / 2, v.mean() - h / 2) / h
            value = fit - off
            if value > best and seen.mean() > 0.7 and 0.35 < extent < 1.4:
                best = value
                result[:, 0], result[:, 1] = u, v
                result[:, 2] = np.where(seen, 0.85 * min(1.0, 0.4 + fit), 0.1)
        return result


def person(x: float, *, height: float = 260.0, floor: float = 330.0) -> NDArray[np.float64]:
    return pose_at(0.0) * height + (x, floor)


def run(
    pipeline: Pipeline, world: World, index: int, fps: float = 30.0
) -> dict[int, NDArray[np.float64]]:
    poses = pipeline.process(Frame(world.image, index, index / fps, 0.0))
    return {pose.track_id: pose.xy for pose in poses}


def test_a_person_is_found_in_the_very_first_frame() -> None:
    world = World()
    world.people = [person(300)]
    poses = run(Pipeline(world.engine), world, 0)
    assert list(poses) == [1]
    np.testing.assert_allclose(poses[1], world.people[0], atol=12)


def test_two_people_are_measured_in_the_very_first_frame_and_taken_as_they_are() -> None:
    world = World()
    world.people = [person(150), person(480)]
    pipeline = Pipeline(world.engine, persons=2)
    poses = pipeline.process(Frame(world.image, 0, 0.0, 0.0))
    assert [pose.track_id for pose in poses] == [1, 2]
    for pose in poses:
        seen = pose.state == State.MEASURED
        assert seen.sum() > 12
        np.testing.assert_allclose(pose.xy[seen], pose.raw_xy[seen])


def test_with_one_person_wanted_the_larger_is_followed() -> None:
    world = World()
    world.people = [person(520, height=150, floor=250), person(250, height=290)]
    poses = run(Pipeline(world.engine, persons=1), world, 0)
    assert list(poses) == [1]
    assert abs(float(np.mean(poses[1][:, 0])) - 250) < 40


def test_following_one_person_costs_one_crop_per_frame() -> None:
    world = World()
    world.people = [person(300)]
    pipeline = Pipeline(world.engine)
    run(pipeline, world, 0)
    world.calls.clear()
    for i in range(1, 30):
        run(pipeline, world, i)
    assert world.calls == [1] * 29


@pytest.mark.parametrize("followed", [0, 1])
def test_searching_never_halves_the_frame_rate(followed: int) -> None:
    world = World()
    world.people = [person(300)][:followed]
    pipeline = Pipeline(world.engine, persons=2)
    run(pipeline, world, 0)
    world.calls.clear()
    for i in range(1, 91):
        run(pipeline, world, i)
    assert sum(world.calls) < 2 * 90 * max(1, followed)
    assert sum(world.calls) > 90 * max(1, followed) - 1  # and it does search


@pytest.mark.parametrize("x", [90.0, 320.0, 560.0])
def test_a_new_person_is_picked_up_within_a_second(x: float) -> None:
    world = World()
    pipeline = Pipeline(world.engine)
    for i in range(10):
        assert run(pipeline, world, i) == {}
    world.people = [person(x)]
    frames = next(i for i in range(60) if run(pipeline, world, 10 + i))
    assert frames / 30 <= 1.0


def test_a_second_person_is_picked_up_within_a_second_beside_the_first() -> None:
    world = World()
    world.people = [person(150)]
    pipeline = Pipeline(world.engine, persons=2)
    for i in range(20):
        run(pipeline, world, i)
    world.people.append(person(480))
    frames = next(i for i in range(90) if len(run(pipeline, world, 20 + i)) == 2)
    assert frames / 30 <= 1.0 + 1 / 30


def test_a_lost_person_is_dropped_after_the_stated_time_and_ids_are_not_reused() -> None:
    world = World()
    world.people = [person(300)]
    pipeline = Pipeline(world.engine)
    for i in range(10):
        run(pipeline, world, i)
    people, world.people = world.people, []
    gone = next(i for i in range(90) if not run(pipeline, world, 10 + i))
    assert LOST_AFTER_S <= (gone + 1) / 30 <= LOST_AFTER_S + 0.1
    world.people = people
    for i in range(40):
        poses = run(pipeline, world, 120 + i)
    assert list(poses) == [2]


def test_a_short_occlusion_keeps_the_id_and_says_predicted_then_lost() -> None:
    world = World()
    world.people = [person(300)]
    pipeline = Pipeline(world.engine)
    for i in range(10):
        run(pipeline, world, i)
    people, world.people = world.people, []
    states = []
    for i in range(10, 34):
        pose = pipeline.process(Frame(world.image, i, i / 30, 0.0))[0]
        states.append(int(pose.state[5]))
        assert np.isnan(pose.raw_xy).all()
        assert np.isnan(pose.xy[5]).all() == (pose.state[5] == State.LOST)
    assert states[0] == State.PREDICTED
    assert states[-1] == State.LOST
    world.people = people
    assert list(run(pipeline, world, 34)) == [1]


def test_two_people_keep_their_ids_while_they_pass_each_other() -> None:
    world = World()
    pipeline = Pipeline(world.engine, persons=2)
    ids: list[tuple[int, int]] = []
    for i in range(120):
        a, b = person(120 + 3.4 * i), person(520 - 3.4 * i, height=225, floor=315)
        world.people = [a, b]
        poses = run(pipeline, world, i)
        if i in {5, 119}:
            assert len(poses) == 2
            near = [min(poses, key=lambda t: np.nanmean(np.abs(poses[t] - p))) for p in (a, b)]
            ids.append((near[0], near[1]))
    assert ids[0] == ids[1]


@pytest.mark.parametrize("speed", [-32, -16, -8, 4, 8, 16, 32])
def test_a_person_who_walks_out_is_dropped_and_no_box_runs_away(speed: int) -> None:
    world = World()
    pipeline = Pipeline(world.engine)
    for i in range(10 + 900 // abs(speed)):
        world.people = [person(320 + speed * i)]
        run(pipeline, world, i)
        for track in pipeline.tracker.tracks:
            assert -0.25 * HW[1] <= track.box.x1 < track.box.x2 <= 1.25 * HW[1]
    for i in range(40):
        run(pipeline, world, 10 + 900 // abs(speed) + i)
    assert pipeline.poses() == []


def test_of_two_people_of_one_size_the_central_is_followed() -> None:
    world = World()
    world.people = [person(90, height=262), person(330, height=260)]
    poses = run(Pipeline(world.engine, persons=1), world, 0)
    assert abs(float(np.nanmean(poses[1][:, 0])) - 330) < 40


def test_a_newcomer_takes_the_place_of_one_who_left_within_a_second() -> None:
    world = World()
    world.people = [person(150)]
    pipeline = Pipeline(world.engine)
    for i in range(10):
        run(pipeline, world, i)
    world.people = [person(480)]
    frames = next(i for i in range(90) if 2 in run(pipeline, world, 10 + i))
    assert frames / 30 <= 1.0
    assert list(run(pipeline, world, 11 + frames)) == [2]


@pytest.mark.parametrize("fps", [5.0, 10.0, 15.0, 25.0])
def test_on_a_slow_camera_a_new_person_is_still_picked_up_within_a_second(fps: float) -> None:
    world = World()
    pipeline = Pipeline(world.engine, is_paced=True)
    pipeline._crop_ms = 5.0  # an engine with time to spare
    for i in range(10):
        pipeline._crop_ms = 5.0
        run(pipeline, world, i, fps)
    world.people = [person(560)]

    def step(i: int) -> bool:
        pipeline._crop_ms = 5.0
        return bool(run(pipeline, world, 10 + i, fps))

    frames = next(i for i in range(90) if step(i))
    assert frames / fps <= 1.0


def test_raw_poses_are_what_the_network_said() -> None:
    world = World()
    world.people = [person(300)]
    pipeline = Pipeline(world.engine)
    for i in range(5):
        run(pipeline, world, i)
    raw = pipeline.poses(is_smooth=False)[0]
    seen = raw.score >= 0.2
    np.testing.assert_array_equal(raw.xy[seen], raw.raw_xy[seen])
    assert np.isnan(raw.xy[~seen]).all()


def test_ahead_and_straight_order_follow_the_same_people() -> None:
    """A file's frame is prepared one frame early; the poses stay close."""
    world = World()
    tracks = []
    for is_ahead in (False, True):
        pipeline = Pipeline(world.engine, smoother=KalmanSmoother(1 + CANDIDATES, K))
        poses = []
        waiting = None
        world.people = [person(200)]
        frames = [Frame(world.image, i, i / 30, 0.0) for i in range(40)]
        ready = pipeline.prepare(frames[0])
        for i in range(40):
            batch = ready
            world.people = [person(200 + 2.0 * i)]
            pipeline.start(batch)
            if waiting is not None:
                pipeline.complete(*waiting)
                poses.append(pipeline.poses()[0].xy)
            if is_ahead and i < 39:
                ready = pipeline.prepare(frames[i + 1])
            waiting = (batch, pipeline.finish(batch))
            if not is_ahead:
                pipeline.complete(*waiting)
                poses.append(pipeline.poses()[0].xy)
                waiting = None
                if i < 39:
                    ready = pipeline.prepare(frames[i + 1])
        tracks.append(poses[-1])
    np.testing.assert_allclose(tracks[0], tracks[1], atol=8)


class Crowd(World):
    """The same, with a network that answers with everybody in a crop."""

    def __init__(self, others: int = 3) -> None:
        super().__init__()
        self.others = others
        self.engine = FakeEngine(replace(FAKE_SPEC, others=others), answer=self.answer)

    def answer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls.append(len(crops))
        found = np.zeros((len(crops), 1 + self.others, K, 3), np.float32)
        everybody = self.people
        for row, crop in enumerate(crops):
            found[row, 0] = self.look(crop.astype(float))
            for n, somebody in enumerate(everybody[: self.others]):
                self.people = [somebody]
                found[row, 1 + n] = self.look(crop.astype(float))
            self.people = everybody
        return found.reshape(len(crops), -1, 3)


def test_three_people_are_found_in_the_windows_of_the_first_call() -> None:
    world = Crowd()
    world.people = [person(x, height=200) for x in (180, 310, 440)]
    pipeline = Pipeline(world.engine, persons=3)
    assert len(run(pipeline, world, 0)) == 3
    assert world.calls == [8, 3, 3, 3]


class Beside(Crowd):
    """Windows show the first person; everybody else only as somebody further in them."""

    def answer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = super().answer(crops).reshape(len(crops), 1 + self.others, K, 3)
        if len(crops) > 3:  # windows, no closer looks
            everybody, self.people = self.people, self.people[:1]
            found[:, 0] = [self.look(crop.astype(float)) for crop in crops]
            self.people = everybody
        return found.reshape(len(crops), -1, 3)


def test_who_is_seen_only_beside_somebody_else_is_found_in_the_first_frame_too() -> None:
    world = Beside()
    world.people = [person(180), person(460)]
    found = run(Pipeline(world.engine, persons=2), world, 0)
    assert sorted(round(float(xy[:, 0].mean()), -1) for xy in found.values()) == [180, 460]


def test_the_first_search_ends_where_enough_people_are_found() -> None:
    crops = {}
    for wanted in (1, 3):
        world = Crowd()
        world.people = [person(310)]
        assert list(run(Pipeline(world.engine, persons=wanted), world, 0)) == [1]
        crops[wanted] = sum(world.calls)
    windows = len(scan_windows(HW, FAKE_SPEC.input_hw))
    assert crops[1] < 8 + 2 * 4 + 2
    assert crops[3] > windows


def test_a_window_s_further_people_that_look_like_nobody_start_nothing() -> None:
    world = Crowd()
    pipeline = Pipeline(world.engine, persons=2)
    for i in range(40):
        run(pipeline, world, i)
        assert pipeline.tracker.tracks == []


@pytest.mark.parametrize("is_rough", [False, True])
def test_one_good_sight_of_somebody_lost_is_looked_at_again_where_it_was(*, is_rough: bool) -> None:
    tracker = Tracker(1, COCO17, KalmanSmoother(1 + CANDIDATES, K))
    nobody, unseen = np.zeros((0, K, 3)), np.zeros((1, K, 3))

    def seen(x: float) -> NDArray[np.float64]:
        return np.concatenate((person(x), np.full((K, 1), 0.9)), axis=1)[None]

    def step(i: int, found: NDArray[np.float64], *windows: NDArray[np.float64]) -> BBox:
        (box,) = tracker.boxes(i / 30, HW) or [BBox(0, 0, 1, 1)]
        tracker.update(i / 30, list(tracker.tracks), found, *windows)
        return box

    step(0, nobody, seen(300))
    for i in range(1, 6):
        step(i, seen(300), nobody)
    for i in range(6, 16):
        step(i, unseen, nobody)
    searched = step(16, unseen, *((nobody, seen(330)) if is_rough else (seen(330), nobody)))
    assert tracker.confirmed[0].misses == 11  # one look from afar is not believed
    middle = (person(330)[:, 0].min() + person(330)[:, 0].max()) / 2
    box = step(17, seen(330), nobody)
    assert box.center_xy[0] == pytest.approx(middle, abs=10)
    assert box.height >= searched.height  # so far may the person be from where it was
    assert box.height <= 1.05 * searched.height
    assert box.width <= 1.05 * searched.width
    step(18, seen(330), nobody)
    assert [pose.track_id for pose in tracker.poses(is_smooth=True)] == [1]
    assert tracker.confirmed[0].misses == 0


def test_what_a_window_shows_roughly_never_measures_whoever_is_followed() -> None:
    tracker = Tracker(1, COCO17, KalmanSmoother(1 + CANDIDATES, K))
    clear = np.concatenate((person(300), np.full((K, 1), 0.9)), axis=1)[None]
    tracker.boxes(0.0, HW)
    tracker.update(0.0, [], clear[:0], clear)
    rough = clear + np.array((6.0, 0.0, 0.09))
    for i in range(1, 4):
        tracker.boxes(i / 30, HW)
        tracker.update(i / 30, list(tracker.tracks), clear, clear[:0], rough)
    (pose,) = tracker.poses(is_smooth=False)
    np.testing.assert_array_equal(pose.raw_xy, clear[0, :, :2])


class Doubled(Crowd):
    """Beside the person, the network roughly places the same one a little to the right."""

    def answer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = super().answer(crops).reshape(len(crops), 1 + self.others, K, 3)
        found[:, 1] = found[:, 0]
        found[:, 1, :, 0] += 12
        found[:, 2:] = 0
        return found.reshape(len(crops), -1, 3)


def test_the_crop_of_somebody_who_is_seen_does_not_follow_a_rough_place() -> None:
    boxes = []
    for world in (World(), Doubled()):
        world.people = [person(300)]
        pipeline = Pipeline(world.engine, persons=2)  # the second one is searched for
        centers = []
        for index in range(40):
            run(pipeline, world, index)
            centers.append(pipeline.tracker.tracks[0].box.center_xy)
        assert any(count > 1 for count in world.calls[1:])
        boxes.append(centers)
    np.testing.assert_allclose(boxes[0], boxes[1], atol=1e-6)


def test_who_flashes_up_in_every_second_frame_is_not_taken_for_the_lost_person() -> None:
    """Two good frames in a row are asked for, however many there are with gaps between them."""
    world = World()
    pipeline = Pipeline(world.engine)
    shown = [True] * 10 + [False] * 5 + [True, False] * 8 + [True, True]
    measured = []
    for index, is_there in enumerate(shown):
        world.people = [person(300)] if is_there else []
        (pose,) = pipeline.process(Frame(world.image, index, index / 30, 0.0))
        measured.append(bool((pose.state == State.MEASURED).any()))
    assert measured == [True] * 10 + [False] * 22 + [True]
