"""Where the time goes: stage times in a fixed amount of memory, and their percentiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STAGES = ("crop", "engine", "track", "draw", "record", "show")
_KEPT = 65_536  # frames: half an hour at 30 fps


class Stopwatch:
    """Collects per-frame figures; the newest 65,536 frames count."""

    def __init__(self) -> None:
        self._names = (*STAGES, "overhead", "age")
        self._table = np.zeros((_KEPT, len(self._names)), np.float32)
        self.frames = 0

    def add(self, **milliseconds: float) -> None:
        """Note one frame; the stages and ``age``, in milliseconds."""
        stages = [milliseconds.get(name, 0.0) for name in STAGES]
        overhead = sum(stages) - milliseconds.get("engine", 0.0)
        row = (*stages, overhead, milliseconds.get("age", 0.0))
        self._table[self.frames % _KEPT] = row
        self.frames += 1

    def column(self, name: str) -> NDArray[np.float32]:
        """(F,) one figure of the kept frames, milliseconds; a view, oldest not always first."""
        return self._table[: min(self.frames, _KEPT), self._names.index(name)]

    def percentile(self, name: str, share: float) -> float:
        """Percentile of one figure, milliseconds; NaN before the first frame."""
        column = self.column(name)
        return float(np.percentile(column, share)) if len(column) else float("nan")

    def recent(self, name: str, count: int = 30) -> float:
        """Mean of one figure over the last frames, milliseconds."""
        rows = (np.arange(self.frames - min(count, self.frames), self.frames)) % _KEPT
        column = self._table[rows, self._names.index(name)]
        return float(column.mean()) if len(column) else float("nan")

    def stages_ms(self) -> dict[str, dict[str, float]]:
        """p50 and p95 of every stage."""
        return {
            name: {
                "p50": round(self.percentile(name, 50), 4),
                "p95": round(self.percentile(name, 95), 4),
            }
            for name in STAGES
        }
