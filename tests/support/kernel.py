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
    rows_in = _whole_blocks(top, height, step, image_bgr.shape[0])
    columns_in = _whole_blocks(left, width, step, image_bgr.shape[1])
    value = np.zeros((height // step, width // step, 3), np.float32)
    y, x = top + rows_in.start * step, left + columns_in.start * step
    inside = image_bgr[
        y : y + len(rows_in) * step, x : x + len(columns_in) * step
    ].astype(np.int16)  # fmt: skip
    for _ in range(halvings):
        upper = inside[0::2, 0::2] + inside[0::2, 1::2]
        inside = (upper + inside[1::2, 0::2] + inside[1::2, 1::2] + 2) >> 2
    value[rows_in.start : rows_in.stop, columns_in.start : columns_in.stop] = inside
    rows, b = _between(value.shape[0], size_hw[0])
    columns, a = _between(value.shape[1], size_hw[1])
    a, b = a[:, None], b[:, None, None]
    above, below = (
        (1 - a) * one[:, columns[0]] + a * one[:, columns[1]]
        for one in (value[row] for row in rows)
    )
    return ((1 - b) * above + b * below + np.float32(0.5)).astype(np.uint8)


def _whole_blocks(first: int, length: int, step: int, most: int) -> range:
    """Blocks of a window along one axis that lie inside the frame."""
    begin = max(0, -(first // step))
    return range(begin, max(begin, min(length, most - first) // step))


def _between(
    full: int, size: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]:
    """For each pixel of an axis, the two it lies between, and how near it is to the second."""
    centre = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(full / size)
    place = np.clip(centre - np.float32(0.5), 0, full - 1)
    first = place.astype(np.int64)
    return (first, np.minimum(first + 1, full - 1)), (place - first).astype(np.float32)
