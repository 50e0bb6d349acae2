"""Filters for keypoints on simulated people with known truth, each tuned the same way.

    python -m benchmarks.smoothing            # report on scenes nobody was tuned on
    python -m benchmarks.smoothing --tune     # search parameters first (an hour)

Tuning minimises one cost for every filter (``benchmarks.smoothing_metrics.Quality.cost``) on
other scenes than those reported. Parameters are kept in smoothing_parameters.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import filters
from benchmarks.common import guarded, parser, provenance, publish, table
from benchmarks.filters import Filter, Parameters
from benchmarks.simulator import Scene, make_scene
from benchmarks.smoothing_metrics import Quality, judge
from engines.errors import UsageError

FILE = Path(__file__).with_name("smoothing_parameters.json")
_TUNING_SEED, _REPORT_SEED = 1000, 5000


class Entry(NamedTuple):
    """A filter with what its parameters may be: low and high, searched on a log scale."""

    title: str
    run: Filter
    ranges: dict[str, tuple[float, float]]


ENTRIES = (
    Entry("raw", filters.raw, {}),
    Entry("moving average", filters.moving_average, {"frames": (1.0, 20.0)}),
    Entry("exponential", filters.exponential, {"tau_s": (0.01, 0.5)}),
    Entry("One Euro, published", filters.one_euro,
          {"cutoff_hz": (0.05, 5.0), "beta": (1e-4, 0.2)}),
    Entry("One Euro, strengthened", filters.one_euro_strong,
          {"cutoff_hz": (0.05, 5.0), "beta": (0.1, 30.0), "gate": (0.05, 1.0),
           "rate_hz": (0.3, 5.0)}),
    Entry("MediaPipe relative velocity", filters.relative_velocity,
          {"frames": (1.0, 12.0), "scale": (0.1, 30.0)}),
    Entry("constant-velocity Kalman", filters.plain_kalman,
          {"measurement": (0.004, 0.06), "acceleration": (0.2, 60.0)}),
    Entry("seed project's Kalman", filters.seed_project, {}),
    Entry("single robust Kalman", filters.single_kalman,
          {"measurement": (0.005, 0.05), "acceleration": (0.1, 10.0), "agility": (1.0, 40.0),
           "decay_s": (0.05, 1.0), "huber": (1.0, 4.0), "gate": (0.1, 0.8)}),
    Entry("IMM (ours)", filters.imm,
          {"measurement": (0.005, 0.05), "still_acceleration": (0.05, 3.0),
           "moving_acceleration": (3.0, 60.0), "still_agility": (0.01, 6.0),
           "moving_agility": (0.5, 30.0), "still_decay_s": (0.03, 0.5),
           "moving_decay_s": (0.05, 0.8), "leave_rate": (0.05, 3.0), "huber": (1.0, 4.0),
           "gate": (0.1, 0.8), "gate_speed": (0.03, 0.5)}),
)  # fmt: skip


def scenes(seed: int, count: int, *, seconds: float) -> list[Scene]:
    """Scenes of both frame rates, near and far."""
    return [make_scene(seed + n, seconds=seconds, fps=(30.0, 60.0)[n % 2]) for n in range(count)]


def tune(entry: Entry, on: list[Scene], *, tries: int, rng: np.random.Generator) -> Parameters:
    """Random search over the ranges, then around the best: as many tries for every filter."""
    if not entry.ranges:
        return {}

    def draw() -> dict[str, float]:
        return {
            k: float(np.exp(rng.uniform(np.log(a), np.log(b))))
            for k, (a, b) in entry.ranges.items()
        }

    def near(p: Parameters) -> dict[str, float]:
        changed = dict(p)
        for k in rng.choice(list(p), size=int(rng.integers(1, min(3, len(p)) + 1)), replace=False):
            low, high = entry.ranges[k]
            changed[k] = float(np.clip(p[k] * np.exp(rng.normal(0, 0.35)), low, high))
        return changed

    best: tuple[float, dict[str, float]] = (np.inf, {})
    for n in range(tries):
        p = draw() if n < tries // 3 else near(best[1])
        best = min(best, (judge(on, lambda s, p=p: entry.run(s, p)).cost, p), key=lambda b: b[0])  # type: ignore[misc]
    return best[1]


def rows(found: dict[str, tuple[Quality, float]]) -> list[tuple[str, ...]]:
    """Table rows, and what each metric is relative to raw."""
    return [
        (
            title,
            *(f"{v:.2f}" for v in (q.rmse, q.still, q.fast, q.stop, q.covered)),
            f"{q.jitter:.3f}",
            f"{q.lag_ms:.0f}",
            f"{q.shake:.1f}",
            f"{q.leak:.0f}",
            f"{us:.0f}",
        )
        for title, (q, us) in found.items()
    ]


def main() -> None:
    """Tune if asked, then report."""
    options = parser(__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--tune", action="store_true", help="search all parameters again")
    options.add_argument("--only", help="tune only the filter whose title contains this")
    options.add_argument("--tries", type=int, default=90)
    options.add_argument("--count", type=int, default=12, help="scenes of the report")
    arguments = options.parse_args()
    known: dict[str, dict[str, float]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    if arguments.tune:
        on = scenes(_TUNING_SEED, 8, seconds=20.0)
        for entry in ENTRIES:
            if arguments.only is None or arguments.only in entry.title:
                rng = np.random.default_rng(1)
                known[entry.title] = dict(tune(entry, on, tries=arguments.tries, rng=rng))
                FILE.write_text(json.dumps(known, indent=1) + "\n")
    missing = [entry.title for entry in ENTRIES if entry.ranges and entry.title not in known]
    if missing:
        raise UsageError(
            f"{FILE.name} has no parameters for {', '.join(missing)}", fix="run with --tune first"
        )
    report = scenes(_REPORT_SEED, arguments.count, seconds=40.0)
    frames = sum(len(scene.time_s) for scene in report)
    found = {}
    for entry in ENTRIES:
        p = known.get(entry.title, {})
        begin_s = time.perf_counter()
        quality = judge(report, lambda s, e=entry, p=p: e.run(s, p))  # type: ignore[misc]
        found[entry.title] = quality, (time.perf_counter() - begin_s) / frames * 1e6
    head = (
        *("filter", "RMSE", "still", "fast", "stop", "covered", "jitter", "lag, ms"),
        *("shake", "leak, %", "µs a frame (1)"),
    )
    publish(
        f"{len(report)} simulated scenes of 40 s that nothing was tuned on; lengths in % of the "
        f"person's height\n{provenance()}\n\n{table(head, rows(found))}\n\n(1) One person of 17 "
        "keypoints, with the metrics' own work; the simple filters are written for clarity.",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
