"""Work that may take long before there is a first picture, while the window is served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import numpy as np

from steadypose.realtime.app.display import Display
from steadypose.realtime.app.draw import draw_hud
from steadypose.realtime.app.keys import KEYS
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.opening import SourceOptions, open_source, waits_for

T = TypeVar("T")
_LOOK_S = 0.05  # how long the main thread waits before it looks at the window again
_SOON_S = 0.6  # what is done by then needs no explanation
_SIZE_HW = (360, 640)
_DARK = 60  # grey, 0 to 255; the text's box is darker
_QUIT = KEYS[0]


class ClosedError(Exception):
    """Somebody has closed the window, or pressed the key that quits."""


def open_beside(window: Display, source: SourceOptions) -> Source:
    """Open a source, and serve the window where that may take a while.

    Raises:
        ClosedError: Somebody has closed the window meanwhile.
        SteadyposeError: As ``open_source``.
    """
    waited_for = waits_for(source) if window.is_window else None
    if waited_for is None:
        return open_source(source)
    return serve_while(window, partial(open_source, source), ("waiting for", waited_for, "q: quit"))


def serve_while(window: Display, work: Callable[[], T], lines: Sequence[str]) -> T:
    """Do something on a thread of its own, and serve the window until it is done.

    Args:
        window: On the main thread, which calls this.
        work: What may take long. It is left alone where it is not waited for any more.
        lines: What the window says meanwhile, unless it takes no time.

    Raises:
        ClosedError: It is not waited for any more.
        Exception: What the work raises.
    """
    done: Future[T] = Future()
    is_done = threading.Event()
    done.add_done_callback(lambda _: is_done.set())
    threading.Thread(target=_do, args=(work, done), name="opening", daemon=True).start()
    explain_s = time.perf_counter() + _SOON_S
    while not is_done.wait(_LOOK_S):
        if time.perf_counter() > explain_s and window.is_window:
            image = np.full((*_SIZE_HW, 3), _DARK, np.uint8)
            draw_hud(image, lines)
            window.show(image)
            explain_s = float("inf")
        if any(name in _QUIT.names for name in window.pressed()):
            raise ClosedError
    return done.result()


def _do(work: Callable[[], T], done: Future[T]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:
        done.set_exception(error)
