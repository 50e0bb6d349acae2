"""Times of a run, in a fixed amount of memory: stages, frame rate, CPU time."""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

STAGES = ("crop", "engine", "track", "draw", "record", "show")
_COLUMNS = (*STAGES, "overhead", "age")
_KEPT = 65_536  # frames: half an hour at 30 fps


def busy_time_s() -> float:
    """CPU time of this thread, seconds; other threads do not count.

    Windows counts CPU time in steps of 16 ms, so there it is the wall clock.
    """
    return time.perf_counter() if sys.platform == "win32" else time.thread_time()


class Clock:
    """Times of one run; per-frame figures cover the newest 65,536 frames."""

    def __init__(self) -> None:
        self.frames = 0
        self._table = np.zeros((_KEPT, len(_COLUMNS)), np.float32)
        self._begin_s = self._first_s = self._end_s = 0.0
        self._begin_cpu_s = self._cpu_s = 0.0
        self._busy_s = self._apart_s = 0.0

    def begin(self) -> None:
        """Mark the start of the loop."""
        self._begin_s = self._end_s = time.perf_counter()
        self._busy_s, self._begin_cpu_s = busy_time_s(), time.process_time()

    def end(self) -> None:
        """Mark the end of the loop."""
        self._cpu_s = time.process_time() - self._begin_cpu_s

    def apart(self) -> Clock:
        """Context for calls of engine and source: their CPU time does not count as overhead."""
        return self

    def __enter__(self) -> None:
        self._apart_s -= busy_time_s()

    def __exit__(self, *_: object) -> None:
        self._apart_s += busy_time_s()

    def frame_done(self, *, captured_s: float, is_seen: bool = True, **stages_s: float) -> int:
        """Record the times of a frame delivered now.

        Args:
            captured_s: When it was taken.
            is_seen: It has its age now. Else it has it, and its time of ``show``, once ``seen``
                is called; without that, none.
            stages_s: Times of the stages other than ``show``, seconds.

        Returns:
            The frame's number, for ``seen``.
        """
        self._end_s = now_s = time.perf_counter()
        if self.frames == 0:
            self._first_s = now_s
        shown = {"show": 0.0, "age": now_s - captured_s}
        if not is_seen:
            shown = dict.fromkeys(shown, float("nan"))
        stages_s |= {"overhead": self._overhead_s(), **shown}
        self.add(**{name: 1e3 * seconds for name, seconds in stages_s.items()})
        return self.frames - 1

    def seen(self, number: int, *, captured_s: float, begin_s: float) -> None:
        """Record that a frame is on the screen now; any thread may.

        Args:
            number: As ``frame_done`` returned it.
            captured_s: When it was taken.
            begin_s: When it was handed over to be shown.
        """
        now_s = time.perf_counter()
        if number >= self.frames - _KEPT:
            row = self._table[number % _KEPT]
            row[_COLUMNS.index("show")] = 1e3 * (now_s - begin_s)
            row[_COLUMNS.index("age")] = 1e3 * (now_s - captured_s)

    def add(self, **milliseconds: float) -> None:
        """Store one frame's figures: the stages, ``overhead`` and ``age``, in milliseconds."""
        row = [milliseconds.get(name, 0.0) for name in _COLUMNS]
        self._table[self.frames % _KEPT] = row
        self.frames += 1

    def _overhead_s(self) -> float:
        """CPU time of the loop's thread since the last frame, engine and source excluded."""
        now_s = busy_time_s()
        worked_s = now_s - self._busy_s - self._apart_s
        self._busy_s, self._apart_s = now_s, 0.0
        return worked_s

    @property
    def fps(self) -> float:
        """Frames a second from the first delivered frame to the last; 0 if no time passed.

        Opening the source and searching the first frame are start-up and do not count.
        """
        intervals, span_s = self.frames - 1, self._end_s - self._first_s
        return intervals / span_s if intervals > 0 and span_s > 0 else 0.0

    @property
    def first_frame_s(self) -> float:
        """Seconds from the start of the loop to the first delivered frame."""
        return max(0.0, self._first_s - self._begin_s)

    @property
    def cpu_ms_per_frame(self) -> float:
        """CPU time of all threads in the loop, user and system, for each frame, milliseconds."""
        return 1e3 * self._cpu_s / max(1, self.frames)

    def column(self, name: str) -> NDArray[np.float32]:
        """(F,) one figure of the kept frames, milliseconds; a view, not always in order.

        NaN where a frame has none: ``show`` and ``age`` of one that was never on the screen.
        """
        return self._table[: min(self.frames, _KEPT), _COLUMNS.index(name)]

    def percentile(self, name: str, share: float) -> float:
        """Percentile of one figure, milliseconds; NaN before the first frame that has it."""
        column = _known(self.column(name))
        return float(np.percentile(column, share)) if len(column) else float("nan")

    def recent(self, name: str, count: int = 30) -> float:
        """Mean of one figure over the last frames that have it, milliseconds; NaN if none has."""
        rows = (np.arange(self.frames - min(count, self.frames), self.frames)) % _KEPT
        column = _known(self._table[rows, _COLUMNS.index(name)])
        return float(column.mean()) if len(column) else float("nan")


def _known(column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the frames that have no such figure."""
    return column[~np.isnan(column)]
