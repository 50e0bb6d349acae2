"""Cut a person out of an image for training, with random placement, colours and occlusion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from training.examples.sample import Sample, tight_bbox

Images = NDArray[np.uint8]
_EDGES = (0.1, 0.6, 0.15, 0.15)  # how often a frame ends above, below, on the left, on the right
_FEWEST_HALF = 6  # known keypoints that make half a body


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
    box_w, box_h = max(x2 - x1, 8.0), max(y2 - y1, 8.0)  # a point alone still has a crop
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
        angle = float(np.clip(rng.normal(0, 1), -2.4, 2.4)) * augment.rotation
    return place(
        bbox,
        size_hw=size_hw,
        padding=padding,
        angle_deg=angle,
        zoom=math.exp(float(np.clip(rng.normal(0, 1), -2.2, 2.2)) * augment.scale),
        shift_xy=(float(rng.normal(0, augment.shift)), float(rng.normal(0, augment.shift))),
        is_flipped=bool(rng.random() < augment.flip),
    )


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
    lower_names = ("hip", "knee", "ankle", "foot", "heel", "toe", "pelvis")
    is_lower = np.array([any(part in name for part in lower_names) for name in skeleton.keypoints])
    if not is_lower.any() or is_lower.all():
        return None
    upper, lower = is_known & ~is_lower, is_known & is_lower
    if upper.sum() >= _FEWEST_HALF and (rng.random() < 0.85 or lower.sum() < _FEWEST_HALF):
        return upper
    return lower if lower.sum() >= _FEWEST_HALF else None


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
    # Halve like the app's crop, so that small details are averaged, not skipped.
    halvings = max(0, math.floor(math.log2(max(1.0, placement.scale))))
    for _ in range(halvings):
        half_h, half_w = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
        even = image[: half_h * 2, : half_w * 2]
        image = cv2.resize(even, (half_w, half_h), interpolation=cv2.INTER_AREA)
    step = 1 << halvings
    matrix = np.column_stack((linear / step, (offset + 0.5) / step - 0.5))
    crop = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    xy, is_known = placement.to_crop(sample.xy), sample.is_known
    if placement.is_flipped:
        order = list(skeleton.flip_order)
        xy, is_known = xy[order], is_known[order]
    return crop, xy, is_known


def is_beyond(sample: Sample, placement: Placement, skeleton: Skeleton) -> NDArray[np.bool_]:
    """(K,) which keypoints lie outside the image, in the crop's own left and right."""
    height, width = sample.image_bgr.shape[:2]
    slack = 0.02 * max(height, width)
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
    axis, is_far = ((1, False), (1, True), (0, False), (0, True))[rng.choice(4, p=_EDGES)]
    length = crop.shape[0] if axis else crop.shape[1]
    at = int(length * (rng.uniform(0.45, 0.95) if is_far else rng.uniform(0.05, 0.38)))
    lines = crop if axis else crop.swapaxes(0, 1)
    if is_far:
        lines[at:] = 0
        return np.asarray(xy[:, axis] > at - 0.5)
    lines[:at] = 0
    return np.asarray(xy[:, axis] < at - 0.5)


def disturb(crop: Images, other: Images, augment: Augment, rng: np.random.Generator) -> Images:
    """Change colours and sharpness, and cover a part.

    Args:
        crop: (H, W, 3) uint8; may be modified.
        other: Another crop of the same size, the occluder's texture.
        augment: Its strengths.
        rng: Random numbers.
    """
    h, w = crop.shape[:2]
    if rng.random() < augment.occluder:
        _cover(crop, other, rng)
    if rng.random() < augment.blur:
        if rng.random() < 0.6:
            small = max(8, int(w * rng.uniform(0.35, 0.8)))
            shrunk = cv2.resize(crop, (small, small * h // w), interpolation=cv2.INTER_AREA)
            crop = cv2.resize(shrunk, (w, h), interpolation=cv2.INTER_LINEAR)
        else:
            crop = _smear(crop, rng)
    crop = _recolour(crop, augment, rng)
    if rng.random() < augment.jpeg:
        quality = int(rng.integers(12, 60))
        _, data = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, quality))
        return cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[return-value]
    return crop


def _cover(crop: Images, other: Images, rng: np.random.Generator) -> None:
    h, w = crop.shape[:2]
    box_w, box_h = int(w * rng.uniform(0.12, 0.45)), int(h * rng.uniform(0.12, 0.45))
    x, y = int(rng.integers(0, w - box_w)), int(rng.integers(0, h - box_h))
    ox, oy = int(rng.integers(0, w - box_w)), int(rng.integers(0, h - box_h))
    crop[y : y + box_h, x : x + box_w] = other[oy : oy + box_h, ox : ox + box_w]


def _smear(crop: Images, rng: np.random.Generator) -> Images:
    """Motion blur along a random direction."""
    length = int(rng.integers(3, max(4, crop.shape[1] // 14)))
    kernel = np.zeros((length, length), np.float32)
    turn = rng.uniform(0, math.pi)
    along = np.array((math.cos(turn), math.sin(turn))) * length / 2
    middle = np.array((length - 1, length - 1)) / 2
    a, b = (np.round(middle + sign * along).astype(int) for sign in (-1, 1))
    cv2.line(kernel, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1.0)
    return cv2.filter2D(crop, -1, kernel / max(1.0, float(kernel.sum())))  # type: ignore[no-any-return]


def _recolour(crop: Images, augment: Augment, rng: np.random.Generator) -> Images:
    s = augment.colour
    gain = (1 + s * rng.uniform(-0.35, 0.35)) * (1 + s * rng.uniform(-0.12, 0.12, 3))
    changed = crop.astype(np.float32) * gain.astype(np.float32) + np.float32(
        s * rng.uniform(-25, 25)
    )
    if rng.random() < augment.grey:
        changed = np.repeat(changed.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < augment.noise:
        noise = rng.standard_normal(changed.shape, dtype=np.float32)
        changed += noise * np.float32(rng.uniform(2, 12))
    return np.clip(changed, 0, 255).astype(np.uint8)
