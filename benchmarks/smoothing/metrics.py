"""Metrics of a filter on scenes with known truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from benchmarks.smoothing.scene import Floats, Scene


@dataclass(frozen=True, slots=True)
class Quality:
    """Averages over scenes; lengths in % of the person's standing height.

    Attributes:
        rmse: Everywhere except under occlusion.
        still: RMSE while holding still.
        slow: RMSE in slow movement, up to 0.3 heights a second.
        moving: RMSE above 0.3 heights a second.
        fast: RMSE above 1.2 heights a second.
        stop: RMSE just after a fast motion.
        covered: RMSE during occlusion and 0.2 s after it.
        jitter: Mean motion from frame to frame while holding still, per 1/30 s.
        lag_ms: In fast motion, by regression on the velocity; negative: ahead.
        slow_lag_ms: The same in slow movement.
        shake: Mean error of the acceleration, heights/s².
        leak: How much of an outlier's jump reaches the output, %.
    """

    rmse: float
    still: float
    slow: float
    moving: float
    fast: float
    stop: float
    covered: float
    jitter: float
    lag_ms: float
    slow_lag_ms: float
    shake: float
    leak: float


def judge(scenes: Sequence[Scene], run: Callable[[Scene], Floats]) -> Quality:
    """Run a filter on every scene; scenes count alike."""
    rows = [_one(scene, run(scene)) for scene in scenes]
    return Quality(
        **{f.name: float(np.nanmean([row[f.name] for row in rows])) for f in fields(Quality)}
    )


def _one(scene: Scene, found: Floats) -> dict[str, float]:
    scale = scene.height_px[:, None, None]
    offset = (found - scene.truth) / scale
    error = 100 * np.linalg.norm(offset, axis=-1)
    is_free = ~scene.extended(scene.is_covered, after_s=0.2) & scene.is_there
    is_sure = is_free & ~scene.is_outlier
    dt = np.diff(scene.time_s)[:, None, None]
    motion = 100 * np.linalg.norm(np.diff(found, axis=0) / scale, axis=-1) / (30 * dt)
    rests = scene.is_still & is_sure
    velocity = np.gradient(scene.truth / scale, scene.time_s, axis=0)
    jump = np.nan_to_num((scene.measured - scene.truth) / scale) * scene.is_outlier[..., None]
    bend = np.diff(offset, n=2, axis=0) / dt[1:, ..., None] ** 2
    return {
        "rmse": _rms(error, is_free),
        "still": _rms(error, scene.is_still & is_free),
        "slow": _rms(error, scene.is_slow & is_free),
        "moving": _rms(error, scene.is_moving & is_free),
        "fast": _rms(error, scene.is_fast & is_free),
        "stop": _rms(error, scene.is_stop & is_free),
        "covered": _rms(error, ~is_free & scene.is_there),
        "jitter": float(motion[rests[1:] & rests[:-1]].mean()),
        "lag_ms": _lag_ms(velocity, offset, scene.is_fast & is_sure),
        "slow_lag_ms": _lag_ms(velocity, offset, scene.is_slow & is_sure),
        "shake": float(np.linalg.norm(bend, axis=-1)[is_free[2:]].mean()),
        "leak": 100 * _ratio(jump * offset, jump * jump),
    }


def _rms(error: Floats, mask: np.ndarray) -> float:
    return float(np.sqrt(np.mean(error[mask] ** 2))) if mask.any() else float("nan")


def _lag_ms(velocity: Floats, offset: Floats, mask: np.ndarray) -> float:
    """Lag, by regression of the error on the velocity."""
    chosen = velocity * mask[..., None]
    return -1e3 * _ratio(chosen * offset, chosen * velocity)


def _ratio(above: Floats, below: Floats) -> float:
    total = float(below.sum())
    return float(above.sum()) / total if total > 0 else float("nan")
