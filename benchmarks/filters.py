"""The filters people use for keypoints, in one form, to compare ours with.

Each is a function of a scene and its parameters that returns (T, K, 2) filtered
positions, pixels. Except where a filter has a rule of its own, keypoints that the network
did not find (score 0) are not used and the last output is held, which is what programs do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.simulator import Floats, Scene
from realtime.datatypes import State
from realtime.smooth.base import Smoother
from realtime.smooth.imm import ImmNoise, ImmSmoother
from realtime.smooth.kalman import PLAIN, KalmanSmoother, Noise

Parameters = Mapping[str, float]
Filter = Callable[[Scene, Parameters], Floats]


def raw(scene: Scene, _: Parameters) -> Floats:
    """What the network says."""
    return hold(scene.measured)


def hold(xy: Floats) -> Floats:
    """Repeat the last known position where one is missing."""
    found = xy.copy()
    for n in range(1, len(found)):
        found[n] = np.where(np.isnan(found[n]), found[n - 1], found[n])
    return np.nan_to_num(found)


def moving_average(scene: Scene, p: Parameters) -> Floats:
    """Mean of the last ``frames`` positions."""
    held, frames = hold(scene.measured), max(1, round(p["frames"]))
    total = np.cumsum(held, axis=0)
    found = held.copy()
    for n in range(len(held)):
        first = max(0, n - frames + 1)
        found[n] = (total[n] - (total[first - 1] if first else 0.0)) / (n - first + 1)
    return found


def exponential(scene: Scene, p: Parameters) -> Floats:
    """Low-pass with a time constant in seconds."""
    held = hold(scene.measured)
    keep = np.exp(-np.diff(scene.time_s, prepend=scene.time_s[0]) / p["tau_s"])
    for n in range(1, len(held)):
        held[n] = keep[n] * held[n - 1] + (1 - keep[n]) * held[n]
    return held


def one_euro(scene: Scene, p: Parameters) -> Floats:
    """One Euro filter as published: per coordinate, in pixels.

    Source: Casiez, Roussel, Vogel (CHI 2012).
    """
    held = hold(scene.measured)
    found, rate = held.copy(), np.zeros(held.shape[1:])
    for n in range(1, len(held)):
        dt = scene.time_s[n] - scene.time_s[n - 1]
        rate = rate + _alpha(1.0, dt) * ((held[n] - found[n - 1]) / dt - rate)
        share = _alpha(p["cutoff_hz"] + p["beta"] * np.abs(rate), dt)
        found[n] = found[n - 1] + share * (held[n] - found[n - 1])
    return found


def one_euro_strong(scene: Scene, p: Parameters) -> Floats:
    """One Euro on the speed vector in person sizes, with a distance gate."""
    held, size = hold(scene.measured), scene.size_px
    found, rate = held.copy(), np.zeros(held.shape[1:])
    refused_s = np.zeros(held.shape[1])
    for n in range(1, len(held)):
        dt = scene.time_s[n] - scene.time_s[n - 1]
        far = np.linalg.norm(held[n] - found[n - 1], axis=1) > p["gate"] * size
        refused_s = np.where(far, refused_s + dt, 0.0)
        is_used = (scene.score[n] > 0) & (~far | (refused_s > 0.14))
        target = np.where(is_used[:, None], held[n], found[n - 1])
        rate = rate + _alpha(p["rate_hz"], dt) * ((target - found[n - 1]) / dt - rate)
        speed = np.linalg.norm(rate, axis=1, keepdims=True) / size
        share = _alpha(p["cutoff_hz"] + p["beta"] * speed, dt)
        found[n] = found[n - 1] + share * (target - found[n - 1])
    return found


def _alpha(cutoff_hz: Floats | float, dt: float) -> Floats | float:
    return 1.0 / (1.0 + 1.0 / (2 * math.pi * cutoff_hz * dt))


def relative_velocity(scene: Scene, p: Parameters) -> Floats:
    """MediaPipe's landmark filter: the share follows speed over a window, in object sizes.

    Source: the published description of MediaPipe's RelativeVelocityFilter: alpha =
    1 - 1 / (1 + velocity_scale * |velocity|), velocity as distance over duration summed
    over the last ``frames`` frames.
    """
    held = hold(scene.measured)
    found = held.copy()
    frames = max(1, round(p["frames"]))
    steps = np.diff(held, axis=0, prepend=held[:1]) / scene.size_px
    dts = np.diff(scene.time_s, prepend=scene.time_s[0])
    for n in range(1, len(held)):
        window = slice(max(1, n - frames + 1), n + 1)
        velocity = np.abs(steps[window].sum(axis=0)) / dts[window].sum()
        share = 1.0 - 1.0 / (1.0 + p["scale"] * velocity)
        found[n] = found[n - 1] + share * (held[n] - found[n - 1])
    return found


def seed_project(scene: Scene, _: Parameters) -> Floats:
    """The filter the clip came with: position and velocity, Q 0.9, R 100, per frame.

    A keypoint that is not seen for five frames is forgotten.
    """
    count, k = scene.score.shape
    found = np.zeros((count, k, 2))
    x, v = np.zeros((k, 2)), np.zeros((k, 2))
    p00, p01, p11 = (np.full(k, value) for value in (100.0, 0.0, 100.0))
    unseen = np.full(k, 99)
    for n in range(count):
        p00, p01, p11 = p00 + 2 * p01 + p11 + 0.9, p01 + p11, p11 + 0.9
        x = x + v
        is_seen = scene.score[n] > 0
        is_new = is_seen & (unseen > 5)
        z = np.nan_to_num(scene.measured[n])
        gain = np.where(is_seen & ~is_new, 1.0 / (p00 + 100.0), 0.0)
        offset = z - x
        x, v = x + (p00 * gain)[:, None] * offset, v + (p01 * gain)[:, None] * offset
        p11 = p11 - p01 * gain * p01
        p01 = p01 - p00 * gain * p01
        p00 = p00 - p00 * gain * p00
        x[is_new], v[is_new] = z[is_new], 0.0
        p00[is_new], p01[is_new], p11[is_new] = 100.0, 0.0, 100.0
        unseen = np.where(is_seen, 0, unseen + 1)
        found[n] = np.where((unseen > 5)[:, None], np.nan, x)
    return hold(found)


def follow(scene: Scene, smoother: Smoother) -> Floats:
    """Run one of the app's own smoothers; what it calls lost holds its last position."""
    size = np.array([scene.size_px])
    found = np.empty_like(scene.truth)
    for n, time_s in enumerate(scene.time_s):
        xy, score = np.nan_to_num(scene.measured[n])[None], scene.score[n][None]
        smoother.predict(float(time_s))
        if n == 0:
            smoother.begin(0, xy[0], score[0], scene.size_px)
        else:
            smoother.update(xy, score, size)
        is_lost = smoother.state[0] == State.LOST
        found[n] = np.where(is_lost[:, None], np.nan, smoother.xy[0])
    return hold(found)


def plain_kalman(scene: Scene, p: Parameters) -> Floats:
    """Textbook constant velocity, as filterpy gives it; noise in person sizes."""
    noise = Noise(
        measurement=p["measurement"],
        acceleration=p["acceleration"],
        agility=0.0,
        decay_s=math.inf,
        huber=math.inf,
        gate=math.inf,
        coast_s=PLAIN.coast_s,
        min_score=0.01,
    )
    flat = _with_score(scene, 0.8)  # it knows no scores
    return follow(flat, KalmanSmoother(1, scene.score.shape[1], noise))


def _with_score(scene: Scene, value: float) -> Scene:
    from dataclasses import replace  # noqa: PLC0415

    return replace(scene, score=np.where(scene.score > 0, value, 0.0))


def single_kalman(scene: Scene, p: Parameters) -> Floats:
    """One robust Kalman filter whose noise grows with speed (steadypose before IMM)."""
    noise = Noise(**{name: float(value) for name, value in p.items()})
    return follow(scene, KalmanSmoother(1, scene.score.shape[1], noise))


def imm(scene: Scene, p: Parameters) -> Floats:
    """Ours. Parameters: ``measurement``, ``huber`` and the pairs as still_x and moving_x."""
    return follow(scene, ImmSmoother(1, scene.score.shape[1], imm_noise(p)))


def imm_noise(p: Parameters) -> ImmNoise:
    """Flat parameters of the tuning to the filter's own."""
    start = ImmNoise()

    def pair(name: str) -> tuple[float, float]:
        still, moving = getattr(start, name)
        return p.get(f"still_{name}", still), p.get(f"moving_{name}", moving)

    return ImmNoise(
        measurement=p.get("measurement", start.measurement),
        acceleration=pair("acceleration"),
        agility=pair("agility"),
        decay_s=pair("decay_s"),
        leave_rate=p.get("leave_rate", start.leave_rate),
        huber=p.get("huber", start.huber),
        gate=p.get("gate", start.gate),
        gate_speed=p.get("gate_speed", start.gate_speed),
    )
