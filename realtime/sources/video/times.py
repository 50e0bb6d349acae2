"""Times that rise: a container's own where they can be, and what is said where they cannot.

A frame waits until the next one has come, for three things show only then: that several frames
share a tick of a clock that is too coarse for them, that one time is absurd, and that all times
begin again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

T = TypeVar("T")

LEAST_STEP_S = 1e-4
"""Between two frames: recordings have four decimals."""
_FINE_S = 0.002  # within such a tick frames keep the file's time, as nearly as they can
_MOST_SHARING = 8  # frames with one time; more, and the times mean nothing
_MOST_WAITING = 8
_ENOUGH = 4  # frames in a row that agree are a new timeline, not a fault
_FAR_STEPS, _FAR_S = 10, 1.0
_PAUSE_S = 3600.0  # believed of a single frame


@dataclass(slots=True)
class TimeNotes:
    """What was done to times.

    Attributes:
        bridged: Frames whose absurd time was replaced by one between their neighbours'.
        restarts: How often the times began again, and were continued.
        spread: Frames that share a time with another and were spread up to the next.
        numbered: Frames that have no time, or none that means anything.
    """

    bridged: int = 0
    restarts: int = 0
    spread: int = 0
    numbered: int = 0


@dataclass(slots=True)
class _Rising(Generic[T]):
    """The frames that wait, and the timeline so far."""

    step_s: float
    notes: TimeNotes
    waiting: list[tuple[T, float]] = field(default_factory=list)
    raw_s: float | None = None  # the last believed time of the container
    last_s: float | None = None  # the last time handed out
    shift_s: float = 0.0
    gap_s: float | None = None

    def take(self, *, is_end: bool) -> Iterator[tuple[T, float]]:
        """Hand out what can be decided."""
        while self.waiting:
            count = self._decided(is_end=is_end)
            if count == 0:
                return
            for index in range(count):
                yield self.waiting[index]
            del self.waiting[:count]

    def _decided(self, *, is_end: bool) -> int:
        """Replace the times of the first frames by those to hand out; returns how many."""
        first_s = self.waiting[0][1]
        shared = self._sharing()
        if math.isnan(first_s):
            return self._number_unknown(is_end=is_end)
        if first_s == self.raw_s:
            return self._number([self.last_s or 0.0], self.step_s)
        if not is_end and len(self.waiting) == shared < _MOST_SHARING:
            return 0
        if self.raw_s is None:
            return self._begin(shared, is_end=is_end)
        if back := self._returns():
            return self._bridge(back)
        is_near = 0 < first_s - self.raw_s <= self._far_s
        return self._spread(shared) if is_near else self._doubt(shared, is_end=is_end)

    @property
    def _far_s(self) -> float:
        return max(_FAR_S, _FAR_STEPS * self.step_s)

    def _sharing(self) -> int:
        first_s = self.waiting[0][1]
        for index, (_, time_s) in enumerate(self.waiting):
            if time_s != first_s:
                return index
        return len(self.waiting)

    def _times(self) -> list[float]:
        """Those that wait, without frames that have none."""
        return [time_s for _, time_s in self.waiting if not math.isnan(time_s)]

    def _returns(self) -> int:
        """How many frames at the front are absurd: behind them the old timeline goes on."""
        assert self.raw_s is not None
        first_s = self.waiting[0][1]
        limit_s = self.raw_s + self._far_s
        for index, (_, time_s) in enumerate(self.waiting[1:], 1):
            is_back = time_s < first_s or first_s <= self.raw_s
            if is_back and self.raw_s < time_s <= limit_s:
                return index
        return 0

    def _agrees(self, times: list[float]) -> bool:
        steps = [b - a for a, b in pairwise(times)]
        return all(0 <= step <= self._far_s for step in steps)

    def _begin(self, shared: int, *, is_end: bool) -> int:
        """The first frames: is their time believed?"""
        first_s, rest = self.waiting[0][1], self._times()[shared:]
        if shared >= _MOST_SHARING or any(
            0 < t - first_s <= self._far_s * i for i, t in enumerate(rest, shared)
        ):
            return self._spread(shared)
        if not is_end and len(rest) < _ENOUGH:
            return 0
        is_before = not rest or (first_s >= 0 and 0 < rest[0] - first_s <= _PAUSE_S)
        if is_before or len(rest) < _ENOUGH or not self._agrees(rest):
            return self._spread(shared)
        self.notes.bridged += shared
        self.raw_s = rest[0] - self.step_s
        begin_s = rest[0] - shared * self.step_s
        if self.last_s is not None:
            self.shift_s = max(0.0, self.last_s + self.step_s - begin_s)
            begin_s += self.shift_s
        return self._hand_out([begin_s + i * self.step_s for i in range(shared)])

    def _doubt(self, shared: int, *, is_end: bool) -> int:
        """A time that goes back, or far ahead, and does not return: a new timeline, or a fault?"""
        times = self._times()
        assert self.raw_s is not None
        assert self.last_s is not None
        is_ahead = times[0] > self.raw_s
        is_enough = is_end or len(times) >= _ENOUGH
        if is_ahead and is_enough and times == sorted(times):  # a pause
            if len(times) > shared or times[0] - self.raw_s <= _PAUSE_S:
                return self._spread(shared)
        elif not is_ahead and is_enough and len(times) > shared and self._agrees(times):
            # Begun again, or joined from two films.
            self.shift_s = self.last_s + (self.gap_s or self.step_s) - times[0]
            self.notes.restarts += 1
            return self._spread(shared)
        if is_end or len(times) >= _MOST_WAITING:
            self.notes.bridged += 1
            return self._hand_out([self.last_s + self.step_s])
        return 0

    def _bridge(self, count: int) -> int:
        """Spread absurd times evenly between the believed ones at both sides."""
        assert self.raw_s is not None
        assert self.last_s is not None
        until_s = self.waiting[count][1] + self.shift_s
        step_s = max(LEAST_STEP_S, (until_s - self.last_s) / (count + 1))
        self.notes.bridged += count
        return self._hand_out([self.last_s + step_s * (i + 1) for i in range(count)])

    def _number_unknown(self, *, is_end: bool) -> int:
        """A frame without a time: after the one before, or before the first that has one."""
        if self.last_s is not None:
            return self._number([self.last_s], self.gap_s or self.step_s)
        count = next((i for i, (_, t) in enumerate(self.waiting) if not math.isnan(t)), 0)
        if count:
            begin_s = self.waiting[count][1] - (count + 1) * self.step_s
            return self._number([begin_s + i * self.step_s for i in range(count)], self.step_s)
        if is_end or len(self.waiting) >= _MOST_WAITING:
            return self._number([-self.step_s], self.step_s)
        return 0

    def _number(self, before_s: list[float], step_s: float) -> int:
        """Frames come a step after those times."""
        self.notes.numbered += len(before_s)
        return self._hand_out([time_s + step_s for time_s in before_s])

    def _spread(self, shared: int) -> int:
        """The frames of one tick of the container's clock, up to the next tick."""
        raw_s = self.waiting[0][1]
        if self.last_s is not None and self.raw_s is None:  # behind frames that had no time
            self.shift_s = max(0.0, self.last_s + self.step_s - raw_s)
        elif self.raw_s is not None:
            self.gap_s = min(self._far_s, max(raw_s - self.raw_s, LEAST_STEP_S))
        begin_s = raw_s + self.shift_s
        if self.last_s is not None:
            begin_s = max(begin_s, self.last_s + LEAST_STEP_S)
        gap_s = (self.waiting[shared][1] if len(self.waiting) > shared else raw_s) - raw_s
        if shared >= _MOST_SHARING or (gap_s == 0 and self.raw_s is None):
            gap_s = shared * self.step_s
            self.notes.numbered += shared - 1
        else:
            if not 0 < gap_s <= self._far_s:
                gap_s = self.gap_s or shared * self.step_s
            self.notes.spread += shared - 1 if gap_s > _FINE_S else 0
        step_s = LEAST_STEP_S if gap_s <= _FINE_S else gap_s / shared
        self.raw_s = raw_s
        return self._hand_out([begin_s + i * step_s for i in range(shared)])

    def _hand_out(self, times_s: list[float]) -> int:
        for index, time_s in enumerate(times_s):
            self.waiting[index] = (self.waiting[index][0], time_s)
        self.last_s = times_s[-1]
        return len(times_s)


def rising(
    frames: Iterable[tuple[T, float | None]], *, step_s: float, notes: TimeNotes
) -> Iterator[tuple[T, float]]:
    """Give each frame a time later than that of the one before it.

    Args:
        frames: (frame, presentation time in seconds), None where there is none.
        step_s: Nominal time between two frames, where nothing else says it.
        notes: Filled in.

    Yields:
        (frame, time in seconds), one frame later than they come.
    """
    state: _Rising[T] = _Rising(step_s, notes)
    for frame, time_s in frames:
        state.waiting.append((frame, math.nan if time_s is None else time_s))
        yield from state.take(is_end=False)
    yield from state.take(is_end=True)
