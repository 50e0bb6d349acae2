"""Which crops a frame has, place by place, as an engine is told them that cuts them itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.base import Uncut
from steadypose.engines.errors import UsageError
from steadypose.realtime.datatypes import BBox, Frame
from steadypose.realtime.tracking.crop import CropTransform, place_crop
from steadypose.realtime.tracking.pipeline import _SCAN_BATCH, Pipeline
from steadypose.realtime.tracking.region import Region
from steadypose.realtime.tracking.search_windows import scan_windows
from tests.realtime.tracking.test_who_cuts import OwnCrops

HW, CROP_HW = (360, 640), (64, 48)
BLACK = np.zeros((*HW, 3), np.uint8)  # in which nobody is found: the stand-in's score is 0


def placed(windows: list[BBox]) -> list[CropTransform]:
    return [place_crop(window, size_hw=CROP_HW, padding=1.0) for window in windows]


WINDOWS = placed(scan_windows(HW, CROP_HW))


def show(
    pipeline: Pipeline, count: int, *, image: NDArray[np.uint8] = BLACK, first: int = 0
) -> list[Uncut]:
    engine = pipeline.engine
    assert isinstance(engine, OwnCrops)
    engine.taken()
    for index in range(first, first + count):
        pipeline.process(Frame(image, index, index / 30, 0.0))
    return engine.taken()


def test_the_first_frame_is_searched_window_by_window_and_then_looked_at_as_any_other() -> None:
    batches = show(Pipeline(OwnCrops()), 1)
    assert all(len(batch) <= _SCAN_BATCH for batch in batches)
    looked = [place for batch in batches for place in batch.places]
    assert looked == [*WINDOWS, WINDOWS[0]]


def test_while_nobody_is_there_the_windows_have_their_turn_from_the_first_to_the_last() -> None:
    pipeline = Pipeline(OwnCrops())
    show(pipeline, 1)
    batches = show(pipeline, 2 * len(WINDOWS), first=1)
    looked = [place for batch in batches for place in batch.places]
    assert looked == [*WINDOWS[1:], *WINDOWS, WINDOWS[0]]
    assert pipeline.completed == 1 + 2 * len(WINDOWS)


def test_when_the_picture_changes_its_size_the_search_begins_anew() -> None:
    pipeline = Pipeline(OwnCrops())
    show(pipeline, 4)
    (batch,) = show(pipeline, 1, image=np.zeros((480, 640, 3), np.uint8), first=4)
    windows = placed(scan_windows((480, 640), CROP_HW))
    assert list(batch.places) == windows[:1]
    assert list(batch.usual) == windows[1:2]


@pytest.mark.parametrize("persons", [1, 3])
def test_where_most_crops_will_be_is_told_as_people_as_high_as_the_picture_stand(
    persons: int,
) -> None:
    (*_, batch) = show(Pipeline(OwnCrops(), persons=persons), 1)
    assert list(batch.usual) == WINDOWS[1 : 1 + persons]


def test_a_region_is_searched_and_all_else_is_black() -> None:
    region, image = Region(100, 40, 240, 300), np.full((*HW, 3), 9, np.uint8)
    (*search, batch) = show(Pipeline(OwnCrops(), region=region), 1, image=image)
    inside = scan_windows((300, 240), CROP_HW)
    windows = placed(
        [BBox(b.x1 + 100, b.y1 + 40, b.x2 + 100, b.y2 + 40) for b in inside],
    )
    assert [place for batch in search for place in batch.places][: len(windows)] == windows
    assert (batch.image_bgr[40:340, 100:340] == 9).all()
    assert int(batch.image_bgr.sum()) == 9 * 3 * 300 * 240


def test_a_region_outside_is_refused_in_the_first_frame_and_later_the_whole_is_searched() -> None:
    region = Region(500, 0, 100, 300)
    with pytest.raises(UsageError, match="outside the frame"):
        show(Pipeline(OwnCrops(), region=region), 1, image=np.zeros((360, 480, 3), np.uint8))
    pipeline = Pipeline(OwnCrops(), region=region)
    show(pipeline, 1)
    (batch,) = show(pipeline, 1, image=np.zeros((360, 480, 3), np.uint8), first=1)
    assert list(batch.places) == placed(scan_windows((360, 480), CROP_HW))[:1]
