"""Memory, second by second, and what it comes to: a base, and the growth beyond it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import own_mib

_EVERY_S = 1.0
_OWN = "RssAnon"
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
_MOST_S = 1.5  # between two looks; after more, the process itself was stopped, or starved
_OTHERS_CORES = 0.25  # what others may use of the machine in a second that counts for the age
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Second:
    """A look at the process.

    Attributes:
        at_s: ``perf_counter``.
        memory_mib: Of its own: pages of files, libraries among them, come and go as the
            system likes, and are left out.
        frames: Delivered so far, in all runs.
        others_cores: Processors that other programs used since the look before.
        took_s: Since the look before.
    """

    at_s: float
    memory_mib: float
    frames: int
    others_cores: float
    took_s: float = _EVERY_S

    @property
    def is_quiet(self) -> bool:
        """Whether the machine was the process's own."""
        return self.others_cores < _OTHERS_CORES and not self.is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether the process did not run for a while: a frame ages meanwhile, whatever it does."""
        return self.took_s > _MOST_S


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory went.

    Attributes:
        base_mib: Median of the first tenth.
        end_mib: Median of the last tenth.
        line_mib: What the median slope between any two looks comes to from the first to the last.
    """

    base_mib: float
    end_mib: float
    line_mib: float

    @property
    def most_mib(self) -> float:
        """The greater of both: a slow leak is seen by the line, a step by the ends."""
        return max(self.end_mib - self.base_mib, self.line_mib)


class Watcher:
    """Looks at the process each second, on a thread.

    Args:
        frames: Asked how many frames were delivered.
    """

    def __init__(self, frames: Callable[[], int]) -> None:
        self.seconds: list[Second] = []
        self._frames = frames
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        before_s, before_others_s = time.perf_counter(), _others_s()
        while not self._stop.wait(_EVERY_S):
            now_s, others_s = time.perf_counter(), _others_s()
            took_s = now_s - before_s
            cores = (others_s - before_others_s) / took_s
            before_s, before_others_s = now_s, others_s
            self.seconds.append(Second(now_s, own_mib(_OWN), self._frames(), cores, took_s))


def growth_of(seconds: list[Second]) -> Growth:
    """Base and growth of what a watcher saw, of two looks at least.

    Source:
        The line's slope is the median of those between all pairs: Theil 1950, Sen 1968.
    """
    at_s = np.array([second.at_s for second in seconds])
    mib = np.array([second.memory_mib for second in seconds])
    tenth = max(1, len(seconds) // 10)
    ends = float(np.median(mib[:tenth])), float(np.median(mib[-tenth:]))
    every = -(-len(seconds) // _MOST_POINTS)
    few_s, few_mib = at_s[::every], mib[::every]
    early, late = np.triu_indices(len(few_s), 1)
    slopes = (few_mib[late] - few_mib[early]) / (few_s[late] - few_s[early])
    return Growth(*ends, float(np.median(slopes) * (at_s[-1] - at_s[0])))


def quiet_ages(seconds: list[Second], ages_ms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ages of those frames that were delivered while nobody else used the machine.

    Args:
        seconds: What a watcher saw.
        ages_ms: (F,) of all frames, in their order.
    """
    is_quiet = np.zeros(len(ages_ms), bool)
    before = 0
    for second in seconds:
        is_quiet[before : second.frames] = second.is_quiet
        before = second.frames
    return ages_ms[is_quiet]


def _others_s() -> float:
    """Processor time of all but this process since the machine started, seconds."""
    told = Path("/proc/stat")
    if not told.exists():
        return 0.0
    user, nice, system, _, _, *more = map(int, told.read_text().splitlines()[0].split()[1:9])
    own = os.times()
    return _TICK_S * (user + nice + system + sum(more)) - own.user - own.system
