"""How many CPU threads a network gets where nobody said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.options import default_threads
from steadypose.engines.registry import Opened
from steadypose.realtime.model.places import QUALITIES

_SHARE = 0.5  # of the time between two frames that the network may take; search and drawing follow
_CALLS = 8
_USUAL_HZ = 30.0


def threads_of(model: Path) -> int:
    """CPU threads for a source that waits, such as a file.

    ``--quality fast`` is the network that costs least, so it has one thread: several would save
    little of its time and take more of the processor's (benchmarks/loop/speed.py). Every
    other network has all, at most eight.
    """
    return 1 if model == QUALITIES["fast"] else default_threads()


def open_on_fewest(
    first: Opened,
    reopen: Callable[[int], Opened],
    *,
    most: int,
    persons: int,
    camera_hz: float | None,
) -> Opened:
    """Replace an engine on one thread by one on more threads if it is too slow for the camera.

    A little latency is traded for CPU time: more threads would return some milliseconds
    sooner, but a single one uses less CPU time in total, which leaves the rest to the
    user's other programs.

    Args:
        first: On one thread; closed here if it is too slow. TensorRT's and one on servers are
            not tried: threads have no effect on them.
        reopen: Opens the same file on the same backend on a number of threads.
        most: Maximum number of threads.
        persons: Crops per frame.
        camera_hz: Requested frames a second; None: the usual camera rate.

    Returns:
        The engine on the fewest threads that keep up, or on ``most``. It carries the
        notes of ``first``, and its ``open_s`` covers all openings and trial calls.

    Raises:
        SteadyposeError: An opening or a trial call failed; no engine is left open.
    """
    if first.engine.label.startswith(("tensorrt", "remote")):
        return first
    begin_s = time.perf_counter()
    budget_ms = _SHARE * 1e3 / (camera_hz or _USUAL_HZ)
    opened, threads = first, 1
    while threads < most and persons * _tried_ms(opened.engine) > budget_ms:
        opened.engine.close()
        threads = min(most, 2 * threads)
        opened = reopen(threads)
    open_s = first.open_s + time.perf_counter() - begin_s
    return replace(opened, passed_over=first.passed_over, open_s=open_s)


def call_ms(engine: Engine) -> float:
    """Median time of a call with one crop, milliseconds."""
    crop = np.zeros((1, *engine.spec.input_hw, 3), np.uint8)
    took = []
    for _ in range(_CALLS):
        engine.infer(crop)
        took.append(engine.took_ms)
    return float(np.median(took))


def _tried_ms(engine: Engine) -> float:
    """``call_ms``; the engine has no other owner yet, so a failure closes it."""
    try:
        return call_ms(engine)
    except BaseException:
        engine.close()
        raise
