"""Keypoints with known truth: a moving figure, and measurements as a network makes them.

The figure stands, reaches (minimum-jerk paths, Flash and Hogan 1985), waves at 1.5 to
3.2 Hz, punches, squats and walks, computed at 240 Hz. Measurements come at 30 or 60
frames a second with jittered time stamps and dropped frames; their noise has heavy tails
and a part that lasts from frame to frame, the score falls with the noise, limbs are
covered for a while, single keypoints jump for one to three frames, left and right change
places. All lengths are in units of S, the standing height, until a scene is scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.skeleton import COCO17

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_FINE_HZ = 240.0
_UPPER, _FORE, _THIGH, _SHIN = 0.17, 0.155, 0.245, 0.245
_INDEX = {name: k for k, name in enumerate(COCO17.keypoints)}
# How much worse a keypoint is measured than the average one.
_FACTOR = np.array([0.8] * 5 + [1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.25, 1.25, 1.0, 1.0, 1.1, 1.1])


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One person for a while; T frames, K keypoints, pixels.

    Attributes:
        time_s: (T,) capture times.
        truth: (T, K, 2).
        measured: (T, K, 2); NaN where the network found nothing.
        score: (T, K) in [0, 1].
        size_px: The person's standing height.
        speed: (T, K) true speed, S/s.
        is_outlier: (T, K) a jump of one to three frames.
        is_covered: (T, K) hidden behind something.
        truth_at: Truth at any other times, (N,) to (N, K, 2).
    """

    time_s: Floats
    truth: Floats
    measured: Floats
    score: Floats
    size_px: float
    speed: Floats
    is_outlier: Bools
    is_covered: Bools
    fine_time_s: Floats
    fine_truth: Floats

    @property
    def is_still(self) -> Bools:
        """(T, K) hardly moving for a quarter of a second."""
        return self._lasting(self.speed < 0.08, before_s=0.25)

    @property
    def is_moving(self) -> Bools:
        """(T, K)."""
        return self.speed > 0.3

    @property
    def is_fast(self) -> Bools:
        """(T, K)."""
        return self.speed > 1.2

    @property
    def is_stop(self) -> Bools:
        """(T, K) slow, within 0.3 s of having been fast: where filters overshoot."""
        soon = np.zeros_like(self.is_fast)
        for shift in range(1, int(0.3 / np.median(np.diff(self.time_s))) + 1):
            soon[shift:] |= self.is_fast[:-shift]
        return soon & (self.speed < 0.3)

    def _lasting(self, mask: Bools, *, before_s: float) -> Bools:
        found = mask.copy()
        for shift in range(1, int(before_s / np.median(np.diff(self.time_s))) + 1):
            found[shift:] &= mask[:-shift]
        return found

    def truth_at(self, time_s: Floats) -> Floats:
        """(N, K, 2) true positions at other times, pixels."""
        place = np.clip(time_s * _FINE_HZ, 0, len(self.fine_truth) - 1.001)
        low = place.astype(int)
        share = (place - low)[:, None, None]
        found: Floats = self.fine_truth[low] * (1 - share) + self.fine_truth[low + 1] * share
        return found


def minimum_jerk(x: Floats) -> Floats:
    """0 to 1 as a hand moves: no jolt at either end."""
    x = np.clip(x, 0.0, 1.0)
    path: Floats = x**3 * (10.0 - 15.0 * x + 6.0 * x * x)
    return path


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """What the figure does, by time: arm angles, depth of squats, steps, place."""

    time_s: Floats
    arms: Floats
    dip: Floats
    walk: Floats
    shift: Floats


def figure(seconds: float, rng: np.random.Generator) -> Floats:
    """(240 seconds, 17, 2) true positions in S, origin between the feet, y down."""
    count = int(seconds * _FINE_HZ)
    t = np.arange(count) / _FINE_HZ
    arms = np.tile(np.array((0.15, 0.3)), (2, count, 1))  # upper arm, forearm; side, time
    body = _Body(t, arms, np.zeros(count), np.zeros(count), np.zeros(count))
    begin = 0.0
    while begin < seconds:
        length = float(rng.uniform(1.5, 3.5))
        act = rng.choice(("still", "still", "reach", "reach", "wave", "punch", "squat", "walk"))
        _perform(str(act), body, begin, begin + length, rng)
        begin += length + float(rng.uniform(0.0, 0.6))
    return _assemble(body, rng)


def _perform(act: str, body: _Body, begin: float, end: float, rng: np.random.Generator) -> None:
    t, arms = body.time_s, body.arms
    side = int(rng.integers(2))
    inside = (t >= begin) & (t < end)
    local = t[inside] - begin
    length = end - begin
    fade = minimum_jerk(local / 0.5) * minimum_jerk((length - local) / 0.5)
    if act == "reach":
        move_s = float(rng.uniform(0.35, 0.9))
        for k, limit in ((0, 2.7), (1, 3.0)):
            start, goal = arms[side, inside, k][:1], rng.uniform(0.1, limit)
            path = start + (goal - start) * minimum_jerk(local / move_s)
            arms[side, inside, k] = path
            arms[side, t >= end, k] = path[-1] if path.size else goal
    elif act == "wave":
        rate = float(rng.uniform(1.5, 3.2))
        arms[side, inside, 0] += fade * (2.0 - arms[side, inside, 0])
        wave = 2.9 + float(rng.uniform(0.3, 0.6)) * np.sin(2 * math.pi * rate * local)
        arms[side, inside, 1] += fade * (wave - arms[side, inside, 1])
    elif act == "punch":
        for n in range(int(length / 0.7)):
            beat = minimum_jerk((local - 0.7 * n) / 0.16) * minimum_jerk(
                (0.7 * n + 0.5 - local) / 0.2
            )
            arms[(side + n) % 2, inside, 0] += 1.3 * beat
            arms[(side + n) % 2, inside, 1] += 1.25 * beat
    elif act == "squat":
        body.dip[inside] += 0.22 * fade * (0.5 - 0.5 * np.cos(2 * math.pi * local / 1.5))
    elif act == "walk":
        body.walk[inside] += fade * np.sin(2 * math.pi * 0.9 * local)
        travel = float(rng.uniform(-1, 1)) * 1.2
        body.shift[inside] += travel * minimum_jerk(local / length)
        body.shift[t >= end] += travel


def _assemble(body: _Body, rng: np.random.Generator) -> Floats:
    """Forward kinematics; a standing person sways by a few thousandths of S."""
    t, arms, dip, walk, shift = body.time_s, body.arms, body.dip, body.walk, body.shift
    phase = rng.uniform(0, 2 * math.pi, 3)
    sway = 0.003 * np.sin(2 * math.pi * 0.35 * t + phase[0]) + 0.002 * np.sin(
        2 * math.pi * 0.8 * t + phase[1]
    )
    xy = np.zeros((len(t), 17, 2))

    def put(name: str, x: Floats, y: Floats) -> None:
        xy[:, _INDEX[name]] = np.stack((x, y), 1)

    hip_y, shoulder_y = -0.50 + dip, -0.815 + dip
    head_x, head_y = shift + 1.6 * sway, shoulder_y - 0.115
    put("nose", head_x, head_y + 0.008)
    for side, sign in enumerate((1.0, -1.0)):
        name = ("left", "right")[side]
        put(f"{name}_eye", head_x + sign * 0.019, head_y - 0.012)
        put(f"{name}_ear", head_x + sign * 0.044, head_y - 0.002)
        shoulder = np.stack((shift + 1.2 * sway + sign * 0.125, shoulder_y), 1)
        hip = np.stack((shift + 0.6 * sway + sign * 0.085, hip_y), 1)
        upper = arms[side, :, 0] + 0.25 * sign * walk
        fore = arms[side, :, 1] + 0.4 * sign * walk
        elbow = shoulder + _UPPER * np.stack((sign * np.sin(upper), np.cos(upper)), 1)
        wrist = elbow + _FORE * np.stack((sign * np.sin(fore), np.cos(fore)), 1)
        lift = 0.10 * np.maximum(0.0, sign * walk)
        ankle = np.stack((shift + sign * 0.105, -0.035 - lift), 1)
        middle = (hip + ankle) / 2
        reach = np.linalg.norm(hip - ankle, axis=1)
        bend = np.sqrt(np.maximum(0.0, _THIGH * _SHIN - (reach / 2) ** 2))
        knee = middle + np.stack((sign * bend * 0.8, np.zeros_like(bend)), 1)
        for part, place in (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist),
                            ("hip", hip), ("knee", knee), ("ankle", ankle)):  # fmt: skip
            xy[:, _INDEX[f"{name}_{part}"]] = place
    return xy


def make_scene(seed: int, *, seconds: float = 40.0, fps: float | None = None) -> Scene:
    """A scene with measurements.

    Args:
        seed: Everything about it: figure, size, frame rate, noise.
        seconds: Length.
        fps: 30 or 60; None: by the seed.
    """
    rng = np.random.default_rng(seed)
    fps = fps or float(rng.choice((30.0, 60.0)))
    size_px = float(np.exp(rng.uniform(math.log(140), math.log(900))))
    fine = figure(seconds, rng)
    time_s = np.cumsum(np.clip(rng.normal(1, 0.12, int(seconds * fps)), 0.5, 1.5)) / fps
    time_s = time_s[(rng.random(len(time_s)) > 0.02) & (time_s < seconds - 0.01)]
    at = time_s * _FINE_HZ
    low, share = at.astype(int), (at - at.astype(int))[:, None, None]
    truth = fine[low] * (1 - share) + fine[low + 1] * share
    velocity = np.gradient(fine, 1 / _FINE_HZ, axis=0)
    speed = np.linalg.norm(velocity, axis=2)[low]
    measured, score, is_outlier, is_covered = _measure(truth, time_s, rng)
    scale = size_px
    return Scene(
        time_s=time_s,
        truth=truth * scale,
        measured=measured * scale,
        score=score,
        size_px=size_px,
        speed=speed,
        is_outlier=is_outlier,
        is_covered=is_covered,
        fine_time_s=np.arange(len(fine)) / _FINE_HZ,
        fine_truth=fine * scale,
    )


def _measure(
    truth: Floats, time_s: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Bools, Bools]:
    count, k = truth.shape[:2]
    covered = _intervals(time_s, k, rate_hz=0.04, length_s=(0.2, 0.9), rng=rng)
    # The level of the noise wanders slowly and differs between scenes.
    level = float(rng.uniform(0.006, 0.018)) * np.exp(0.35 * _wander(time_s, k, 0.7, rng))
    level = level * _FACTOR * np.where(covered, 3.0, 1.0)
    heavy = np.clip(rng.standard_t(4, (count, k, 2)), -8, 8) / math.sqrt(2.0)
    lasting = np.stack([_wander(time_s, k, 0.12, rng) for _ in range(2)], axis=2)
    noise = level[..., None] * (0.8 * heavy + 0.6 * lasting)
    score = 0.95 * np.exp(-14.0 * level) + rng.normal(0, 0.05, (count, k))
    score = np.where(covered, score * rng.uniform(0.15, 0.6, (count, k)), score)
    measured = truth + noise
    is_outlier = _jumps(measured, score, time_s, covered, rng)
    _swap_sides(measured, time_s, rng)
    score = np.clip(score, 0.02, 1.0)
    is_missing = rng.random((count, k)) < 0.01
    score[is_missing] = 0.0
    measured[is_missing] = np.nan
    return measured, score, is_outlier, covered


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
    """Let keypoints jump away for one to three frames, at a fair score."""
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
