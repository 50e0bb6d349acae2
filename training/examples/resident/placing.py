"""Choose the crops of a whole batch: ``training.examples.augment``'s placing, for many at once.

The random numbers are others than there, their distributions the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton
from training.examples import strengths
from training.examples.augment import Augment
from training.examples.resident.people import Bools, Floats, People, Whole

_Value = TypeVar("_Value", np.bool_, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """Map crop pixels to picture pixels: ``picture = linear @ crop + offset``.

    Attributes:
        linear: (N, 2, 2).
        offset: (N, 2).
        scale: (N,) picture pixels per crop pixel.
        is_flipped: (N,).
    """

    linear: Floats
    offset: Floats
    scale: Floats
    is_flipped: Bools

    def to_crops(self, xy: Floats) -> Floats:
        """(N, K, 2) picture pixels to crop pixels."""
        back = np.linalg.inv(self.linear)
        moved: Floats = (xy - self.offset[:, None]) @ back.transpose(0, 2, 1)
        return moved


def place_boxes(
    bbox: Floats,
    *,
    size_hw: tuple[int, int],
    padding: float,
    angle_deg: Floats,
    zoom: Floats,
    shift_xy: Floats,
    is_flipped: Bools,
) -> Placements:
    """Compute where N crops lie; see ``training.examples.augment.place``.

    Args:
        bbox: (N, 4) x1, y1, x2, y2, picture pixels.
        size_hw: Crop height and width, pixels.
        padding: Factor between a box (widened to the crop's shape) and its crop.
        angle_deg: (N,).
        zoom: (N,) further factor on the crop's extent.
        shift_xy: (N, 2) of the centre, in crop widths and heights.
        is_flipped: (N,).
    """
    h, w = size_hw
    box_wh = np.maximum(bbox[:, 2:] - bbox[:, :2], strengths.LEAST_PX)
    scale = np.maximum(box_wh[:, 0], box_wh[:, 1] * w / h) * padding * zoom / w
    center = (bbox[:, :2] + bbox[:, 2:]) / 2 + shift_xy * scale[:, None] * (w, h)
    angle = np.radians(angle_deg)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    mirror = np.where(is_flipped, -1.0, 1.0)
    linear = np.stack((cos * mirror, -sin, sin * mirror, cos), axis=1).reshape(-1, 2, 2)
    offset = center - linear @ np.array(((w - 1) / 2, (h - 1) / 2))
    return Placements(linear, offset, scale, is_flipped)


def place_people(
    people: People,
    skeleton: Skeleton,
    *,
    size_hw: tuple[int, int],
    padding: float,
    augment: Augment,
    rng: np.random.Generator,
) -> Placements:
    """Choose crops around N people: moved, rotated, scaled, flipped, or half a body."""
    n = len(people.bbox)
    limit_angle, limit_zoom = strengths.ROTATION_LIMIT, strengths.ZOOM_LIMIT
    is_half = rng.random(n) < augment.half_body
    is_rotated = rng.random(n) < augment.rotation_share
    angle = np.clip(rng.normal(0, 1, n), -limit_angle, limit_angle) * augment.rotation
    zoom = np.exp(np.clip(rng.normal(0, 1, n), -limit_zoom, limit_zoom) * augment.scale)
    return place_boxes(
        np.where(is_half[:, None], _half_boxes(people, skeleton, rng), people.bbox),
        size_hw=size_hw,
        padding=padding,
        angle_deg=np.where(is_rotated, angle, 0.0),
        zoom=zoom,
        shift_xy=rng.normal(0, augment.shift, (n, 2)),
        is_flipped=rng.random(n) < augment.flip,
    )


def _half_boxes(people: People, skeleton: Skeleton, rng: np.random.Generator) -> Floats:
    """(N, 4) boxes of the upper (usually) or lower half; the whole's where too few are known."""
    is_lower = np.array(strengths.is_lower(skeleton))
    wants_upper = rng.random(len(people.bbox)) < strengths.UPPER_SHARE
    if not is_lower.any() or is_lower.all():
        return people.bbox
    size_wh = people.image_hw[:, None, ::-1]
    is_inside = ((people.xy >= -1) & (people.xy <= size_wh)).all(axis=2)
    known = people.is_known & is_inside
    upper, lower = known & ~is_lower, known & is_lower
    has_upper = upper.sum(axis=1) >= strengths.FEWEST_HALF
    has_lower = lower.sum(axis=1) >= strengths.FEWEST_HALF
    is_upper = has_upper & (wants_upper | ~has_lower)
    shown = np.where(is_upper[:, None], upper, lower)[..., None]
    low = np.where(shown, people.xy, np.inf).min(axis=1)
    high = np.where(shown, people.xy, -np.inf).max(axis=1)
    has_half = (has_upper | has_lower)[:, None]
    return np.where(has_half, np.concatenate((low, high), axis=1), people.bbox)


def are_beyond(people: People) -> Bools:
    """(N, K) which keypoints lie outside their picture, in the picture's left and right."""
    slack = strengths.OUTSIDE_SLACK * people.image_hw.max(axis=1)[:, None, None]
    most = people.image_hw[:, None, ::-1] - 1 + slack
    beyond: Bools = ~((people.xy >= -slack) & (people.xy <= most)).all(axis=2)
    return beyond


def mirrored(values: NDArray[_Value], is_flipped: Bools, order: Sequence[int]) -> NDArray[_Value]:
    """(N, K, ...) with left and right exchanged where the crop is mirrored."""
    turns = is_flipped.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(turns, values[:, list(order)], values)


def end_frames(
    count: int, *, size_hw: tuple[int, int], augment: Augment, rng: np.random.Generator
) -> Whole:
    """Choose where the camera's frame ends inside some crops.

    Args:
        count: N.
        size_hw: Crop height and width, pixels.
        augment: Its probabilities.
        rng: Random numbers.

    Returns:
        (N, 4) first column and row inside, and the first columns and rows beyond; the whole crop
        where its frame does not end.
    """
    h, w = size_hw
    kept = np.tile(np.array((0, 0, w, h), np.int64), (count, 1))
    rows = np.flatnonzero(rng.random(count) < augment.edge)
    side = rng.choice(4, size=len(rows), p=strengths.EDGES)  # above, below, left, right
    near, far = (rng.uniform(*e, len(rows)) for e in (strengths.EDGE_NEAR, strengths.EDGE_FAR))
    length = np.where(side < 2, h, w)
    at = (length * np.where(side % 2 == 1, far, near)).astype(np.int64)
    kept[rows, np.array((1, 3, 0, 2))[side]] = at
    return kept


def are_cut(xy: Floats, kept: Whole, *, size_hw: tuple[int, int]) -> Bools:
    """(N, K) which keypoints (N, K, 2; crop pixels) lie where a frame has ended before."""
    h, w = size_hw
    low, high = kept[:, None, :2], kept[:, None, 2:]
    before = (xy < low - 0.5) & (low > 0)
    after = (xy > high - 0.5) & (high < (w, h))
    return np.asarray((before | after).any(axis=2), np.bool_)
