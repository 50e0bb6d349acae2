"""Simulate keypoints with known truth: a moving figure, and a network's measurements.

The figure stands, reaches (minimum-jerk paths, Flash and Hogan 1985), waves at 1.5 to 3.2 Hz,
punches, squats, walks, and moves slowly and steadily (drifts aside, leans, raises an arm), computed
at 240 Hz. Measurements come at 30 or 60 frames a second with jittered time stamps and dropped
frames; their noise has heavy tails and a correlated part, the score falls with the noise, limbs are
temporarily occluded, single keypoints jump for one to three frames, left and right are swapped at
times. All lengths are in units of S, the standing height, until a scene is scaled.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.smoothing.figure import figure
from benchmarks.smoothing.scene import FINE_HZ, Bools, Floats, Scene, between
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.boxes import settle
from steadypose.realtime.tracking.framing import Framing

_INDEX = {name: k for k, name in enumerate(COCO17.keypoints)}
# Noise of a keypoint relative to the average one.
_FACTOR = np.array([0.8] * 5 + [1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.25, 1.25, 1.0, 1.0, 1.1, 1.1])


def make_scene(seed: int, *, seconds: float = 40.0, fps: float = 30.0, persons: int = 6) -> Scene:
    """A scene with measurements; half of the people are seen down to the hips only.

    Args:
        seed: Determines figures, sizes and noise.
        seconds: Length.
        fps: Nominal frame rate.
        persons: P.
    """
    rng = np.random.default_rng(seed)
    height_px = np.exp(rng.uniform(math.log(140), math.log(900), persons))
    fine = np.stack([figure(seconds, rng) for _ in range(persons)], axis=1)
    time_s = np.cumsum(np.clip(rng.normal(1, 0.12, int(seconds * fps)), 0.5, 1.5)) / fps
    time_s = time_s[(rng.random(len(time_s)) > 0.02) & (time_s < seconds - 0.01)]
    truth = between(fine, time_s)
    velocity = np.gradient(fine, 1 / FINE_HZ, axis=0)
    speed = np.linalg.norm(velocity, axis=3)[(time_s * FINE_HZ).astype(int)]
    is_there = np.ones((persons, 17), np.bool_)
    is_there[1::2, _INDEX["left_knee"] :] = False
    size = np.stack([_box_size(truth[:, p], time_s, is_there[p]) for p in range(persons)], 1)
    parts = [_measure(truth[:, p], size[:, p], time_s, is_there[p], rng) for p in range(persons)]
    scale = height_px[:, None, None]
    return Scene(
        time_s=time_s,
        truth=truth * scale,
        measured=np.stack([part[0] for part in parts], axis=1) * scale,
        score=np.stack([part[1] for part in parts], axis=1),
        size_px=size * height_px,
        height_px=height_px,
        speed=speed,
        is_outlier=np.stack([part[2] for part in parts], axis=1),
        is_covered=np.stack([part[3] for part in parts], axis=1),
        is_there=is_there,
        fine_truth=fine * scale,
    )


def _box_size(truth: Floats, time_s: Floats, is_there: Bools) -> Floats:
    """(T,) longer side of the app's box, smoothed in the same way."""
    framing = Framing(COCO17)
    scale = 1000.0  # boxes are placed in pixels; nothing here is near a frame's edge
    sizes = np.empty(len(time_s))
    box: BBox | None = None
    for n, xy in enumerate(truth):
        target = framing.box((xy + 3.0) * scale, is_there, (9000, 9000))
        assert target is not None  # a whole upper body is always present
        box = target if box is None else settle(box, target, time_s[n] - time_s[n - 1])
        sizes[n] = max(box.width, box.height) / scale
    return sizes


def _measure(
    truth: Floats, size: Floats, time_s: Floats, is_there: Bools, rng: np.random.Generator
) -> tuple[Floats, Floats, Bools, Bools]:
    """Simulate a network's measurements of one person; noise scales with the crop, so the box."""
    count, k = truth.shape[:2]
    covered = _intervals(time_s, k, rate_hz=0.04, length_s=(0.2, 0.9), rng=rng)
    # The level of the noise wanders slowly and differs between scenes.
    level = float(np.exp(rng.uniform(math.log(0.004), math.log(0.018)))) * np.exp(
        0.35 * _wander(time_s, k, 0.7, rng)
    )
    level = level * _FACTOR * np.where(covered, 3.0, 1.0)
    heavy = np.clip(rng.standard_t(4, (count, k, 2)), -8, 8) / math.sqrt(2.0)
    lasting = np.stack([_wander(time_s, k, 0.12, rng) for _ in range(2)], axis=2)
    noise = (level * size[:, None])[..., None] * (0.8 * heavy + 0.6 * lasting)
    score = 0.95 * np.exp(-14.0 * level) + rng.normal(0, 0.05, (count, k))
    score = np.where(covered, score * rng.uniform(0.15, 0.6, (count, k)), score)
    measured = truth + noise
    is_outlier = _jumps(measured, score, time_s, covered, rng)
    _swap_sides(measured, time_s, rng)
    score = np.clip(score, 0.02, 1.0)
    is_missing = (rng.random((count, k)) < 0.01) | ~is_there
    score[is_missing] = 0.0
    measured[is_missing] = np.nan
    return measured, score, is_outlier & is_there, covered


def _wander(time_s: Floats, k: int, tau_s: float, rng: np.random.Generator) -> Floats:
    """(T, k) unit variance noise that is correlated over ``tau_s``."""
    keep = np.exp(-np.diff(time_s, prepend=time_s[0] - 1.0) / tau_s)
    shock = rng.standard_normal((len(time_s), k))
    found = np.empty_like(shock)
    state = shock[0]
    for n in range(len(time_s)):
        state = keep[n] * state + math.sqrt(1 - keep[n] ** 2) * shock[n]
        found[n] = state
    return found


def _intervals(
    time_s: Floats, k: int, *, rate_hz: float, length_s: tuple[float, float],
    rng: np.random.Generator,
) -> Bools:  # fmt: skip
    found = np.zeros((len(time_s), k), np.bool_)
    for column in range(k):
        begin = float(rng.exponential(1 / rate_hz))
        while begin < time_s[-1]:
            length = float(rng.uniform(*length_s))
            found[(time_s >= begin) & (time_s < begin + length), column] = True
            begin += length + float(rng.exponential(1 / rate_hz))
    return found


def _jumps(
    measured: Floats, score: Floats, time_s: Floats, covered: Bools, rng: np.random.Generator
) -> Bools:
    """Let keypoints jump away for one to three frames, with a medium score."""
    found = np.zeros(score.shape, np.bool_)
    count, k = score.shape
    for _ in range(int(0.25 * time_s[-1] * k / 3)):
        frame, column = int(rng.integers(10, count - 4)), int(rng.integers(k))
        rows = slice(frame, frame + int(rng.integers(1, 4)))
        if found[frame - 8 : frame + 8, column].any() or covered[rows, column].any():
            continue
        turn, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.12, 0.5)
        measured[rows, column] += far * np.array((math.cos(turn), math.sin(turn)))
        score[rows, column] *= rng.uniform(0.4, 1.0)
        found[rows, column] = True
    return found


def _swap_sides(measured: Floats, time_s: Floats, rng: np.random.Generator) -> None:
    for _ in range(int(time_s[-1] / 12)):
        a, b = COCO17.flip_pairs[int(rng.integers(2, len(COCO17.flip_pairs)))]
        frame = int(rng.integers(5, len(time_s) - 8))
        rows = slice(frame, frame + int(rng.integers(1, 5)))
        measured[rows, [a, b]] = measured[rows, [b, a]]
