"""How soon one thread lets another have the interpreter."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TURN_S = 0.0005  # Python's own 5 ms are most of the time that a frame takes
_lock = threading.Lock()
_running = 0
_before_s = 0.0


def take_short_turns() -> None:
    """For a program of our own, to its end."""
    sys.setswitchinterval(_TURN_S)


@contextmanager
def short_turns() -> Iterator[None]:
    """Within a program of others: as long as any loop runs, then as it was before.

    Reading, network and loop are threads that wait for each other: the interval is the whole
    interpreter's, so it is only changed meanwhile, and not where it is shorter already.
    """
    global _running, _before_s  # noqa: PLW0603 - the interval is one for the process
    with _lock:
        if _running == 0:
            _before_s = sys.getswitchinterval()
            if _before_s > _TURN_S:
                sys.setswitchinterval(_TURN_S)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0 and math.isclose(sys.getswitchinterval(), _TURN_S):
                sys.setswitchinterval(_before_s)
