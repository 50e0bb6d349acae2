"""Turn a labelled picture into one training example."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import COCO17

STRIDE = 4
SIGMA = 1.5  # cells
UPPER = np.arange(11)  # face, shoulders, arms


def box_of(keypoints: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Centre x, y, width, height of the known keypoints, pixels."""
    known = keypoints[keypoints[:, 2] > 0, :2]
    low, high = known.min(axis=0), known.max(axis=0)
    center, extent = (low + high) / 2, np.maximum(high - low, 8.0)
    return float(center[0]), float(center[1]), float(extent[0]), float(extent[1])


def warp(
    image: NDArray[np.uint8],
    keypoints: NDArray[np.float32],
    *,
    size_hw: tuple[int, int],
    rng: np.random.Generator | None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Cut the person out at the network's size.

    Args:
        image: (H, W, 3) uint8.
        keypoints: (17, 3) picture pixels and flag.
        size_hw: Crop height and width.
        rng: None cuts plainly; else the box is scaled, moved, rotated, flipped, and
            sometimes reduced to the upper body.

    Returns:
        The crop and (17, 3) keypoints in crop pixels; the flag is 0 where unknown.
    """
    h, w = size_hw
    chosen = keypoints
    upper_known = int((keypoints[UPPER, 2] > 0).sum())
    if rng is not None and upper_known >= 6 and rng.random() < 0.25:
        chosen = keypoints[UPPER]
    cx, cy, bw, bh = box_of(chosen)
    scale = max(bw, bh * w / h) * 1.25 / w
    angle = 0.0
    is_flipped = False
    if rng is not None:
        scale *= math.exp(np.clip(rng.normal(0, 0.22), -0.5, 0.5))
        cx += float(rng.normal(0, 0.06)) * w * scale
        cy += float(rng.normal(0, 0.06)) * h * scale
        if rng.random() < 0.6:
            angle = math.radians(float(np.clip(rng.normal(0, 25), -60, 60)))
        is_flipped = bool(rng.random() < 0.5)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    flip = -1.0 if is_flipped else 1.0
    # Crop pixel (u, v) to picture pixel, pixel centres at integers.
    linear = np.array(((cos * flip, -sin), (sin * flip, cos)))
    offset = np.array((cx, cy)) - linear @ np.array(((w - 1) / 2, (h - 1) / 2))
    matrix = np.column_stack((linear, offset))
    if scale >= 2.0:
        image = cv2.blur(image, (int(scale), int(scale)))
    crop = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    moved = keypoints.copy()
    moved[:, :2] = (keypoints[:, :2] - offset) @ np.linalg.inv(linear).T
    if is_flipped:
        moved = moved[list(COCO17.flip_order)]
    return crop, moved


def disturb(
    crop: NDArray[np.uint8], other: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Change colours and sharpness, and cover a part with another picture."""
    h, w = crop.shape[:2]
    if rng.random() < 0.35:
        bw, bh = int(w * rng.uniform(0.12, 0.45)), int(h * rng.uniform(0.12, 0.45))
        x, y = int(rng.integers(0, w - bw)), int(rng.integers(0, h - bh))
        ox, oy = int(rng.integers(0, w - bw)), int(rng.integers(0, h - bh))
        crop[y : y + bh, x : x + bw] = other[oy : oy + bh, ox : ox + bw]
    if rng.random() < 0.2:
        small = max(8, int(w * rng.uniform(0.35, 0.8)))
        crop = cv2.resize(crop, (small, small * h // w), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (w, h), interpolation=cv2.INTER_LINEAR)
    gain = rng.uniform(0.65, 1.35) * rng.uniform(0.88, 1.12, 3)
    shifted = crop.astype(np.float32) * gain + rng.uniform(-25, 25)
    if rng.random() < 0.15:
        shifted = np.repeat(shifted.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.3:
        shifted += rng.normal(0, rng.uniform(2, 12), shifted.shape)
    return np.clip(shifted, 0, 255).astype(np.uint8)


def heatmap_target(
    keypoints: NDArray[np.float32], *, size_hw: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gaussians around the keypoints, and which heatmaps count.

    A keypoint that is known to lie outside the crop has an empty heatmap that
    counts: this is how the score learns to be low for legs under a desk.

    Returns:
        (17, H/4, W/4) targets with peak 1, and (17,) weights of 0 or 1.

    Source:
        Tompson et al. 2014 (arXiv:1406.2984), section 3.1; cell i lies at
        (i + 0.5) * 4 - 0.5 crop pixels.
    """
    h, w = size_hw[0] // STRIDE, size_hw[1] // STRIDE
    cells = (keypoints[:, :2] + 0.5) / STRIDE - 0.5
    gx = np.exp(-((np.arange(w)[None] - cells[:, :1]) ** 2) / (2 * SIGMA**2))
    gy = np.exp(-((np.arange(h)[None] - cells[:, 1:]) ** 2) / (2 * SIGMA**2))
    target = gy[:, :, None] * gx[:, None, :]
    inside = (cells >= -0.5).all(axis=1) & (cells[:, 0] <= w - 0.5) & (cells[:, 1] <= h - 0.5)
    target[~inside] = 0.0
    return target.astype(np.float32), (keypoints[:, 2] > 0).astype(np.float32)
