"""Where the time goes: stage times in a fixed amount of memory, and their percentiles."""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

STAGES = ("crop", "engine", "track", "draw", "record", "show")
_KEPT = 65_536  # frames: half an hour at 30 fps


def busy_time_s() -> float:
    """Seconds that this thread has worked: CPU time, so other threads' work does not count.

    Windows counts CPU time in steps of 16 ms; there it is the wall clock.
    """
    return time.perf_counter() if sys.platform == "win32" else time.thread_time()


class Stopwatch:
    """Collects per-frame figures; the newest 65,536 frames count."""

    def __init__(self) -> None:
        self._names = (*STAGES, "overhead", "age")
        self._table = np.zeros((_KEPT, len(self._names)), np.float32)
        self.frames = 0

    def add(self, **milliseconds: float) -> None:
        """Note one frame: the stages, ``overhead`` and ``age``, in milliseconds."""
        row = [milliseconds.get(name, 0.0) for name in self._names]
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
