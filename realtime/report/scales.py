"""Chart axes: positions of values, tick marks and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.report.words import MINUS

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
DEGREE_STEPS = (1.0, 5.0, 10.0, 15.0, 30.0, 45.0, 90.0, 180.0, 360.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis: the values at its two ends, and the marked values with their labels.

    ``low`` may be the greater one, which reverses the axis. ``unit`` is written above a
    vertical axis.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    unit: str = ""

    def share(self, value: FloatArray | float) -> FloatArray:
        """How far along the axis a value lies, 0 at ``low`` and 1 at ``high``."""
        return (np.asarray(value, np.float64) - self.low) / (self.high - self.low)

    def turned(self) -> Scale:
        """The same axis reversed, as y runs in an image."""
        return Scale(self.high, self.low, self.ticks, self.unit)


def nice_ticks(
    low: float, high: float, *, count: int = 5, steps: Sequence[float] = ()
) -> list[float]:
    """Round values within a range, about ``count`` of them.

    Args:
        low: Least value.
        high: Greatest value; equal ends are moved apart.
        count: Most steps that may fit, 1 or more.
        steps: Distances to choose from; by default 1, 2 or 5 times a power of ten.

    Returns:
        Increasing values, at least one.
    """
    if high <= low:
        low, high = low - 0.5, low + 0.5
    least = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(least))
    usual = [factor * power for factor in (1, 2, 5, 10)]
    step = next((step for step in steps or usual if step >= least * (1 - 1e-9)), 0.0)
    step = step or steps[-1] * math.ceil(least / steps[-1])
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [round(n * step, 10) for n in range(first, last + 1)]
    return ticks or [round((low + high) / 2, 10)]


def number_scale(
    low: float,
    high: float,
    *,
    count: int = 5,
    steps: Sequence[float] = (),
    suffix: str = "",
    unit: str = "",
) -> Scale:
    """An axis of plain numbers; the suffix follows each label."""
    if not high > low:
        low, high = low - 0.5, low + 0.5
    ticks = nice_ticks(low, high, count=count, steps=steps)
    labels = [f"{tick:.10g}".replace("-", MINUS) + suffix for tick in ticks]
    return Scale(low, high, tuple(zip(ticks, labels, strict=True)), unit)


def time_scale(low_s: float, high_s: float) -> Scale:
    """An axis of seconds, labelled 0.5 s, 12 s, 1:30 or 1:05:00."""
    if not high_s > low_s:
        high_s = low_s + 1.0
    steps = _TIME_STEPS if high_s - low_s > 8 else ()
    ticks = nice_ticks(low_s, high_s, count=8, steps=steps)
    is_long = high_s >= 120
    return Scale(low_s, high_s, tuple((t, clock(t) if is_long else f"{t:g} s") for t in ticks))


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
