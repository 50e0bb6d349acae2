"""How long is waited for what a stranger's network computes; it may compute for ever."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from steadypose.engines.wording.telling import flush

T = TypeVar("T")

ANSWER_WITHIN_S = 300.0
"""For loading and the first batches: the largest networks take a minute on the slowest machines."""

_LOOK_S = 0.2  # Windows notices Ctrl-C only between two waits
_AT_THE_END_S = 1.0


is_command = False
"""Whether the process is a command of ours, whose end may be a hard one; a host's may not."""


class NoAnswerError(Exception):
    """It took too long."""


class _Work(Generic[T]):
    """Something that native code works on, and what became of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.found: list[T] = []
        self.failure: BaseException | None = None
        # Not the thread's own state: an interrupted ``join`` takes a thread for ended.
        self.done = threading.Event()

    def __call__(self) -> None:
        try:
            self.found.append(self._work())
        except BaseException as error:
            self.failure = error
        finally:
            self.done.set()


def answer_within(work: Callable[[], T], limit_s: float) -> T:
    """Do something on a thread, so that Ctrl-C and a deadline can end the wait for it.

    Args:
        work: Done on another thread; what it raises is raised here.
        limit_s: Longest wait.

    Raises:
        NoAnswerError: It is not done. Native code cannot be stopped: the thread is left to itself
            and ends with the process, a command of ours at the latest a second after its end.
    """
    task = _Work(work)
    threading.Thread(target=task, name="a network's first answer", daemon=True).start()
    try:
        end_s = time.monotonic() + limit_s
        while not task.done.is_set() and (left_s := end_s - time.monotonic()) > 0:
            task.done.wait(min(_LOOK_S, left_s))
    finally:
        if not task.done.is_set() and is_command:
            atexit.register(_end, task.done)
    if task.failure is not None:
        raise task.failure
    if not task.found:
        raise NoAnswerError
    return task.found[0]


def _end(done: threading.Event) -> None:
    """Leave without asking libraries to clean up: they would wait for what never ends."""
    if not done.wait(_AT_THE_END_S):
        flush()
        os._exit(2)
