"""The data types exchanged between the app's packages: frames, boxes, poses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import ShapeError
from steadypose.engines.skeletons.skeleton import Skeleton

FloatArray = NDArray[np.float64]

SEEN_SCORE = 0.2
"""A keypoint with a lower score counts as not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera image with the time it was taken.

    Attributes:
        image_bgr: (H, W, 3) uint8. Read-only; modify a copy.
        index: 0 for the first frame of the source; dropped frames are counted too.
        time_s: When it was taken: seconds since the first frame of a live source,
            or the presentation time of a file. Smoothing and records use it.
        captured_s: ``time.perf_counter`` when the frame became available, to compute its age.
    """

    image_bgr: NDArray[np.uint8]
    index: int
    time_s: float
    captured_s: float

    def __post_init__(self) -> None:
        image = self.image_bgr
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ShapeError(
                f"frame {self.index} is {image.dtype} {image.shape}, expected uint8 (H, W, 3)",
                fix="convert the source to 8-bit colour",
            )

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.image_bgr.shape[0], self.image_bgr.shape[1]


@dataclass(frozen=True, slots=True)
class BBox:
    """An upright box in frame pixels, given by its edges; may be fractional or outside."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Pixels."""
        return self.y2 - self.y1

    @property
    def center_xy(self) -> tuple[float, float]:
        """Middle of the box, frame pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


class State(IntEnum):
    """Source of a keypoint's position."""

    LOST = 0
    PREDICTED = 1
    MEASURED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One person in one frame.

    Coordinates are pixels of the full camera frame: x right, y down, (0, 0) at
    the centre of the top-left pixel. A keypoint without evidence is NaN.

    Attributes:
        xy: (K, 2) float64, smoothed positions, pixels. May lie outside the frame.
        score: (K,) float64 in [0, 1]: a calibrated probability or a heatmap's peak,
            depending on the model file.
        raw_xy: (K, 2) float64, the network's output, NaN where it was not run.
        state: (K,) int8, values of ``State``.
        skeleton: Names and order of the K keypoints.
        track_id: Stable identity across frames, 1 for the first person.
    """

    xy: FloatArray
    score: FloatArray
    raw_xy: FloatArray
    state: NDArray[np.int8]
    skeleton: Skeleton
    track_id: int

    def __post_init__(self) -> None:
        k = len(self.skeleton)
        shapes = (self.xy.shape, self.raw_xy.shape, self.score.shape, self.state.shape)
        if shapes != ((k, 2), (k, 2), (k,), (k,)):
            raise ShapeError(
                f"Pose({self.skeleton.name}): xy, raw_xy, score, state are {shapes}, "
                f"expected ({k}, 2), ({k}, 2), ({k},), ({k},)",
                fix="pass the skeleton the model was trained with (see ModelSpec)",
            )

    @property
    def person_score(self) -> float:
        """Mean score of the keypoints, in [0, 1]."""
        return float(self.score.mean())
