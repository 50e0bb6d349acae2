"""How crops are cut and changed by design: what both ways of making batches share.

A pair is the range of a uniform number.
"""

from __future__ import annotations

from steadypose.engines.skeletons.skeleton import Skeleton

ROTATION_LIMIT, ZOOM_LIMIT = 2.4, 2.2
"""Standard deviations at which rotation and zoom are clipped."""

LEAST_PX = 8.0
"""Picture pixels of a box's sides: a line or a point has a crop too."""

UPPER_SHARE = 0.85
"""How often the upper half is shown where both could be."""

FEWEST_HALF = 6
"""Known keypoints that make half a body."""

_LOWER_NAMES = ("hip", "knee", "ankle", "foot", "heel", "toe", "pelvis")

OUTSIDE_SLACK = 0.02
"""A keypoint this far outside its picture (share of its longer side) still counts as inside."""

EDGES = (0.1, 0.6, 0.15, 0.15)
"""How often a frame ends above, below, on the left, on the right."""

EDGE_FAR, EDGE_NEAR = (0.45, 0.95), (0.05, 0.38)
"""Where it ends below or on the right, above or on the left; of the crop."""

COVER = (0.12, 0.45)
"""Sides of what covers something, of the crop's."""

SHRUNK_SHARE = 0.6
"""Part of the blurred crops that are shrunk and enlarged; the others are smeared by motion."""

SHRINK, LEAST_SHRUNK_PX = (0.35, 0.8), 8
"""Width of a shrunk crop, of the crop's, and at least."""

GAIN, CHANNEL_GAIN, BRIGHTNESS = (-0.35, 0.35), (-0.12, 0.12), (-25, 25)
"""Changes of all pixels' and one channel's gain, and of the brightness in grey levels."""

NOISE = (2, 12)
"""Standard deviation of a sensor's noise, grey levels."""

JPEG_QUALITY = (12, 60)
"""Whole numbers, without the last."""


def smear_lengths(width: int) -> tuple[int, int]:
    """Range of the lengths of motion blur in crops of a width, pixels; without the last."""
    return 3, max(4, width // 14)


def is_lower(skeleton: Skeleton) -> list[bool]:
    """Which keypoints belong to the lower half of a body, by their names."""
    return [any(part in name for part in _LOWER_NAMES) for name in skeleton.keypoints]
