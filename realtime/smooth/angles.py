"""Joint angles in the picture plane, as the app, the library and the report define them.

Each angle is measured at a joint, between its two neighbouring keypoints, in degrees:

========  ==========================  ===========================================
elbow     shoulder - elbow - wrist    180 straight arm
shoulder  hip - shoulder - elbow      0 arm hanging, 180 arm up
hip       shoulder - hip - knee       180 standing upright, 90 sitting
knee      hip - knee - ankle          180 straight leg
trunk     up - hips - shoulders       0 upright, 90 leaning to the right of the picture
========  ==========================  ===========================================

Joints are signed, so that a joint passing through straight continues to 181 instead of
folding back to 179. They are counted in the direction that is mostly positive, and unwrapped:
there are no jumps of 360. The trunk is measured between the middles of hips and shoulders, and
keeps its sign. They are angles in the image plane, not of the body: a limb that
points at the camera is short and its angle means little, so such frames are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadypose.realtime.datatypes import FloatArray

JOINTS = {
    "elbow": ("shoulder", "elbow", "wrist"),
    "shoulder": ("hip", "shoulder", "elbow"),
    "hip": ("shoulder", "hip", "knee"),
    "knee": ("hip", "knee", "ankle"),
}
SIDES = ("left", "right")
TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
NAMES = (*(f"{side}_{joint}" for joint in JOINTS for side in SIDES), "trunk")
"""Of all angles, in the order in which they are measured."""

NEW_START_S = 0.5
"""After a longer gap the number of turns is unknown."""


def joint_angle(
    xy: FloatArray,
    time_s: FloatArray,
    keypoints: Sequence[str],
    *,
    joint: str,
    side: str,
    shortest_px: float = 1.0,
) -> FloatArray | None:
    """Compute the angle of a joint over time.

    Args:
        xy: (T, K, 2) keypoints, frame pixels, NaN where lost.
        time_s: (T,) capture times, increasing.
        keypoints: The K names.
        joint: A key of ``JOINTS``.
        side: ``left`` or ``right``.
        shortest_px: Limbs shorter than this in the frame have no direction.

    Returns:
        (T,) degrees, NaN where a keypoint is lost or a limb too short; None if the
        skeleton does not have the keypoints.
    """
    names = [f"{side}_{part}" for part in JOINTS[joint]]
    if not set(names) <= set(keypoints):
        return None
    a, middle, b = (xy[:, list(keypoints).index(name)] for name in names)
    return unwrap(signed_angle(a, middle, b, shortest_px=shortest_px), time_s)


def trunk_angle(
    xy: FloatArray, time_s: FloatArray, keypoints: Sequence[str], *, shortest_px: float = 1.0
) -> FloatArray | None:
    """Compute how the trunk leans over time; arguments and result as of ``joint_angle``."""
    if not set(TRUNK) <= set(keypoints):
        return None
    shoulders, hips = (
        xy[:, [list(keypoints).index(name) for name in pair]].mean(axis=1)
        for pair in (TRUNK[:2], TRUNK[2:])
    )
    above = hips - (0.0, max(1.0, shortest_px))
    angle = signed_angle(above, hips, shoulders, shortest_px=shortest_px)
    return _continued(angle, time_s)


def signed_angle(
    a: FloatArray, middle: FloatArray, b: FloatArray, *, shortest_px: float = 1.0
) -> FloatArray:
    """(T,) angles at ``middle`` from ``a`` to ``b``, each (T, 2) pixels; degrees in ±180."""
    one, two = a - middle, b - middle
    cross = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    dot = (one * two).sum(axis=1)
    angle = np.degrees(np.arctan2(cross, dot))
    lengths = np.minimum(np.hypot(*one.T), np.hypot(*two.T))
    return np.where(lengths >= shortest_px, angle, np.nan)


def unwrap(angle: FloatArray, time_s: FloatArray) -> FloatArray:
    """Remove jumps of 360 from a series.

    Args:
        angle: (T,) degrees in ±180, NaN where unknown.
        time_s: (T,) capture times.

    Returns:
        (T,) degrees, NaN in the same places, mostly positive. A short gap is
        bridged; after half a second a new stretch begins. The median of each stretch lies
        between -90 and 270.
    """
    known = np.flatnonzero(np.isfinite(angle))
    out = np.full(len(angle), np.nan)
    values = angle[known]
    if np.sin(np.radians(values)).sum() < 0:
        values = -values
    out[known] = values
    return _continued(out, time_s, lowest=-90.0)


def _continued(angle: FloatArray, time_s: FloatArray, *, lowest: float = -180.0) -> FloatArray:
    """(T,) without jumps; the median of each stretch lies within 360 above ``lowest``."""
    out = angle.copy()
    known = np.flatnonzero(np.isfinite(angle))
    starts = np.flatnonzero(np.diff(time_s[known]) > NEW_START_S) + 1
    for run in np.split(known, starts):
        if len(run):
            turned = np.unwrap(angle[run], period=360.0)
            out[run] = turned - 360.0 * np.floor((np.median(turned) - lowest) / 360.0)
    return out
