"""Body size, body centre and speed of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.reading import PersonTrack
from steadypose.realtime.tracking.framing import known_lengths

_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_HEIGHT_RANK = 0.6  # of the limbs of a frame: foreshortening only shortens
_SAMPLE = 2000  # frames, enough for a median


def body_height_px(xy: FloatArray, keypoints: Sequence[str]) -> float:
    """Standing height of a person, pixels, from the visible limbs.

    Each limb's length is taken as its usual share of the height (``framing.known_lengths``). A
    skeleton without known limbs is as high as the box around all keypoints.

    Args:
        xy: (T, K, 2) frame pixels, NaN where lost.
        keypoints: The K names.

    Returns:
        The median over time; NaN if no frame shows a whole limb.
    """
    xy = xy[:: max(1, len(xy) // _SAMPLE)]
    known = known_lengths(keypoints)
    if not known:
        low = np.where(np.isnan(xy), np.inf, xy).min(axis=1)
        high = np.where(np.isnan(xy), -np.inf, xy).max(axis=1)
        heights = (high - low).max(axis=1)
        heights = heights[np.isfinite(heights) & (heights > 0)]
        return float(np.median(heights)) if len(heights) else float("nan")
    limbs = np.linalg.norm(
        xy[:, [a for a, _, _ in known]] - xy[:, [b for _, b, _ in known]], axis=2
    )
    limbs /= np.array([share for _, _, share in known])
    each = [
        np.quantile(row[np.isfinite(row)], _HEIGHT_RANK) for row in limbs if np.isfinite(row).any()
    ]
    return float(np.median(each)) if each else float("nan")


def body_center(xy: FloatArray, keypoints: Sequence[str]) -> FloatArray:
    """(T, 2) middle of shoulders and hips, frame pixels; NaN where one is lost.

    If the hips are seen in fewer than a fifth of the frames, as at a desk, only the
    shoulders count; without a trunk, all keypoints do.
    """
    names = list(keypoints)
    trunk = [names.index(name) for name in _TRUNK if name in names]
    if len(trunk) < len(_TRUNK):
        return xy.mean(axis=1)
    has_hips = np.isfinite(xy[:, trunk[2:], 0]).all(axis=1).mean() >= 0.2
    return xy[:, trunk if has_hips else trunk[:2]].mean(axis=1)


def speed_px_s(xy: FloatArray, time_s: FloatArray) -> FloatArray:
    """Compute speed by central differences.

    Args:
        xy: (T, 2) positions, pixels.
        time_s: (T,) capture times.

    Returns:
        (T,) pixels a second; NaN at the ends and beside a gap.
    """
    speed = np.full(len(xy), np.nan)
    if len(xy) < 3:
        return speed
    took_s = np.maximum(time_s[2:] - time_s[:-2], 1e-6)
    speed[1:-1] = np.hypot(*(xy[2:] - xy[:-2]).T) / took_s
    speed[1:-1][np.isnan(xy[1:-1, 0])] = np.nan
    return speed


def with_breaks(track: PersonTrack) -> PersonTrack:
    """Insert an empty row wherever the person was away, so that curves break there.

    Away means longer than three median frame intervals and longer than 0.1 s.
    """
    interval = np.diff(track.time_s)
    if not len(interval):
        return track
    at = np.flatnonzero(interval > max(0.1, 3 * float(np.median(interval)))) + 1
    return replace(
        track,
        frame=np.insert(track.frame, at, track.frame[at]),
        time_s=np.insert(track.time_s, at, (track.time_s[at] + track.time_s[at - 1]) / 2),
        xy=np.insert(track.xy, at, np.nan, axis=0),
        score=np.insert(track.score, at, np.nan, axis=0),
        raw_xy=np.insert(track.raw_xy, at, np.nan, axis=0),
        state=np.insert(track.state, at, State.LOST, axis=0),
    )
