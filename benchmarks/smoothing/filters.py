"""Common filters for keypoints behind one interface, for comparison with ours.

Each is a function of a scene and its parameters that returns (T, P, K, 2) filtered
positions, pixels. Except where a filter has a rule of its own, keypoints that the network
did not find (score 0) are not used and the last output is held, which is what programs do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.smoothing.scene import Floats, Scene
from steadypose.realtime.datatypes import State
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.kalman import KalmanSmoother
from steadypose.realtime.smooth.noise import PLAIN, Noise

Parameters = Mapping[str, float]
Filter = Callable[[Scene, Parameters], Floats]


def raw(scene: Scene, _: Parameters) -> Floats:
    """The network's output, unfiltered."""
    return hold(scene.measured)


def hold(xy: Floats) -> Floats:
    """Repeat the last known position where one is missing; at the start, use the first one."""
    found = xy.copy()
    is_known = ~np.isnan(found[..., 0])
    first = np.take_along_axis(found, np.argmax(is_known, axis=0)[None, ..., None], axis=0)
    found[0] = np.where(np.isnan(found[0]), first[0], found[0])
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
    """Published One Euro filter: per coordinate, in pixels.

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
    held = hold(scene.measured)
    found, rate = held.copy(), np.zeros(held.shape[1:])
    refused_s = np.zeros(held.shape[1:-1])
    for n in range(1, len(held)):
        dt, size = scene.time_s[n] - scene.time_s[n - 1], scene.size_px[n][:, None]
        far = np.linalg.norm(held[n] - found[n - 1], axis=-1) > p["gate"] * size
        refused_s = np.where(far, refused_s + dt, 0.0)
        is_used = (scene.score[n] > 0) & (~far | (refused_s > 0.14))
        target = np.where(is_used[..., None], held[n], found[n - 1])
        rate = rate + _alpha(p["rate_hz"], dt) * ((target - found[n - 1]) / dt - rate)
        speed = np.linalg.norm(rate, axis=-1, keepdims=True) / size[..., None]
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
    steps = np.diff(held, axis=0, prepend=held[:1]) / scene.size_px[..., None, None]
    dts = np.diff(scene.time_s, prepend=scene.time_s[0])
    for n in range(1, len(held)):
        first = max(1, n - frames + 1)
        while first < n and dts[first : n + 1].sum() > (1 + frames) / 30.0:
            first += 1  # leave out what is older than the window
        window = slice(first, n + 1)
        velocity = np.abs(steps[window].sum(axis=0)) / dts[window].sum()
        share = 1.0 - 1.0 / (1.0 + p["scale"] * velocity)
        found[n] = found[n - 1] + share * (held[n] - found[n - 1])
    return found


def seed_project(scene: Scene, _: Parameters) -> Floats:
    """The filter the clip came with: position and velocity, Q 0.9, R 100, per frame.

    A keypoint that is not seen for five frames is reset.
    """
    found = np.empty_like(scene.truth)
    shape = scene.score.shape[1:]
    x, v = np.zeros((*shape, 2)), np.zeros((*shape, 2))
    p00, p01, p11 = (np.full(shape, value) for value in (100.0, 0.0, 100.0))
    unseen = np.full(shape, 99)
    for n in range(len(found)):
        p00, p01, p11 = p00 + 2 * p01 + p11 + 0.9, p01 + p11, p11 + 0.9
        x = x + v
        is_seen = scene.score[n] > 0
        is_new = is_seen & (unseen > 5)
        z = np.nan_to_num(scene.measured[n])
        gain = np.where(is_seen & ~is_new, 1.0 / (p00 + 100.0), 0.0)
        offset = z - x
        x, v = x + (p00 * gain)[..., None] * offset, v + (p01 * gain)[..., None] * offset
        p11 = p11 - p01 * gain * p01
        p01 = p01 - p00 * gain * p01
        p00 = p00 - p00 * gain * p00
        x[is_new], v[is_new] = z[is_new], 0.0
        p00[is_new], p01[is_new], p11[is_new] = 100.0, 0.0, 100.0
        unseen = np.where(is_seen, 0, unseen + 1)
        found[n] = np.where((unseen > 5)[..., None], np.nan, x)
    return hold(found)


def follow(scene: Scene, smoother: Smoother, *, ahead_s: float | None = None) -> Floats:
    """Run one of the app's own smoothers; a lost keypoint holds its last position.

    Args:
        scene: Measurements.
        smoother: With a slot for each person.
        ahead_s: Return the drawn positions, predicted this far ahead.
    """
    found = np.empty_like(scene.truth)
    for n, time_s in enumerate(scene.time_s):
        smoother.predict(float(time_s))
        smoother.update(scene.measured[n], scene.score[n], scene.size_px[n])
        xy = smoother.xy if ahead_s is None else smoother.ahead(float(time_s) + ahead_s)
        found[n] = np.where((smoother.state == State.LOST)[..., None], np.nan, xy)
    return hold(found)


def _smoother(scene: Scene, noise: Noise) -> KalmanSmoother:
    persons, keypoints = scene.score.shape[1:]
    return KalmanSmoother(persons, keypoints, noise)


def plain_kalman(scene: Scene, p: Parameters) -> Floats:
    """Textbook constant velocity on filterpy; noise in person sizes."""
    noise = replace(
        PLAIN,
        measurement=p["measurement"],
        acceleration=(p["acceleration"],),
        min_score=0.01,
    )
    # It does not use scores.
    flat = replace(scene, score=np.where(scene.score > 0, 1.0, 0.0))
    return follow(flat, _smoother(scene, noise))


def single_kalman(scene: Scene, p: Parameters) -> Floats:
    """One robust Kalman filter whose noise grows with speed."""
    names = ("acceleration", "agility", "decay_s")
    noise = Noise(**{k: (v,) if k in names else v for k, v in p.items()})  # type: ignore[arg-type]
    return follow(scene, _smoother(scene, noise))


def imm(scene: Scene, p: Parameters) -> Floats:
    """Ours. Parameters: those of ``Noise``, triples as still_x, slow_x and fast_x."""
    return follow(scene, _smoother(scene, imm_noise(p)))


def imm_noise(p: Parameters) -> Noise:
    """Convert the tuning's flat parameters to the filter's own."""
    modes = ("still_", "slow_", "fast_")
    triples = {
        name: tuple(p[f"{mode}{name}"] for mode in modes)
        for name in ("acceleration", "agility", "decay_s")
    }
    single = {k: v for k, v in p.items() if not k.startswith(modes)}
    return replace(Noise(), **triples, **single)  # type: ignore[arg-type]
