"""Search windows that cover a frame."""

from __future__ import annotations

import math

from steadypose.realtime.datatypes import BBox

_SCALES = (1.0, 0.6)  # window height as a share of the largest that fits
_STEP = 0.6  # window centres lie at most this share of a window apart, sideways
_STEP_DOWN = 0.7
MOST_WINDOWS = 96
"""Of a frame: a panorama of 9:1 has as many, and a search of its first frame takes a second."""


def scan_windows(frame_hw: tuple[int, int], crop_hw: tuple[int, int]) -> list[BBox]:
    """Cover a frame with windows of the crop's aspect ratio.

    The whole frame comes first, then overlapping windows at two scales, each scale
    from the middle outwards, so that the most important people are found first.

    Args:
        frame_hw: Frame height and width, pixels.
        crop_hw: Crop height and width, crop pixels.

    Returns:
        Window boxes, frame pixels, to be cut without padding. 17 for a 16:9 frame
        and a 4:3 upright crop, at most ``MOST_WINDOWS``.
    """
    height, width = frame_hw
    aspect = crop_hw[1] / crop_hw[0]
    windows = [BBox(-0.5, -0.5, width - 0.5, height - 0.5)]
    largest = min(height, width / aspect)
    # In a strip of some pixels nobody can be recognised: windows may be larger than it is high.
    while len(_centers(frame_hw, largest, aspect)) >= MOST_WINDOWS:
        largest *= 1.25
    for scale in _SCALES:
        h, w = largest * scale, largest * scale * aspect
        centers = _centers(frame_hw, h, aspect)
        if len(windows) + len(centers) > MOST_WINDOWS:
            break
        centers.sort(key=lambda c: math.hypot((c[0] - width / 2), (c[1] - height / 2)))
        windows += [
            BBox(x - w / 2 - 0.5, y - h / 2 - 0.5, x + w / 2 - 0.5, y + h / 2 - 0.5)
            for x, y in centers
        ]
    return windows


def _centers(frame_hw: tuple[int, int], height: float, aspect: float) -> list[tuple[float, float]]:
    """Middles of the windows of a height that cover a frame, x and y."""
    across = _spread(frame_hw[1], height * aspect, _STEP)
    return [(x, y) for y in _spread(frame_hw[0], height, _STEP_DOWN) for x in across]


def _spread(length: float, window: float, step: float) -> list[float]:
    """Window centres along one axis, ends included."""
    room = length - window
    if room <= 0.05 * window:
        return [length / 2]
    count = math.ceil(room / (step * window)) + 1
    return [window / 2 + room * i / (count - 1) for i in range(count)]
