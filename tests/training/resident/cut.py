"""A data set cut out of the rendered people of the documents, with made-up keypoints."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.sources.pictures import decode_picture
from training.examples.sample import Label, Sample, tight_bbox


@functools.cache
def sheet() -> NDArray[np.uint8]:
    found = decode_picture(np.fromfile(ROOT / "docs" / "people.jpg", np.uint8))
    assert found is not None
    return np.maximum(found, 20)  # only what lies outside a picture is black


class CutOut:
    """Row n is always the same picture, of a size of its own.

    Args:
        count: How many rows.
        lost: Rows whose people have no usable label.
    """

    def __init__(self, *, count: int, lost: tuple[int, ...] = ()) -> None:
        self.name = "cut out"
        self.skeleton = COCO17
        self._count = count
        self._lost = lost

    def __len__(self) -> int:
        return self._count

    def labels(self) -> Iterator[Label]:
        return iter(())

    def sample(self, row: int) -> Sample:
        rng = np.random.default_rng((7, row))
        height, width = (int(v) for v in rng.integers(90, 280, 2))
        whole = sheet()
        y = int(rng.integers(0, whole.shape[0] - height))
        x = int(rng.integers(0, whole.shape[1] - width))
        image = whole[y : y + height, x : x + width].copy()
        xy = (rng.uniform(0.1, 1.0, (17, 2)) * (width, 1.1 * height)).astype(np.float32)
        is_known = rng.random(17) < 0.9
        is_inside = is_known & (xy < (width, height)).all(axis=1)
        bbox = tight_bbox(xy, is_inside)
        if row in self._lost:
            bbox = np.full(4, np.nan, np.float32)
        return Sample(f"cut {row}", image, xy, is_known, is_inside & (xy[:, 0] > 40), bbox)
