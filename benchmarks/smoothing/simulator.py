"""Keypoints with known truth: a moving figure, and measurements as a network makes them.

The figure stands, reaches (minimum-jerk paths, Flash and Hogan 1985), waves at 1.5 to
3.2 Hz, punches, squats, walks, and moves slowly and steadily (drifts aside, leans, raises an arm),
computed at 240 Hz. Measurements come at 30 or 60
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

from steadypose.engines.skeleton import COCO17
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.boxes import settle
from steadypose.realtime.tracking.framing import Framing

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_FINE_HZ = 240.0
_SWAYS = 0.04  # S/s; who stands still sways by less
_UPPER, _FORE, _THIGH, _SHIN = 0.17, 0.155, 0.245, 0.245
_INDEX = {name: k for k, name in enumerate(COCO17.keypoints)}
# How much worse a keypoint is measured than the average one.
_FACTOR = np.array([0.8] * 5 + [1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.25, 1.25, 1.0, 1.0, 1.1, 1.1])


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Several people before one camera for a while; T frames, P persons, K keypoints, pixels.

    Attributes:
        time_s: (T,) capture times.
        truth: (T, P, K, 2).
        measured: (T, P, K, 2); NaN where the network found nothing.
        score: (T, P, K) in [0, 1].
        size_px: (T, P) longer side of each person's box, as the app knows it.
        height_px: (P,) standing height.
        speed: (T, P, K) true speed, S/s.
        is_outlier: (T, P, K) a jump of one to three frames.
        is_covered: (T, P, K) hidden behind something.
        is_there: (P, K) within the picture at all; a person at a desk has no legs.
        fine_truth: (240 seconds, P, K, 2) truth between the frames.
    """

    time_s: Floats
    truth: Floats
    measured: Floats
    score: Floats
    size_px: Floats
    height_px: Floats
    speed: Floats
    is_outlier: Bools
    is_covered: Bools
    is_there: Bools
    fine_truth: Floats

    @property
    def is_still(self) -> Bools:
        """(T, P, K) no more than swaying for a quarter of a second."""
        return self._lasting(self.speed < _SWAYS, before_s=0.25)

    @property
    def is_slow(self) -> Bools:
        """(T, P, K) in slow movement for a quarter of a second: more than swaying."""
        return self._lasting((self.speed > _SWAYS) & (self.speed < 0.3), before_s=0.25)

    @property
    def is_moving(self) -> Bools:
        """(T, P, K)."""
        return self.speed > 0.3

    @property
    def is_fast(self) -> Bools:
        """(T, P, K)."""
        return self.speed > 1.2

    @property
    def is_stop(self) -> Bools:
        """(T, P, K) slow, within 0.3 s of having been fast: where filters overshoot."""
        return self.extended(self.is_fast, after_s=0.3) & (self.speed < 0.3)

    def extended(self, mask: Bools, *, after_s: float) -> Bools:
        """A mask that also holds for a while after it did."""
        found = mask.copy()
        for shift in range(1, self._frames(after_s) + 1):
            found[shift:] |= mask[:-shift]
        return found

    def _lasting(self, mask: Bools, *, before_s: float) -> Bools:
        found = mask.copy()
        for shift in range(1, self._frames(before_s) + 1):
            found[shift:] &= mask[:-shift]
        return found

    def _frames(self, seconds: float) -> int:
        return int(seconds / float(np.median(np.diff(self.time_s))))

    def truth_at(self, time_s: Floats) -> Floats:
        """(N, P, K, 2) true positions at other times, pixels."""
        return _between(self.fine_truth, time_s)


def _between(fine: Floats, time_s: Floats) -> Floats:
    place = np.clip(time_s * _FINE_HZ, 0, len(fine) - 1.001)
    low = place.astype(int)
    share = (place - low).reshape(-1, *[1] * (fine.ndim - 1))
    found: Floats = fine[low] * (1 - share) + fine[low + 1] * share
    return found


def minimum_jerk(x: Floats) -> Floats:
    """0 to 1 as a hand moves: no jolt at either end."""
    x = np.clip(x, 0.0, 1.0)
    path: Floats = x**3 * (10.0 - 15.0 * x + 6.0 * x * x)
    return path


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """What the figure does, by time: arm angles, depth of squats, steps, place, leaning."""

    time_s: Floats
    arms: Floats
    dip: Floats
    walk: Floats
    shift: Floats
    lean: Floats


def figure(seconds: float, rng: np.random.Generator) -> Floats:
    """(240 seconds, 17, 2) true positions in S, origin between the feet, y down."""
    count = int(seconds * _FINE_HZ)
    t = np.arange(count) / _FINE_HZ
    arms = np.tile(np.array((0.15, 0.3)), (2, count, 1))  # upper arm, forearm; side, time
    body = _Body(t, arms, *np.zeros((4, count)))
    begin = 0.0
    while begin < seconds:
        length = float(rng.uniform(1.5, 3.5))
        act = rng.choice(
            ("still", "still", "talk", "talk", "reach", "reach", "wave", "punch", "squat", "walk",
             "slow", "slow")
        )  # fmt: skip
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
        _reach(arms[side], t, begin, end, rng)
    elif act == "wave":
        rate = float(rng.uniform(1.5, 3.2))
        arms[side, inside, 0] += fade * (2.0 - arms[side, inside, 0])
        wave = 2.9 + float(rng.uniform(0.3, 0.6)) * np.sin(2 * math.pi * rate * local)
        arms[side, inside, 1] += fade * (wave - arms[side, inside, 1])
    elif act == "punch":
        out_s, back_s = rng.uniform(0.18, 0.32, 2)
        for n in range(int(length / 0.7)):
            out = minimum_jerk((local - 0.7 * n) / out_s)
            beat = out * minimum_jerk((0.7 * n + 0.65 - local) / back_s)
            arms[(side + n) % 2, inside, 0] += 1.3 * beat
            arms[(side + n) % 2, inside, 1] += 1.25 * beat
    elif act == "talk":
        rates = rng.uniform(0.3, 1.1, 3)
        for k in range(2):
            swing = np.sin(2 * math.pi * rates[k] * local)
            arms[side, inside, k] += fade * (0.4 + 0.5 * k + rng.uniform(0.1, 0.4) * swing)
        body.shift[inside] += 0.04 * fade * np.sin(2 * math.pi * rates[2] * local)
    elif act == "squat":
        body.dip[inside] += 0.22 * fade * (0.5 - 0.5 * np.cos(2 * math.pi * local / 1.5))
    elif act == "walk":
        body.walk[inside] += fade * np.sin(2 * math.pi * 0.9 * local)
        travel = float(rng.uniform(-1, 1)) * 1.2
        body.shift[inside] += travel * minimum_jerk(local / length)
        body.shift[t >= end] += travel
    elif act == "slow":
        _move_slowly(body, begin, float(rng.uniform(1.0, 4.0)), rng)


def _reach(angles: Floats, t: Floats, begin: float, end: float, rng: np.random.Generator) -> None:
    inside = (t >= begin) & (t < end)
    move_s = float(rng.uniform(0.35, 0.9))
    for k, limit in ((0, 2.7), (1, 3.0)):
        start, goal = angles[inside, k][:1], rng.uniform(0.1, limit)
        path = start + (goal - start) * minimum_jerk((t[inside] - begin) / move_s)
        angles[inside, k] = path
        angles[t >= end, k] = path[-1] if path.size else goal


def _move_slowly(body: _Body, begin: float, length: float, rng: np.random.Generator) -> None:
    """Drift aside, lean over and back, or raise or lower an arm, at one speed."""
    t, speed = body.time_s, float(np.exp(rng.uniform(math.log(0.05), math.log(0.25))))
    way = _steady(t - begin, length)
    kind, sign = int(rng.integers(3)), float(rng.choice((-1.0, 1.0)))
    if kind == 0:
        body.shift[:] += sign * speed * way
    elif kind == 1:
        most = min(speed, 0.4 / length)  # nobody leans farther over than a fifth of the height
        body.lean[:] += sign * most * (_steady(t - begin, length / 2) * 2 - way)
    else:
        angles = body.arms[int(rng.integers(2))]
        now = angles[np.searchsorted(t, begin) - 1]
        turn = speed / (_UPPER + _FORE) * way
        if now[0] > 1.4:
            turn = -turn
        angles[:] = np.where((t >= begin)[:, None], np.clip(now + turn[:, None], 0.1, 2.9), angles)


def _steady(local: Floats, length: float) -> Floats:
    """Seconds of way at unit speed, which is taken up and given up within a quarter of one."""
    pace = minimum_jerk(local / 0.25) * minimum_jerk((length - local) / 0.25)
    way: Floats = np.cumsum(pace) / _FINE_HZ
    return way


def _assemble(body: _Body, rng: np.random.Generator) -> Floats:
    """Forward kinematics; a standing person sways by a few thousandths of S."""
    t, arms, dip, walk = body.time_s, body.arms, body.dip, body.walk
    shift, upper_shift = body.shift, body.shift + body.lean
    phase = rng.uniform(0, 2 * math.pi, 3)
    sway = 0.003 * np.sin(2 * math.pi * 0.35 * t + phase[0]) + 0.002 * np.sin(
        2 * math.pi * 0.8 * t + phase[1]
    )
    xy = np.zeros((len(t), 17, 2))

    def put(name: str, x: Floats, y: Floats) -> None:
        xy[:, _INDEX[name]] = np.stack((x, y), 1)

    hip_y, shoulder_y = -0.50 + dip, -0.815 + dip
    head_x, head_y = upper_shift + 1.6 * sway, shoulder_y - 0.115
    put("nose", head_x, head_y + 0.008)
    for side, sign in enumerate((1.0, -1.0)):
        name = ("left", "right")[side]
        put(f"{name}_eye", head_x + sign * 0.019, head_y - 0.012)
        put(f"{name}_ear", head_x + sign * 0.044, head_y - 0.002)
        shoulder = np.stack((upper_shift + 1.2 * sway + sign * 0.125, shoulder_y), 1)
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


def make_scene(seed: int, *, seconds: float = 40.0, fps: float = 30.0, persons: int = 6) -> Scene:
    """A scene with measurements; half of the people are seen down to the hips only.

    Args:
        seed: Everything about it: figures, sizes, noise.
        seconds: Length.
        fps: Nominal frame rate.
        persons: P.
    """
    rng = np.random.default_rng(seed)
    height_px = np.exp(rng.uniform(math.log(140), math.log(900), persons))
    fine = np.stack([figure(seconds, rng) for _ in range(persons)], axis=1)
    time_s = np.cumsum(np.clip(rng.normal(1, 0.12, int(seconds * fps)), 0.5, 1.5)) / fps
    time_s = time_s[(rng.random(len(time_s)) > 0.02) & (time_s < seconds - 0.01)]
    truth = _between(fine, time_s)
    velocity = np.gradient(fine, 1 / _FINE_HZ, axis=0)
    speed = np.linalg.norm(velocity, axis=3)[(time_s * _FINE_HZ).astype(int)]
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
    """(T,) longer side of the box the app would have, settled as it settles."""
    framing = Framing(COCO17)
    scale = 1000.0  # boxes are placed in pixels; nothing here is near a frame's edge
    sizes = np.empty(len(time_s))
    box: BBox | None = None
    for n, xy in enumerate(truth):
        target = framing.box((xy + 3.0) * scale, is_there, (9000, 9000))
        assert target is not None  # a whole upper body is always there
        box = target if box is None else settle(box, target, time_s[n] - time_s[n - 1])
        sizes[n] = max(box.width, box.height) / scale
    return sizes


def _measure(
    truth: Floats, size: Floats, time_s: Floats, is_there: Bools, rng: np.random.Generator
) -> tuple[Floats, Floats, Bools, Bools]:
    """One person as a network sees it; its noise is relative to the crop, so to the box."""
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
