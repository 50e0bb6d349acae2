"""What the kernel of the GPU's crops computes, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cut_reference(
    image_bgr: NDArray[np.uint8], box: Sequence[int], size_hw: tuple[int, int]
) -> NDArray[np.uint8]:
    """What the kernel computes.

    Args:
        image_bgr: (H, W, 3) uint8 frame.
        box: Left, top, width and height in frame pixels, and halvings; see ``CropTransform``.
        size_hw: Crop size, crop pixels.

    Returns:
        (h, w, 3) uint8 crop.
    """
    left, top, width, height, halvings = box
    step = 1 << halvings
    frame_h, frame_w = image_bgr.shape[:2]
    ys, xs = top + np.arange(height), left + np.arange(width)
    inside = np.ix_(np.clip(ys, 0, frame_h - 1), np.clip(xs, 0, frame_w - 1))
    value = image_bgr[inside].astype(np.int16)
    for _ in range(halvings):
        upper = value[0::2, 0::2] + value[0::2, 1::2]
        value = (upper + value[1::2, 0::2] + value[1::2, 1::2] + 2) >> 2
    is_row = (ys[::step] >= 0) & (ys[::step] + step <= frame_h)
    is_column = (xs[::step] >= 0) & (xs[::step] + step <= frame_w)
    value = (value * (is_row[:, None] & is_column)[..., None]).astype(np.float32)
    rows, b = _between(value.shape[0], size_hw[0])
    columns, a = _between(value.shape[1], size_hw[1])
    a, b = a[:, None], b[:, None, None]
    above, below = (
        (1 - a) * one[:, columns[0]] + a * one[:, columns[1]]
        for one in (value[row] for row in rows)
    )
    return ((1 - b) * above + b * below + np.float32(0.5)).astype(np.uint8)


def _between(
    full: int, size: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]:
    """For each pixel of an axis, the two it lies between, and how near it is to the second."""
    centre = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(full / size)
    place = np.clip(centre - np.float32(0.5), 0, full - 1)
    first = place.astype(np.int64)
    return (first, np.minimum(first + 1, full - 1)), (place - first).astype(np.float32)
