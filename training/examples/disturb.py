"""Change a crop's pixels for training: colours, sharpness, occlusion."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from training.examples import strengths
from training.examples.augment import Augment, Images


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
        if rng.random() < strengths.SHRUNK_SHARE:
            small = max(strengths.LEAST_SHRUNK_PX, int(w * rng.uniform(*strengths.SHRINK)))
            shrunk = cv2.resize(crop, (small, small * h // w), interpolation=cv2.INTER_AREA)
            crop = cv2.resize(shrunk, (w, h), interpolation=cv2.INTER_LINEAR)
        else:
            crop = _smear(crop, rng)
    crop = _recolour(crop, augment, rng)
    if rng.random() < augment.jpeg:
        quality = int(rng.integers(*strengths.JPEG_QUALITY))
        _, data = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, quality))
        return cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[return-value]
    return crop


def _cover(crop: Images, other: Images, rng: np.random.Generator) -> None:
    h, w = crop.shape[:2]
    box_w, box_h = (int(side * rng.uniform(*strengths.COVER)) for side in (w, h))
    x, y = int(rng.integers(0, w - box_w)), int(rng.integers(0, h - box_h))
    ox, oy = int(rng.integers(0, w - box_w)), int(rng.integers(0, h - box_h))
    crop[y : y + box_h, x : x + box_w] = other[oy : oy + box_h, ox : ox + box_w]


def _smear(crop: Images, rng: np.random.Generator) -> Images:
    """Motion blur along a random direction."""
    length = int(rng.integers(*strengths.smear_lengths(crop.shape[1])))
    kernel = smear_kernel(length, rng.uniform(0, math.pi))
    return cv2.filter2D(crop, -1, kernel)  # type: ignore[no-any-return]


def smear_kernel(length: int, turn: float) -> NDArray[np.float32]:
    """Kernel of motion along a line.

    Args:
        length: Its side, pixels.
        turn: Direction, radians.

    Returns:
        (length, length) float32 that sums to 1; its anchor is ``length // 2``.
    """
    kernel = np.zeros((length, length), np.float32)
    along = np.array((math.cos(turn), math.sin(turn))) * length / 2
    middle = np.array((length - 1, length - 1)) / 2
    a, b = (np.round(middle + sign * along).astype(int) for sign in (-1, 1))
    cv2.line(kernel, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1.0)
    return kernel / max(1.0, float(kernel.sum()))  # type: ignore[no-any-return]


def _recolour(crop: Images, augment: Augment, rng: np.random.Generator) -> Images:
    s = augment.colour
    light = 1 + s * rng.uniform(*strengths.GAIN)
    gain = light * (1 + s * rng.uniform(*strengths.CHANNEL_GAIN, 3))
    changed = crop.astype(np.float32) * gain.astype(np.float32) + np.float32(
        s * rng.uniform(*strengths.BRIGHTNESS)
    )
    if rng.random() < augment.grey:
        changed = np.repeat(changed.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < augment.noise:
        noise = rng.standard_normal(changed.shape, dtype=np.float32)
        changed += noise * np.float32(rng.uniform(*strengths.NOISE))
    return np.clip(changed, 0, 255).astype(np.uint8)
