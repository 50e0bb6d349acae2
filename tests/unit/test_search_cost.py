"""What a search may cost while people are followed, in crops a frame."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.fake_engine import FAKE_SPEC, FakeEngine
from realtime.datatypes import Frame
from realtime.pipeline import Pipeline
from tests.unit.test_tracking import World, person


class Timed(FakeEngine):
    """Says how long a crop took, without waiting."""

    each_ms = 1.0
    crops = 1

    def start(self, crops: NDArray[np.uint8]) -> None:
        self.crops = len(crops)
        super().start(crops)

    @property
    def took_ms(self) -> float:
        return self.each_ms * self.crops


def _calls(
    *, fps: float, seconds: float, followed: int, persons: int, each_ms: float | None = None
) -> list[int]:
    """Crops in each frame after the first, while somebody is searched for in vain."""
    world = World()
    world.people = [person(300)][:followed]
    engine = Timed(FAKE_SPEC, answer=world.answer)
    engine.each_ms = each_ms or 1.0
    pace = {} if each_ms is None else {"is_paced": True}  # a file, or a camera
    pipeline = Pipeline(engine, persons=persons, **pace)
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


def test_what_cutting_the_crops_took_is_told_in_milliseconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline(FakeEngine())
    image = np.zeros((360, 640, 3), np.uint8)
    pipeline.process(Frame(image, 0, 0.0, 0.0))
    clock = count(50.0, 0.004)
    monkeypatch.setattr("realtime.pipeline.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert pipeline.prepare(Frame(image, 1, 0.1, 0.1)).crop_ms == pytest.approx(4.0)
