"""Who cuts a frame's crops, and what an engine that may do it is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.base import Uncut, cut_all
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.crop import cut, place_crop
from steadypose.realtime.tracking.cutting import Cutting

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
BOXES = [BBox(20, 10, 60, 90), BBox(90, 30, 120, 100)]


class OwnCrops(FakeEngine):
    """Cuts itself, as a GPU does; notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cutting = True
        self.staged: list[Uncut] = []
        self.started: list[Uncut] = []

    def taken(self) -> list[Uncut]:
        """What was started since the last call."""
        given, self.started = self.started, []
        return given

    def stage(self, part: Uncut) -> None:
        self.staged.append(part)

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        self.started += parts
        self.start(cut_all(parts, self.spec.input_hw))


@pytest.fixture
def engine() -> OwnCrops:
    return OwnCrops()


def by_the_cpu(cutting: Cutting) -> NDArray[np.uint8]:
    part = Uncut(IMAGE, [cutting.place(box) for box in BOXES], cut)
    return cut_all([part], (64, 48))


def test_an_engine_that_cuts_gets_the_frame_and_the_places(engine: OwnCrops) -> None:
    cutting = Cutting(engine, 4)
    cutting.expect(BOXES)
    places = [cutting.place(box) for box in BOXES]
    batch = cutting.make(IMAGE, places)
    assert isinstance(batch, Uncut)
    assert batch.image_bgr is IMAGE
    assert batch.places == places
    assert batch.usual == [place_crop(box, size_hw=(64, 48), padding=1.0) for box in BOXES]
    assert engine.staged == []
    found = cutting.infer(batch)
    assert engine.started == [batch]
    np.testing.assert_array_equal(found, FakeEngine().infer(by_the_cpu(cutting)))


def test_before_it_has_been_told_no_place_is_usual(engine: OwnCrops) -> None:
    batch = Cutting(engine, 4).make(IMAGE, [])
    assert isinstance(batch, Uncut)
    assert list(batch.usual) == []


def test_a_batch_that_waits_for_its_turn_is_prepared_if_there_is_something_in_it(
    engine: OwnCrops,
) -> None:
    cutting = Cutting(engine, 4)
    cutting.make(IMAGE, [], is_early=True)
    assert engine.staged == []
    batch = cutting.make(IMAGE, [cutting.place(BOXES[0])], is_early=True)
    assert engine.staged == [batch]


def test_an_engine_that_cuts_no_more_gets_crops(engine: OwnCrops) -> None:
    cutting = Cutting(engine, 4)
    engine.is_cutting = False
    batch = cutting.make(IMAGE, [cutting.place(box) for box in BOXES], is_early=True)
    assert isinstance(batch, np.ndarray)
    np.testing.assert_array_equal(batch, by_the_cpu(cutting))
    assert engine.staged == []


def test_crops_of_the_frame_before_stay_while_the_next_are_cut() -> None:
    cutting = Cutting(FakeEngine(), 4)
    places = [cutting.place(box) for box in BOXES]
    first, second = (
        np.asarray(cutting.make(picture, places)) for picture in (IMAGE, np.zeros_like(IMAGE))
    )
    np.testing.assert_array_equal(first, by_the_cpu(cutting))
    assert not second.any()
    assert np.shares_memory(first, np.asarray(cutting.make(IMAGE, places))), "and no longer"
