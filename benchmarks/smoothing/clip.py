"""Load real keypoints to filter: the measured CSV of the clip the Kalman filter came with.

There is no truth for it. A zero-phase low-pass (Butterworth, second order, run forwards and
backwards, without outliers found by a median of five frames) uses future frames and so has no
lag: a causal filter is better the closer it stays to it, and the steadier it is.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from benchmarks.smoothing.filters import hold
from benchmarks.smoothing.scene import Floats, Scene
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.tracking.boxes import settle
from steadypose.realtime.tracking.framing import Framing

_FPS, _SIZE_HW = 30.0, (360, 640)
_CUTOFF_HZ = 5.0
_SCORE = 0.85  # the file has none; the study counted this as "seen"


def measured_keypoints(path: Path) -> Floats:
    """(F, 17, 2) of a CSV with ``file, x, y, visible`` x 17; NaN where not seen."""
    with path.open(newline="") as file:
        numbers = np.array([[float(v) for v in row[1:52]] for row in csv.reader(file)])
    points = numbers.reshape(len(numbers), 17, 3)
    found: Floats = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
    return found


def load_clip(path: Path) -> Scene:
    """The clip as a scene of one person whose truth is the zero-phase reference."""
    measured = measured_keypoints(path)
    is_seen = ~np.isnan(measured[..., 0])
    time_s = np.arange(len(measured)) / _FPS
    reference = zero_phase(measured)
    velocity = np.gradient(reference, time_s, axis=0)
    size = _sizes(measured, is_seen, time_s)
    height = float(np.median(size))
    none = np.zeros(is_seen.shape, np.bool_)[:, None]
    # Seen in most frames: the rest has no usable reference.
    is_there = is_seen.mean(axis=0) > 0.9
    return Scene(
        time_s=time_s,
        truth=reference[:, None],
        measured=measured[:, None],
        score=np.where(is_seen, _SCORE, 0.0)[:, None],
        size_px=size[:, None],
        height_px=np.array((height,)),
        speed=np.linalg.norm(velocity, axis=2)[:, None] / height,
        is_outlier=none,
        is_covered=none,
        is_there=is_there[None],
        fine_truth=reference[:, None],
    )


def zero_phase(measured: Floats) -> Floats:
    """(T, K, 2) a low-pass without lag over (T, K, 2) measurements; gaps are bridged."""
    from scipy.ndimage import median_filter  # noqa: PLC0415 - not needed by the app
    from scipy.signal import butter, filtfilt  # noqa: PLC0415

    times = np.arange(len(measured))
    found = np.zeros_like(measured)
    b, a = butter(2, _CUTOFF_HZ / (_FPS / 2))
    for k in range(measured.shape[1]):
        is_seen = ~np.isnan(measured[:, k, 0])
        if is_seen.sum() < 20:
            found[:, k] = hold(measured[:, k])
            continue
        for axis in range(2):
            path = np.interp(times, times[is_seen], measured[is_seen, k, axis])
            middle = median_filter(path, 5, mode="nearest")
            spread = 3.0 * np.median(np.abs(path - middle)) + 2.0
            clean = np.where(np.abs(path - middle) > spread, middle, path)
            found[:, k, axis] = filtfilt(b, a, clean)
    return found


def _sizes(measured: Floats, is_seen: np.ndarray, time_s: Floats) -> Floats:
    framing, box = Framing(COCO17), None
    sizes = np.full(len(measured), np.nan)
    for n, xy in enumerate(measured):
        target = framing.box(np.nan_to_num(xy), is_seen[n], _SIZE_HW)
        if target is not None:
            box = target if box is None else settle(box, target, 1 / _FPS)
        if box is not None:
            sizes[n] = max(box.width, box.height)
    sizes[np.isnan(sizes)] = np.nanmedian(sizes)
    return sizes


def clip_figures(scene: Scene, found: Floats) -> dict[str, float]:
    """Measures that need no truth, for the keypoints seen nearly always; pixels.

    Returns:
        ``distance``: mean distance to the zero-phase reference. ``acceleration``: mean second
        difference, px per frame²; ``jitter``: the same where the reference moves slower than
        0.15 sizes a second. ``motion``: mean motion from frame to frame there; it
        includes true slow movement, so a lagging filter has less of it than the reference.
    """
    there = scene.is_there[0]
    path, truth = found[:, 0, there], scene.truth[:, 0, there]
    step = np.linalg.norm(np.diff(path, axis=0), axis=2)
    rests = scene.speed[1:, 0, there] < 0.15
    bend = np.linalg.norm(np.diff(path, n=2, axis=0), axis=2)
    return {
        "distance": float(np.linalg.norm(path - truth, axis=2)[10:].mean()),
        "jitter": float(bend[rests[1:] & rests[:-1]].mean()),
        "motion": float(step[rests].mean()),
        "acceleration": float(bend.mean()),
    }
