"""Keep a crew busy until every clip has its outcome, and say how far it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence

from steadypose.batch.order import Clip
from steadypose.batch.outcome import DONE, FAILED, SKIPPED, Crew, Outcome
from steadypose.engines.wording import telling
from steadypose.engines.wording.counting import counted

_LOOK_S = 0.2  # Windows hears Ctrl-C only between two waits


class Tally:
    """What has become of an archive so far."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._total = len(clips)
        self._total_bytes = max(1, sum(clip.size_bytes for clip in clips))
        self._bytes = self._worked_bytes = 0
        self._begin_s = time.perf_counter()
        self.frames = 0
        self.counts = dict.fromkeys((DONE, SKIPPED, FAILED), 0)
        self.failed: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.state] += 1
        self.frames += outcome.frames
        self._bytes += outcome.clip.size_bytes
        if outcome.state != SKIPPED:
            self._worked_bytes += outcome.clip.size_bytes
        if outcome.state == FAILED:
            self.failed.append(outcome)

    def show(self) -> None:
        """Draw the bar, where somebody watches."""
        if not telling.is_watched():
            return
        took_s = max(1e-9, time.perf_counter() - self._begin_s)
        left_s = (self._total_bytes - self._bytes) * took_s / max(1, self._worked_bytes)
        bar = ("#" * round(30 * self._bytes / self._total_bytes)).ljust(30, ".")
        left = f", {left_s:.0f} s left" if self._worked_bytes else ""
        text = f"[{bar}] {sum(self.counts.values())}/{self._total} clips, "
        telling.tell_raw(f"\r{text + f'{self.frames / took_s:.0f} fps' + left:<78}")

    def summary(self) -> str:
        """All of it in a line."""
        took_s = max(1e-9, time.perf_counter() - self._begin_s)
        counts = self.counts
        parts = [f"{counted(self._total, 'clip')}: {counts[DONE]} done"]
        if counts[SKIPPED]:
            parts.append(f"{counts[SKIPPED]} finished before")
        if counts[FAILED]:
            parts.append(f"{counts[FAILED]} failed")
        if left := self._total - sum(counts.values()):
            parts.append(f"{left} left")
        return (
            f"{', '.join(parts)}; {counted(self.frames, 'frame')}, {self.frames / took_s:.1f} fps"
        )


def outcomes(crew: Crew, clips: Sequence[Clip]) -> Iterator[Outcome | None]:
    """Each clip's outcome as it comes; None now and then, while there is none.

    Raises:
        SteadyposeError: The crew cannot work.
    """
    # The largest first: none of them is left for one worker at the end.
    waiting = deque(sorted(clips, key=lambda clip: (-clip.size_bytes, clip.name)))
    busy = 0
    while waiting or busy:
        while waiting and crew.has_room:
            crew.give(waiting.popleft())
            busy += 1
        taken = crew.take(_LOOK_S)
        busy -= len(taken)
        yield from taken
        yield None
