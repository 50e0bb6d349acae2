"""The compared filters, their parameter ranges, and the tuned parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from benchmarks.smoothing import filters
from benchmarks.smoothing.filters import Filter
from steadypose.realtime.smooth.presets import make_smoother

FILE = Path(__file__).with_name("parameters.json")
BUDGET = 0.15
"""Allowed jitter of the filters, as a share of the raw jitter."""
OURS = 0.045
"""Allowed jitter in tuning ours, so that it is quicker than others that are as steady."""
_START = {
    "measurement": 0.0197, "still_acceleration": 0.0465, "slow_acceleration": 0.6,
    "fast_acceleration": 7.0, "still_agility": 1.08, "slow_agility": 6.0, "fast_agility": 12.0,
    "still_decay_s": 0.0545, "slow_decay_s": 1.0, "fast_decay_s": 0.248, "leave_rate": 0.1,
    "sharpness": 0.95, "huber": 6.1, "gate": 0.19, "gate_speed": 0.5,
}  # fmt: skip


class Entry(NamedTuple):
    """A filter with its parameter ranges (low, high), searched on a log scale.

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
    """One of the app's own filters, unchanged."""
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


def parameters() -> dict[str, dict[str, float]]:
    """The tuned parameters of every filter."""
    found: dict[str, dict[str, float]] = json.loads(FILE.read_text())
    return found
