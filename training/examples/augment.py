"""Cut a person out of an image for training, at a random place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from training.examples import strengths
from training.examples.sample import Sample, tight_bbox

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Augment:
    """Strengths of the augmentations. Zero turns one off.

    Attributes:
        scale: Standard deviation of the logarithm of the box's size.
        shift: Of the box's position, in crops.
        rotation: Of the rotation, degrees; clipped at 2.4 standard deviations.
        rotation_share: Part of the crops that are rotated.
        flip: Part that is mirrored, with left and right keypoints exchanged.
        half_body: Part that shows the upper or the lower half only.
        edge: Part in which the camera's frame ends inside the crop, mostly below.
        occluder: Part in which a rectangle of another image covers something.
        blur: Part that is shrunk and enlarged, or smeared by motion.
        jpeg: Part that is compressed hard.
        colour: Strength of brightness, contrast and channel changes; 1 is as designed.
        grey: Part without colour.
        noise: Part with sensor noise.
    """

    scale: float = 0.22
    shift: float = 0.06
    rotation: float = 25.0
    rotation_share: float = 0.6
    flip: float = 0.5
    half_body: float = 0.25
    edge: float = 0.0
    occluder: float = 0.35
    blur: float = 0.2
    jpeg: float = 0.15
    colour: float = 1.0
    grey: float = 0.1
    noise: float = 0.3

    def __post_init__(self) -> None:
        parts = [self.rotation_share, self.flip, self.half_body, self.edge, self.occluder]
        parts += [self.blur, self.jpeg, self.grey, self.noise]
        strengths = (self.scale, self.shift, self.rotation, self.colour)
        if not all(0.0 <= part <= 1.0 for part in parts) or min(strengths) < 0:
            raise UsageError(
                "[augment]: parts must be between 0 and 1, strengths not negative",
                fix="see training/examples/augment.py",
            )


@dataclass(frozen=True, slots=True)
class Placement:
    """Map crop pixels to image pixels: ``picture = linear @ crop + offset``."""

    linear: NDArray[np.float64]
    offset: NDArray[np.float64]
    scale: float
    is_flipped: bool

    def to_crop(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) picture pixels to crop pixels."""
        moved = (xy - self.offset) @ np.linalg.inv(self.linear).T
        return moved.astype(np.float32)  # type: ignore[no-any-return]


def place(
    bbox: NDArray[np.float32],
    *,
    size_hw: tuple[int, int],
    padding: float,
    angle_deg: float = 0.0,
    zoom: float = 1.0,
    shift_xy: tuple[float, float] = (0.0, 0.0),
    is_flipped: bool = False,
) -> Placement:
    """Compute where a crop lies.

    Args:
        bbox: (4,) x1, y1, x2, y2, picture pixels.
        size_hw: Crop height and width, pixels.
        padding: Factor between the box (widened to the crop's shape) and the crop.
        angle_deg: Rotation of the crop.
        zoom: Further factor on the crop's extent.
        shift_xy: Of the centre, in crop widths and heights.
        is_flipped: Mirror left and right.
    """
    h, w = size_hw
    x1, y1, x2, y2 = (float(v) for v in bbox)
    box_w, box_h = max(x2 - x1, strengths.LEAST_PX), max(y2 - y1, strengths.LEAST_PX)
    scale = max(box_w, box_h * w / h) * padding * zoom / w
    center = np.array(((x1 + x2) / 2, (y1 + y2) / 2)) + np.array(shift_xy) * (w * scale, h * scale)
    cos, sin = (scale * f(math.radians(angle_deg)) for f in (math.cos, math.sin))
    mirror = -1.0 if is_flipped else 1.0
    linear = np.array(((cos * mirror, -sin), (sin * mirror, cos)))
    offset = center - linear @ np.array(((w - 1) / 2, (h - 1) / 2))
    return Placement(linear, offset, scale, is_flipped)


def place_randomly(
    sample: Sample,
    skeleton: Skeleton,
    *,
    size_hw: tuple[int, int],
    padding: float,
    augment: Augment,
    rng: np.random.Generator,
) -> Placement:
    """Choose a crop around the person: moved, rotated, scaled, flipped, or half the body."""
    bbox = sample.bbox
    if rng.random() < augment.half_body:
        h, w = sample.image_bgr.shape[:2]
        is_inside = ((sample.xy >= -1) & (sample.xy <= (w, h))).all(axis=1)
        half = _half(sample.xy, sample.is_known & is_inside, skeleton, rng)
        bbox = tight_bbox(sample.xy, half) if half is not None else bbox
    angle = 0.0
    if rng.random() < augment.rotation_share:
        angle = _clipped(rng, strengths.ROTATION_LIMIT) * augment.rotation
    return place(
        bbox,
        size_hw=size_hw,
        padding=padding,
        angle_deg=angle,
        zoom=math.exp(_clipped(rng, strengths.ZOOM_LIMIT) * augment.scale),
        shift_xy=(float(rng.normal(0, augment.shift)), float(rng.normal(0, augment.shift))),
        is_flipped=bool(rng.random() < augment.flip),
    )


def _clipped(rng: np.random.Generator, limit: float) -> float:
    return float(np.clip(rng.normal(0, 1), -limit, limit))


def _half(
    xy: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    skeleton: Skeleton,
    rng: np.random.Generator,
) -> NDArray[np.bool_] | None:
    """Mask of the upper (usually) or lower half; None if too few are known.

    The halves are defined by names, so that they also exist for other skeletons; a
    skeleton without these names is never halved.
    """
    is_lower = np.array(strengths.is_lower(skeleton))
    if not is_lower.any() or is_lower.all():
        return None
    upper, lower = is_known & ~is_lower, is_known & is_lower
    fewest = strengths.FEWEST_HALF
    if upper.sum() >= fewest and (rng.random() < strengths.UPPER_SHARE or lower.sum() < fewest):
        return upper
    return lower if lower.sum() >= fewest else None


def warp(
    sample: Sample, placement: Placement, skeleton: Skeleton, *, size_hw: tuple[int, int]
) -> tuple[Images, NDArray[np.float32], NDArray[np.bool_]]:
    """Cut the crop.

    Returns:
        The (H, W, 3) crop, (K, 2) keypoints in crop pixels and (K,) which are known,
        both in the crop's own left and right.
    """
    h, w = size_hw
    image, linear, offset = sample.image_bgr, placement.linear, placement.offset
    # Like the app's crop, so that small details are averaged, not skipped.
    halvings = max(0, math.floor(math.log2(max(1.0, placement.scale))))
    for _ in range(halvings):
        image = halve(image)
    step = 1 << halvings
    matrix = np.column_stack((linear / step, (offset + 0.5) / step - 0.5))
    crop = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    xy, is_known = placement.to_crop(sample.xy), sample.is_known
    if placement.is_flipped:
        order = list(skeleton.flip_order)
        xy, is_known = xy[order], is_known[order]
    return crop, xy, is_known


def halve(image: Images) -> Images:
    """Average blocks of 2x2 pixels of an (H, W, 3) image; an odd last row or column is cut."""
    half_h, half_w = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
    even = image[: half_h * 2, : half_w * 2]
    return cv2.resize(even, (half_w, half_h), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def is_beyond(sample: Sample, placement: Placement, skeleton: Skeleton) -> NDArray[np.bool_]:
    """(K,) which keypoints lie outside the image, in the crop's own left and right."""
    height, width = sample.image_bgr.shape[:2]
    slack = strengths.OUTSIDE_SLACK * max(height, width)
    inside = (sample.xy >= -slack) & (sample.xy <= (width - 1 + slack, height - 1 + slack))
    beyond: NDArray[np.bool_] = ~inside.all(axis=1)
    return beyond[list(skeleton.flip_order)] if placement.is_flipped else beyond


def end_frame(
    crop: Images, xy: NDArray[np.float32], augment: Augment, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Sometimes let the camera frame end inside the crop, and blacken what lies beyond.

    Args:
        crop: (H, W, 3) uint8; modified.
        xy: (K, 2) crop pixels.
        augment: Its probabilities.
        rng: Random numbers.

    Returns:
        (K,) which keypoints lie beyond.
    """
    if augment.edge == 0 or rng.random() >= augment.edge:
        return np.zeros(len(xy), np.bool_)
    axis, is_far = ((1, False), (1, True), (0, False), (0, True))[rng.choice(4, p=strengths.EDGES)]
    length = crop.shape[0] if axis else crop.shape[1]
    at = int(length * rng.uniform(*(strengths.EDGE_FAR if is_far else strengths.EDGE_NEAR)))
    lines = crop if axis else crop.swapaxes(0, 1)
    if is_far:
        lines[at:] = 0
        return np.asarray(xy[:, axis] > at - 0.5)
    lines[:at] = 0
    return np.asarray(xy[:, axis] < at - 0.5)
