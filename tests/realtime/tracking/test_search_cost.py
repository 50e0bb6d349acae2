"""What a search may cost while people are followed, in crops a frame."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FAKE_SPEC, FakeEngine
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.tracking.pipeline import Pipeline
from tests.realtime.tracking.test_tracking import World, person
from tests.support import following


class Timed(FakeEngine):
    """Says how long a crop took, without waiting."""

    each_ms = 1.0

    def start(self, crops: NDArray[np.uint8]) -> None:
        self.took_ms = self.each_ms * len(crops)
        super().start(crops)


def _calls(
    *, fps: float, seconds: float, followed: int, persons: int, each_ms: float | None = None
) -> list[int]:
    """Crops in each frame after the first, while somebody is searched for in vain."""
    world = World()
    world.people = [person(300)][:followed]
    engine = Timed(FAKE_SPEC, answer=world.answer)
    engine.each_ms = each_ms or 1.0
    if each_ms is None:  # a file
        pipeline = Pipeline(engine, persons=persons)
    else:
        pipeline = Pipeline(engine, persons=persons, is_paced=True)
    for index in range(1 + round(fps * seconds)):
        poses = pipeline.process(Frame(world.image, index, index / fps, 0.0))
        if index == 0:
            assert len(poses) == followed
            world.calls.clear()
    return world.calls


def test_beside_one_followed_person_a_search_costs_two_crops_in_three_frames() -> None:
    calls = _calls(fps=30, seconds=3, followed=1, persons=2)
    assert sum(calls) - len(calls) == pytest.approx(60, abs=2)


def test_a_fast_camera_searches_the_whole_picture_in_seven_tenths_of_a_second_no_faster() -> None:
    calls = _calls(fps=60, seconds=2.1, followed=1, persons=2)
    assert sum(calls) - len(calls) == pytest.approx(3 * 17, abs=3)


@pytest.mark.parametrize("fps", [10, 30])
def test_while_nobody_is_there_a_frame_costs_one_crop_as_if_somebody_were(fps: int) -> None:
    assert set(_calls(fps=fps, seconds=2, followed=0, persons=1)) == {1}


def test_a_slow_camera_gives_half_of_the_time_between_frames_to_the_search() -> None:
    calls = _calls(fps=5, seconds=8, followed=1, persons=2, each_ms=40.0)
    # Half of 200 ms are 2.5 crops; one of them follows.
    assert np.mean(calls) == pytest.approx(2.5, abs=0.1)


def test_no_frame_waits_for_more_than_eight_windows() -> None:
    calls = _calls(fps=2, seconds=8, followed=1, persons=2, each_ms=1.0)
    assert max(calls) == 1 + 8


class Chairs(World):
    """What stands in the right half looks a little like people."""

    def look(self, crop: NDArray[np.float64]) -> NDArray[np.float32]:
        found = super().look(crop)
        found[:, 2] *= 0.55 if crop[..., 0].mean() > 0.5 * 255 else 1.0
        return found


def test_chairs_that_look_a_little_like_people_make_no_frame_dearer() -> None:
    world = Chairs()
    world.people = [person(150), person(420), person(560)]
    pipeline = Pipeline(world.engine, persons=4)
    for index in range(91):
        poses = pipeline.process(Frame(world.image, index, index / 30, 0.0))
        if index == 0:
            world.calls.clear()
    assert len(poses) == 1
    assert sum(world.calls) - 90 == pytest.approx(60, abs=2)


def test_who_had_no_closer_look_yet_comes_before_who_was_looked_at_in_vain() -> None:
    pipeline = Pipeline(FakeEngine(FAKE_SPEC, answer=World().answer), persons=2)
    frames = [Frame(np.zeros((360, 640, 3), np.uint8), n, n / 30, 0.0) for n in range(2)]
    pipeline.process(frames[0])
    two = np.stack([following.person(150), following.person(450, height=200)])
    pipeline.tracker.update(0.0, [], two[:0], two)
    larger, smaller = pipeline.tracker.tracks
    larger.misses = 1
    assert pipeline.prepare(frames[1]).tracks == [smaller]


@pytest.mark.parametrize("hw", [(360, 640), (360, 480), (360, 360), (300, 150)])
def test_while_nobody_is_there_every_window_has_its_turn(hw: tuple[int, int]) -> None:
    """Whatever the shape of the picture; a pixel tells where it lies."""
    seen: list[tuple[float, ...]] = []

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.extend(tuple(crop.mean(axis=(0, 1)).round(1)) for crop in crops)
        return np.zeros((len(crops), 17, 3), np.float32)

    image = World().image[: hw[0], : hw[1]].copy()
    pipeline = Pipeline(FakeEngine(FAKE_SPEC, answer=answer))
    pipeline.process(Frame(image, 0, 0.0, 0.0))
    everywhere = set(seen)
    seen.clear()
    for index in range(1, len(everywhere) + 1):
        pipeline.process(Frame(image, index, index / 30, 0.0))
    assert set(seen) == everywhere
    assert len(seen) == len(everywhere)


def test_what_cutting_the_crops_took_is_told_in_milliseconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline(FakeEngine())
    image = np.zeros((360, 640, 3), np.uint8)
    pipeline.process(Frame(image, 0, 0.0, 0.0))
    clock = count(50.0, 0.004)
    monkeypatch.setattr(
        "steadypose.realtime.tracking.pipeline.time",
        SimpleNamespace(perf_counter=lambda: next(clock)),
    )
    assert pipeline.prepare(Frame(image, 1, 0.1, 0.1)).crop_ms == pytest.approx(4.0)
