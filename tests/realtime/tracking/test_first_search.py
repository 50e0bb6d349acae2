"""What is found in the very first frame, and after the picture changed its size."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.tracking.pipeline import Pipeline
from tests.realtime.tracking.test_tracking import World, person
from tests.support.following import K, figure


def _show(pipeline: Pipeline, image: NDArray[np.uint8], index: int) -> list[float]:
    """One frame; returns where the people who are followed stand."""
    poses = pipeline.process(Frame(image, index, index / 30, 0.0))
    return [float(np.nanmean(pose.xy[:, 0])) for pose in poses]


@pytest.mark.parametrize("x", [45, 180, 320, 460, 595])
@pytest.mark.parametrize(("height", "floor"), [(260, 330), (110, 130), (110, 340)])
def test_somebody_anywhere_is_found_in_the_very_first_frame(
    x: int, height: int, floor: int
) -> None:
    world = World()
    world.people = [person(x, height=height, floor=floor)]
    found = _show(Pipeline(world.engine), world.image, 0)
    assert found == pytest.approx([np.mean(world.people[0][:, 0])], abs=8)


class Whole(World):
    """Sees only who is whole in a crop and fills a good part of its width."""

    def look(self, crop: NDArray[np.float64]) -> NDArray[np.float32]:
        result = np.full((K, 3), 0.05, np.float32)
        h, w = FAKE_SPEC.input_hw
        inside = crop[..., 2] > 200
        if min(inside.any(axis=0).sum(), inside.any(axis=1).sum()) < 8:
            return result
        vs, us = np.nonzero(inside)
        fx = np.polyfit(us, crop[inside][:, 0] * self.image.shape[1] / 255, 1)
        fy = np.polyfit(vs, crop[inside][:, 1] * self.image.shape[0] / 255, 1)
        u = (self.people[0][:, 0] - fx[1]) / fx[0]
        v = (self.people[0][:, 1] - fy[1]) / fy[0]
        if ((u > 0) & (u < w) & (v > 0) & (v < h)).all() and np.ptp(u) > 0.4 * w:
            result[:] = np.column_stack((u, v, np.full(K, 0.8)))
        return result


def test_somebody_who_lies_across_the_whole_picture_is_found_in_the_very_first_frame() -> None:
    world = Whole()
    lying = figure()[:, ::-1] * (560, 300) + (600, 200)
    world.people = [lying]
    found = _show(Pipeline(world.engine), world.image, 0)
    assert found == pytest.approx([np.mean(lying[:, 0])], abs=8)


def test_somebody_far_away_who_comes_later_is_found_in_one_of_the_small_windows() -> None:
    world = Whole()
    world.people = [person(-2000)]
    pipeline = Pipeline(world.engine)
    assert _show(pipeline, world.image, 0) == []
    world.people = [person(272, height=180, floor=200)]
    found: list[float] = []
    for index in range(1, 31):
        found = found or _show(pipeline, world.image, index)
    assert found == pytest.approx([272], abs=8)


@pytest.mark.parametrize("empty_frames", [1, 5, 9, 12, 14, 16])
def test_when_the_picture_gets_smaller_during_a_search_somebody_is_still_found(
    empty_frames: int,
) -> None:
    world = World()
    pipeline = Pipeline(world.engine)
    for index in range(empty_frames):
        assert _show(pipeline, world.image, index) == []
    world.people = [person(180)]
    narrow = np.ascontiguousarray(world.image[:, :360])
    found: list[float] = []
    for index in range(empty_frames, empty_frames + 30):
        found = found or _show(pipeline, narrow, index)
    assert found == pytest.approx([180], abs=12)


def test_when_the_picture_gets_larger_what_is_new_in_it_is_searched_too() -> None:
    world = World()
    pipeline = Pipeline(world.engine)
    _show(pipeline, np.ascontiguousarray(world.image[:, :360]), 0)
    world.people = [person(560)]
    found: list[float] = []
    for index in range(1, 31):
        found = found or _show(pipeline, world.image, index)
    assert found == pytest.approx([560], abs=12)


def test_when_the_picture_gets_smaller_a_person_who_is_in_it_stays_the_same() -> None:
    world = World()
    world.people = [person(180)]
    pipeline = Pipeline(world.engine)
    for index in range(10):
        _show(pipeline, world.image, index)
    narrow = np.ascontiguousarray(world.image[:, :360])
    for index in range(10, 20):
        poses = pipeline.process(Frame(narrow, index, index / 30, 0.0))
    assert [pose.track_id for pose in poses] == [1]
    np.testing.assert_allclose(poses[0].xy, world.people[0], atol=12)
