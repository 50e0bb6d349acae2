"""Measure a recording's quality: jitter, gaps, scores, frame times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.reading import PersonTrack

REST_HEIGHTS_S = 0.1  # at rest: slower than this share of the body height a second
_REST_WINDOW_S = 0.25
_LEAST_FRAMES = 10  # fewer are not significant


@dataclass(frozen=True, slots=True, eq=False)
class Jitter:
    """Jitter of each keypoint before and after filtering; NaN where unknown.

    Attributes:
        rest_frames: (K,) frames in which the keypoint was at rest.
        raw_px: (K,) mean distance from frame to frame at rest, pixels, raw.
        smooth_px: (K,) the same of the filtered positions.
        raw_px_s2: (K,) root mean square of the acceleration, pixels a second squared.
        smooth_px_s2: (K,) the same of the filtered positions.
    """

    rest_frames: NDArray[np.int64]
    raw_px: FloatArray
    smooth_px: FloatArray
    raw_px_s2: FloatArray
    smooth_px_s2: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Frame times of a recording.

    Attributes:
        interval_ms: (N,) from each frame to the next one where none lies between.
        frames: Number of frames with a person.
        missing: Frame numbers between the first and the last that have no row.
        begin_s: Capture time of the first frame.
        end_s: Capture time of the last frame.
    """

    interval_ms: FloatArray
    frames: int
    missing: int
    begin_s: float
    end_s: float


def has_raw(track: PersonTrack) -> bool:
    """Whether the network's own positions were recorded."""
    return bool(np.isfinite(track.raw_xy).any())


def jitter(track: PersonTrack, height_px: float) -> Jitter:
    """Measure the jitter of each keypoint.

    Only neighbouring frames count, and only those in which the keypoint was measured,
    the same ones for raw and filtered.

    Args:
        track: A person.
        height_px: Body height, pixels; sets the speed limit of rest.
    """
    is_used = (track.state == State.MEASURED) & np.isfinite(track.xy[:, :, 0])
    if has_raw(track):
        is_used &= np.isfinite(track.raw_xy[:, :, 0])
    is_next = np.diff(track.frame) == 1
    step = is_next[:, None] & is_used[1:] & is_used[:-1]
    at_rest = step & _at_rest(track, REST_HEIGHTS_S * height_px)[1:]
    bend = step[1:] & step[:-1]
    return Jitter(
        at_rest.sum(axis=0),
        _mean(_step_px(track.raw_xy), at_rest),
        _mean(_step_px(track.xy), at_rest),
        np.sqrt(_mean(_acceleration(track.raw_xy, track.time_s) ** 2, bend)),
        np.sqrt(_mean(_acceleration(track.xy, track.time_s) ** 2, bend)),
    )


def presence(track: PersonTrack) -> FloatArray:
    """(K, 3) shares of the frames in which each keypoint was measured, predicted, lost."""
    kinds = (State.MEASURED, State.PREDICTED, State.LOST)
    return np.stack([(track.state == kind).mean(axis=0) for kind in kinds], axis=1)


def score_ranks(track: PersonTrack) -> FloatArray:
    """(K, 5) score percentiles 10, 25, 50, 75 and 90 over the frames; NaN if none."""
    ranks = np.full((track.score.shape[1], 5), np.nan)
    for k, scores in enumerate(track.score.T):
        known = scores[np.isfinite(scores)]
        if len(known):
            ranks[k] = np.quantile(known, (0.1, 0.25, 0.5, 0.75, 0.9))
    return ranks


def timing(people: Sequence[PersonTrack]) -> Timing:
    """Frame times of all people together; at least one of them has a row."""
    frame, first = np.unique(np.concatenate([p.frame for p in people]), return_index=True)
    time_s = np.concatenate([p.time_s for p in people])[first]
    step = np.diff(frame)
    return Timing(
        np.diff(time_s)[step == 1] * 1000.0,
        len(frame),
        int((step - 1).sum()),
        float(time_s.min()),
        float(time_s.max()),
    )


def _at_rest(track: PersonTrack, most_px_s: float) -> NDArray[np.bool_]:
    """(T, K) where the mean of the quarter second before and after lie close together."""
    count = len(track.time_s)
    interval = np.diff(track.time_s)
    usual_s = float(np.median(interval)) if len(interval) else 0.0
    window = max(2, round(_REST_WINDOW_S / max(usual_s, 1e-3)))
    if count < 2 * window:
        return np.zeros(track.state.shape, np.bool_)
    place = np.nan_to_num(track.xy)
    total = np.concatenate((np.zeros_like(place[:1]), place.cumsum(axis=0)))
    known = np.isfinite(track.xy[:, :, 0]).cumsum(axis=0)
    known = np.concatenate((np.zeros_like(known[:1]), known))
    before = (total[window:-window] - total[: -2 * window]) / window
    after = (total[2 * window :] - total[window:-window]) / window
    way = np.hypot(*np.moveaxis(after - before, 2, 0))
    is_whole = known[2 * window :] - known[: -2 * window] == 2 * window
    took_s = np.maximum(
        track.time_s[2 * window - 1 :] - track.time_s[: count - 2 * window + 1], 1e-3
    )
    is_close = is_whole & (way / (took_s[:, None] / 2) < most_px_s)
    rest = np.zeros(track.state.shape, np.bool_)
    rest[window : window + len(is_close)] = is_close
    return rest


def _step_px(xy: FloatArray) -> FloatArray:
    step: FloatArray = np.linalg.norm(np.diff(xy, axis=0), axis=2)
    return step


def _acceleration(xy: FloatArray, time_s: FloatArray) -> FloatArray:
    """(T - 2, K) size of the second difference, pixels a second squared."""
    took = np.maximum(np.diff(time_s), 1e-6)[:, None, None]
    velocity = np.diff(xy, axis=0) / took
    change = np.diff(velocity, axis=0) / ((took[1:] + took[:-1]) / 2)
    size: FloatArray = np.linalg.norm(change, axis=2)
    return size


def _mean(values: FloatArray, chosen: NDArray[np.bool_]) -> FloatArray:
    """(K,) mean of the chosen (N, K) values; NaN where there are too few."""
    count = chosen.sum(axis=0)
    total = np.where(chosen, values, 0.0).sum(axis=0)
    return np.where(count >= _LEAST_FRAMES, total / np.maximum(count, 1), np.nan)
