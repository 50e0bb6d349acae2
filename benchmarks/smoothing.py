"""Filters for keypoints on simulated people with known truth, each tuned the same way.

    python -m benchmarks.smoothing                # report on people nobody was tuned on
    python -m benchmarks.smoothing --tune         # search all parameters first (half an hour)

Every filter may use the same share of the raw jitter (``BUDGET``) and is tuned for the
least error and lag within it; ours is held to less. Tuning and report use other people
and other noise. Parameters are kept in smoothing_parameters.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import filters
from benchmarks.common import guarded, parser, provenance, publish
from benchmarks.filters import Filter, Parameters
from benchmarks.prediction import prediction_errors
from benchmarks.simulator import Floats, Scene, make_scene
from benchmarks.smoothing_metrics import Quality, judge
from realtime.smooth import KalmanSmoother
from realtime.smooth.choice import make_smoother

FILE = Path(__file__).with_name("smoothing_parameters.json")
TUNING_SEED, REPORT_SEED = 1000, 31000
BUDGET = 0.15
"""Jitter that the filters may leave, of the raw jitter."""
OURS = 0.045
"""What our tuning allows; the filter is then the quicker of two that are as steady."""
_START = {
    "measurement": 0.0197, "still_acceleration": 0.0465, "slow_acceleration": 0.6,
    "fast_acceleration": 7.0, "still_agility": 1.08, "slow_agility": 6.0, "fast_agility": 12.0,
    "still_decay_s": 0.0545, "slow_decay_s": 1.0, "fast_decay_s": 0.248, "leave_rate": 0.1,
    "sharpness": 0.95, "huber": 6.1, "gate": 0.19, "gate_speed": 0.5,
}  # fmt: skip


class Entry(NamedTuple):
    """A filter with what its parameters may be: low, high; searched on a log scale.

    ``strength`` are the parameters that trade jitter for lag, with their direction; the
    figure draws a curve along them.
    """

    title: str
    run: Filter
    ranges: dict[str, tuple[float, float]]
    strength: dict[str, float] = {}  # noqa: RUF012 - never changed
    budget: float = BUDGET
    start: dict[str, float] | None = None
    shake: float = 0.25


def _preset(name: str) -> Filter:
    """One of the app's own, as it is."""
    return lambda scene, _: filters.follow(scene, make_smoother(name, *scene.score.shape[1:]))


_IMM_RANGES = {
    "measurement": (0.006, 0.08), "still_acceleration": (0.03, 3.0),
    "slow_acceleration": (0.1, 6.0), "fast_acceleration": (3.0, 80.0),
    "still_agility": (0.01, 6.0), "slow_agility": (0.1, 12.0), "fast_agility": (0.5, 40.0),
    "still_decay_s": (0.02, 0.6), "slow_decay_s": (0.1, 4.0), "fast_decay_s": (0.05, 0.4),
    "leave_rate": (0.05, 3.0), "sharpness": (0.2, 1.0), "huber": (1.0, 8.0), "gate": (0.1, 0.8),
    "gate_speed": (0.02, 0.5),
}  # fmt: skip

ENTRIES = (
    Entry("raw", filters.raw, {}),
    Entry("moving average", filters.moving_average, {"frames": (1.0, 20.0)}, {"frames": 1.0}),
    Entry("exponential", filters.exponential, {"tau_s": (0.01, 0.5)}, {"tau_s": 1.0}),
    Entry("One Euro, published", filters.one_euro,
          {"cutoff_hz": (0.01, 5.0), "beta": (1e-4, 0.2)}, {"cutoff_hz": -1.0, "beta": -1.0}),
    Entry("One Euro, published, for error and lag only", filters.one_euro,
          {"cutoff_hz": (0.01, 5.0), "beta": (1e-4, 0.2)}, shake=0.0),
    Entry("One Euro, strengthened", filters.one_euro_strong,
          {"cutoff_hz": (0.01, 5.0), "beta": (0.1, 30.0), "gate": (0.05, 1.0),
           "rate_hz": (0.3, 5.0)}, {"cutoff_hz": -1.0, "beta": -1.0}),
    Entry("MediaPipe relative velocity", filters.relative_velocity,
          {"frames": (1.0, 12.0), "scale": (0.1, 30.0)}, {"scale": -1.0}),
    Entry("constant-velocity Kalman", filters.plain_kalman,
          {"measurement": (0.004, 0.06), "acceleration": (0.2, 60.0)}, {"measurement": 1.0}),
    Entry("seed project's Kalman", filters.seed_project, {}),
    Entry("single robust Kalman", filters.single_kalman,
          {"measurement": (0.005, 0.08), "acceleration": (0.05, 10.0), "agility": (1.0, 40.0),
           "decay_s": (0.02, 1.0), "huber": (1.0, 8.0), "gate": (0.1, 0.8),
           "gate_speed": (0.02, 0.5)}, {"measurement": 1.0}),
    Entry("steadypose balanced", filters.imm, _IMM_RANGES, {"measurement": 1.0}, OURS, _START),
    Entry("steadypose steady", _preset("steady"), {}),
    Entry("steadypose responsive", _preset("responsive"), {}),
)  # fmt: skip


def scenes(seed: int, count: int, *, seconds: float, persons: int) -> list[Scene]:
    """Scenes of both frame rates, near and far people."""
    return [
        make_scene(seed + n, seconds=seconds, fps=(30.0, 60.0)[n % 2], persons=persons)
        for n in range(count)
    ]


def cost(quality: Quality, raw: Quality, entry: Entry) -> float:
    """What tuning minimises: errors and lag, within the jitter that is allowed."""
    over = max(0.0, quality.jitter / (entry.budget * raw.jitter) - 1.0)
    late = 0.02 * abs(quality.lag_ms) + 0.005 * abs(quality.slow_lag_ms)
    rest = 0.3 * quality.slow + entry.shake * quality.shake + 0.1 * quality.covered
    return quality.rmse + late + rest + 20.0 * over


def _prediction_cost(on: list[Scene], p: Parameters) -> float:
    """Ours also says where people will be: near in motion, without trembling at rest."""
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
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Random search over the ranges, then ever closer around the best.

    Args:
        entry: What to tune.
        on: Scenes, all of which count.
        tries: How many parameter sets to try, the same number for every filter.
        start: Parameters to begin with instead of random ones.
        say: Told of progress.
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
    say(f"{entry.title}: cost {least:.3f}")
    return {name: float(f"{v:.4g}") for name, v in to_parameters(best).items()}


def parameters() -> dict[str, dict[str, float]]:
    """The tuned parameters of every filter."""
    found: dict[str, dict[str, float]] = json.loads(FILE.read_text())
    return found


def _tune_all(arguments: argparse.Namespace) -> None:
    known = parameters() if FILE.exists() else {}
    on = scenes(TUNING_SEED, 2, seconds=30.0, persons=8)
    for entry in ENTRIES:
        if entry.ranges and arguments.only in entry.title:
            start = known.get(entry.title) if arguments.again else entry.start
            known[entry.title] = tune(entry, on, tries=arguments.tries, start=start)
            FILE.write_text(json.dumps(known, indent=1) + "\n")


def main() -> None:
    """Tune if asked, then report."""
    options = parser(__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--tune", action="store_true", help="search all parameters again")
    options.add_argument("--only", default="", help="tune only filters whose title contains this")
    options.add_argument("--again", action="store_true", help="tune on from the parameters known")
    options.add_argument("--tries", type=int, default=200)
    options.add_argument("--count", type=int, default=8, help="scenes of the report")
    options.add_argument("--figure", type=Path, help="also draw jitter against lag")
    arguments = options.parse_args()
    if arguments.tune:
        _tune_all(arguments)
    from benchmarks.smoothing_report import describe, report  # noqa: PLC0415 - after tuning

    on = scenes(REPORT_SEED, arguments.count, seconds=40.0, persons=6)
    summary, rest = report(ENTRIES, parameters(), on, arguments.figure)
    head = f"{describe(on)}\n{provenance()}"
    publish(f"{head}\n\n{summary}\n\n{rest}", arguments.output)
    if arguments.output is not None:
        short = arguments.output.with_name(f"{arguments.output.stem}_summary.md")
        short.write_text(f"{head}\n\n{summary}\n")


if __name__ == "__main__":
    guarded(main)
