"""Where to look: windows that cover a frame, and boxes that move gently."""

from __future__ import annotations

import math

from steadypose.realtime.datatypes import BBox

_SCALES = (1.0, 0.6)  # window height as a share of the largest that fits
_STEP = 0.6  # window centres lie at most this share of a window apart, sideways
_STEP_DOWN = 0.7
_SETTLES_S = 0.08  # time constant of a crop's edges
_SMALLEST_PX = 6.0  # no person is narrower
_OUTSIDE = 0.25  # how far a box may reach beyond the frame, as a share of its sides


def scan_windows(frame_hw: tuple[int, int], crop_hw: tuple[int, int]) -> list[BBox]:
    """Cover a frame with windows of the crop's aspect ratio.

    The whole frame comes first, then overlapping windows at two scales, each scale
    from the middle outwards: who matters most is found first.

    Args:
        frame_hw: Frame height and width, pixels.
        crop_hw: Crop height and width, crop pixels.

    Returns:
        Window boxes, frame pixels, to be cut without padding. 17 for a 16:9 frame
        and a 4:3 upright crop.
    """
    height, width = frame_hw
    aspect = crop_hw[1] / crop_hw[0]
    windows = [BBox(-0.5, -0.5, width - 0.5, height - 0.5)]
    largest = min(height, width / aspect)
    for scale in _SCALES:
        h, w = largest * scale, largest * scale * aspect
        centers = [(x, y) for y in _spread(height, h, _STEP_DOWN) for x in _spread(width, w, _STEP)]
        centers.sort(key=lambda c: math.hypot((c[0] - width / 2), (c[1] - height / 2)))
        windows += [
            BBox(x - w / 2 - 0.5, y - h / 2 - 0.5, x + w / 2 - 0.5, y + h / 2 - 0.5)
            for x, y in centers
        ]
    return windows


def _spread(length: float, window: float, step: float) -> list[float]:
    """Centres of windows of a size along one axis, ends included."""
    room = length - window
    if room <= 0.05 * window:
        return [length / 2]
    count = math.ceil(room / (step * window)) + 1
    return [window / 2 + room * i / (count - 1) for i in range(count)]


def settle(box: BBox, target: BBox, dt_s: float) -> BBox:
    """Move a box towards a target, so that one flickering keypoint does not shake the crop."""
    gain = 1.0 - math.exp(-max(0.0, dt_s) / _SETTLES_S)
    return BBox(
        box.x1 + gain * (target.x1 - box.x1),
        box.y1 + gain * (target.y1 - box.y1),
        box.x2 + gain * (target.x2 - box.x2),
        box.y2 + gain * (target.y2 - box.y2),
    )


def widen(box: BBox, dx: float, dy: float, *, by: float) -> BBox:
    """Move a box by (dx, dy) pixels and grow it about its centre."""
    cx, cy = box.center_xy
    half_w, half_h = box.width / 2 * by, box.height / 2 * by
    return BBox(cx + dx - half_w, cy + dy - half_h, cx + dx + half_w, cy + dy + half_h)


def within(box: BBox, frame_hw: tuple[int, int]) -> BBox:
    """Keep a box near the frame and of some size, so that a wild forecast cannot run away."""
    x1, x2 = _clamp(box.x1, box.x2, frame_hw[1])
    y1, y2 = _clamp(box.y1, box.y2, frame_hw[0])
    return BBox(x1, y1, x2, y2)


def _clamp(start: float, end: float, length: int) -> tuple[float, float]:
    low, high = -_OUTSIDE * length, (1 + _OUTSIDE) * length
    first = min(max(start, low), high - _SMALLEST_PX)
    return first, min(max(end, first + _SMALLEST_PX), high)
