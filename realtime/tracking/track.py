"""One tracked person, and quality and prominence of a pose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from steadypose.realtime.datatypes import BBox, FloatArray
from steadypose.realtime.tracking.boxes import area_of

_COAST_S = 0.7  # how long a hidden body is assumed to keep moving
_VELOCITY_TIME_CONSTANT_S = 0.15


@dataclass(slots=True, eq=False)
class Track:
    """One tracked person.

    Attributes:
        slot: Row in the smoother.
        box: Smoothed box around the pose, frame pixels; never smaller than a minimum size.
        seen_s: Capture time of the last good measurement.
        score: (K,) scores of the last frame, 0 where nothing was accepted.
        raw_xy: (K, 2) of the last frame, NaN where nothing was accepted.
        evidence: (K,) scores of the last good measurement; they shape the box.
        track_id: 0 while the person is not confirmed yet.
        hits: Good frames since it was proposed.
        misses: Frames without a good measurement since the last one.
        good_in_a_row: Consecutive good frames since the person was lost.
        last_seen_xy: (K, 2) filtered pose when last seen, NaN where lost; None before.
        velocity: (2,) of the whole body, pixels a second, slowly filtered.
        last_apart_s: Capture time when it last overlapped no other track.
    """

    slot: int
    box: BBox
    seen_s: float
    score: FloatArray
    raw_xy: FloatArray
    evidence: FloatArray
    track_id: int = 0
    hits: int = 0
    misses: int = 0
    good_in_a_row: int = 0
    last_seen_xy: FloatArray | None = None
    velocity: FloatArray = field(default_factory=lambda: np.zeros(2))
    last_apart_s: float = -math.inf

    @property
    def size_px(self) -> float:
        """Longer side of the box, frame pixels."""
        return max(self.box.width, self.box.height)

    def drift(self, time_s: float) -> FloatArray:
        """(2,) predicted shift of the body since it was last seen, pixels."""
        away: FloatArray = self.velocity * min(max(0.0, time_s - self.seen_s), _COAST_S)
        return away

    def remember(self, xy: FloatArray, time_s: float) -> None:
        """Store the filtered pose of a frame in which the person was seen."""
        dt_s = time_s - self.seen_s
        if self.last_seen_xy is not None and dt_s > 0:
            moved = xy - self.last_seen_xy
            moved = moved[moved[:, 0] == moved[:, 0]]  # drops NaN, the fast way
            if len(moved):
                gain = 1.0 - math.exp(-dt_s / _VELOCITY_TIME_CONSTANT_S)
                mean = np.add.reduce(moved) / (len(moved) * dt_s)
                self.velocity += gain * (mean - self.velocity)
        self.last_seen_xy, self.seen_s = xy, time_s

    @property
    def area(self) -> float:
        """Area of the box, square pixels."""
        return area_of(self.box)


def quality(score: FloatArray) -> FloatArray:
    """Quality of a pose: mean score of the better half of its keypoints.

    Half, because a person at a desk shows no legs.

    Args:
        score: (..., K) keypoint scores.
    """
    half = max(1, score.shape[-1] // 2)
    best: FloatArray = np.add.reduce(np.sort(score, axis=-1)[..., -half:], axis=-1) / half
    return best


def prominence(score: FloatArray, box: BBox, frame_hw: tuple[int, int]) -> float:
    """Rank of a pose for tracking: score counts most, then size, then position.

    Args:
        score: (K,) of a pose.
        box: Around it, frame pixels.
        frame_hw: Height and width of the frame.
    """
    (height, width), (x, y) = frame_hw, box.center_xy
    off_center = math.hypot(x / width - 0.5, y / height - 0.5)
    size = math.sqrt(area_of(box))
    return float(quality(score)) ** 3 * size * (1.0 - 0.5 * off_center)
