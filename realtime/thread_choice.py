"""How many CPU threads a camera's network needs: as few as keep up, found out by trying."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engines.base import Engine
from realtime.best_built import Taken

_SHARE = 0.5  # of the time between two frames that the network may take; search and drawing follow
_CALLS = 8
_USUAL_HZ = 30.0


def open_on_fewest(
    open_on: Callable[[int], Taken], *, most: int, persons: int, camera_hz: float | None
) -> Taken:
    """Open an engine on one thread, or on more where one is too slow for the camera.

    What the network does not need is left to the user's other programs, and a single
    thread works for less CPU time in all.

    Args:
        open_on: Opens the engine on a number of threads.
        most: Threads that may be used.
        persons: Crops a frame.
        camera_hz: Frames a second that were asked for; None: as cameras usually have.
    """
    budget_ms = _SHARE * 1e3 / (camera_hz or _USUAL_HZ)
    threads = 1
    while True:
        taken = open_on(threads)
        engine = taken.opened.engine
        if threads >= most or persons * call_ms(engine) <= budget_ms:
            return taken
        engine.close()
        threads = min(most, 2 * threads)


def call_ms(engine: Engine) -> float:
    """Median time of a call with one crop, milliseconds."""
    crop = np.zeros((1, *engine.spec.input_hw, 3), np.uint8)
    took = []
    for _ in range(_CALLS):
        engine.infer(crop)
        took.append(engine.took_ms)
    return float(np.median(took))
