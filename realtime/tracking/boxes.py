"""Move person boxes smoothly and keep them near the frame."""

from __future__ import annotations

import math

from steadypose.realtime.datatypes import BBox

_BOX_TIME_CONSTANT_S = 0.08  # of a crop's edges
_SMALLEST_PX = 6.0  # minimum width and height
_OUTSIDE = 0.25  # how far a box may reach beyond the frame, as a share of its sides


def settle(box: BBox, target: BBox, dt_s: float) -> BBox:
    """Move a box towards a target, so that one flickering keypoint does not shake the crop."""
    gain = 1.0 - math.exp(-max(0.0, dt_s) / _BOX_TIME_CONSTANT_S)
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
    """Keep a box near the frame and above a minimum size, whatever was predicted."""
    x1, x2 = _clamp(box.x1, box.x2, frame_hw[1])
    y1, y2 = _clamp(box.y1, box.y2, frame_hw[0])
    return BBox(x1, y1, x2, y2)


def area_of(box: BBox) -> float:
    """Area of a box, square pixels."""
    return box.width * box.height


def _clamp(start: float, end: float, length: int) -> tuple[float, float]:
    low, high = -_OUTSIDE * length, (1 + _OUTSIDE) * length
    first = min(max(start, low), high - _SMALLEST_PX)
    return first, min(max(end, first + _SMALLEST_PX), high)
