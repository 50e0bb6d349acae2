"""Search the parameters of every filter, the same way for each."""

from __future__ import annotations

import json

import numpy as np

from benchmarks.smoothing import filters
from benchmarks.smoothing.entries import ENTRIES, FILE, Entry, parameters
from benchmarks.smoothing.filters import Parameters
from benchmarks.smoothing.metrics import Quality, judge
from benchmarks.smoothing.prediction import prediction_errors
from benchmarks.smoothing.scene import Floats, Scene
from benchmarks.smoothing.simulator import make_scene
from steadypose.realtime.smooth.kalman import KalmanSmoother

_SEED = 1000


def scenes(seed: int, count: int, *, seconds: float, persons: int) -> list[Scene]:
    """Scenes of both frame rates, near and far people."""
    return [
        make_scene(seed + n, seconds=seconds, fps=(30.0, 60.0)[n % 2], persons=persons)
        for n in range(count)
    ]


def cost(quality: Quality, raw: Quality, entry: Entry) -> float:
    """The cost that tuning minimises: errors and lag, within the allowed jitter."""
    over = max(0.0, quality.jitter / (entry.budget * raw.jitter) - 1.0)
    late = 0.02 * abs(quality.lag_ms) + 0.005 * abs(quality.slow_lag_ms)
    rest = 0.3 * quality.slow + entry.shake * quality.shake + 0.1 * quality.covered
    return quality.rmse + late + rest + 20.0 * over


def _prediction_cost(on: list[Scene], p: Parameters) -> float:
    """The cost of ours adds prediction: accurate in motion, without trembling at rest."""
    noise = filters.imm_noise(p)
    errors = prediction_errors(on, lambda s, k: KalmanSmoother(s, k, noise))
    without, ahead = errors["still"]
    return 0.1 * float(errors["moving"][1]) + 5.0 * max(0.0, float(ahead / without) - 1.08)


def tune(
    entry: Entry,
    on: list[Scene],
    *,
    tries: int,
    start: Parameters | None = None,
) -> dict[str, float]:
    """Random search over the ranges, then increasingly close to the best.

    Args:
        entry: The filter to tune.
        on: Scenes, all of which count.
        tries: Number of parameter sets to try, the same number for every filter.
        start: Parameters to begin with instead of random ones.
    """
    rng = np.random.default_rng(1)
    names = list(entry.ranges)
    low, high = np.log(np.array([entry.ranges[name] for name in names])).T
    raw = judge(on, lambda scene: filters.raw(scene, {}))

    def value(x: Floats) -> float:
        p = to_parameters(x)
        found = cost(judge(on, lambda scene: entry.run(scene, p)), raw, entry)
        return found + (_prediction_cost(on[:1], p) if entry.run is filters.imm else 0.0)

    def to_parameters(x: Floats) -> dict[str, float]:
        return dict(zip(names, np.exp(x).tolist(), strict=True))

    best = np.log(np.array([start[name] for name in names])) if start else rng.uniform(low, high)
    least, width = value(best), 0.6
    for n in range(tries):
        if start is None and n < tries // 4:
            x = rng.uniform(low, high)
        else:
            chosen = rng.random(len(names)) < max(1.5 / len(names), 0.25)
            x = best + np.where(chosen, rng.normal(0, width, len(names)), 0.0)
            x = np.clip(x, low, high)
            width *= 0.994
        if (found := value(x)) < least:
            best, least, width = x, found, min(0.6, width * 1.15)
    print(f"{entry.title}: cost {least:.3f}")
    return {name: float(f"{v:.4g}") for name, v in to_parameters(best).items()}


def tune_all(*, only: str, is_again: bool, tries: int) -> None:
    """Tune the filters and save the parameters.

    Args:
        only: Part of the titles of those that are tuned.
        is_again: Start from the known parameters.
        tries: Parameter sets for each.
    """
    known = parameters() if FILE.exists() else {}
    on = scenes(_SEED, 2, seconds=30.0, persons=8)
    for entry in ENTRIES:
        if entry.ranges and only in entry.title:
            start = known.get(entry.title) if is_again else entry.start
            known[entry.title] = tune(entry, on, tries=tries, start=start)
            FILE.write_text(json.dumps(known, indent=1) + "\n")
