"""Simulate a moving figure: stand, talk, reach, wave, punch, squat, walk, drift.

Reaches are minimum-jerk paths (Flash and Hogan 1985). Lengths are in units of S, the
standing height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.smoothing.scene import FINE_HZ, Floats
from steadypose.engines.skeletons.people import COCO17

_UPPER, _FORE, _THIGH, _SHIN = 0.17, 0.155, 0.245, 0.245
_INDEX = {name: k for k, name in enumerate(COCO17.keypoints)}


def minimum_jerk(x: Floats) -> Floats:
    """Minimum-jerk path from 0 to 1, like a hand's: smooth at both ends."""
    x = np.clip(x, 0.0, 1.0)
    path: Floats = x**3 * (10.0 - 15.0 * x + 6.0 * x * x)
    return path


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """The figure's motion over time: arm angles, depth of squats, steps, position, leaning."""

    time_s: Floats
    arms: Floats
    dip: Floats
    walk: Floats
    shift: Floats
    lean: Floats


def figure(seconds: float, rng: np.random.Generator) -> Floats:
    """(240 seconds, 17, 2) true positions in S, origin between the feet, y down."""
    count = int(seconds * FINE_HZ)
    t = np.arange(count) / FINE_HZ
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
        most = min(speed, 0.4 / length)  # people lean over by at most a fifth of the height
        body.lean[:] += sign * most * (_steady(t - begin, length / 2) * 2 - way)
    else:
        angles = body.arms[int(rng.integers(2))]
        now = angles[np.searchsorted(t, begin) - 1]
        turn = speed / (_UPPER + _FORE) * way
        if now[0] > 1.4:
            turn = -turn
        angles[:] = np.where((t >= begin)[:, None], np.clip(now + turn[:, None], 0.1, 2.9), angles)


def _steady(local: Floats, length: float) -> Floats:
    """Distance at unit speed, in seconds, with a quarter second to accelerate and to stop."""
    pace = minimum_jerk(local / 0.25) * minimum_jerk((length - local) / 0.25)
    way: Floats = np.cumsum(pace) / FINE_HZ
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
