"""Labels of many people as arrays, on the host: small, and needed to place crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.examples.sample import Sample

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Labels of N people.

    Attributes:
        xy: (N, K, 2) picture pixels; meaningless where not known.
        is_known: (N, K).
        is_counted: (N, K), labelled by people.
        bbox: (N, 4) x1, y1, x2, y2, picture pixels.
        image_hw: (N, 2) sizes of their pictures, pixels.
    """

    xy: Floats
    is_known: Bools
    is_counted: Bools
    bbox: Floats
    image_hw: Whole

    def of(self, rows: Whole) -> People:
        """Those of some rows, in this order."""
        return People(*(getattr(self, field.name)[rows] for field in fields(self)))


def people_of(samples: Sequence[Sample], sizes_hw: Sequence[tuple[int, int]]) -> People:
    """The labels of samples.

    Args:
        samples: At least one; their pictures are not looked at.
        sizes_hw: Their pictures' sizes, pixels.
    """
    return People(
        xy=np.array([s.xy for s in samples], np.float64),
        is_known=np.array([s.is_known for s in samples], np.bool_),
        is_counted=np.array([s.is_counted for s in samples], np.bool_),
        bbox=np.array([s.bbox for s in samples], np.float64),
        image_hw=np.array(sizes_hw, np.int64).reshape(-1, 2),
    )
