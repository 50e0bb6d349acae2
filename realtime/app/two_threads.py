"""The window on the main thread, the loop on another, and room for one picture between them.

A title bar that is held, a slow desktop or a dialog keeps the main thread for as long as it likes;
the loop, and every recording with it, goes on. Systems allow windows on the main thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.app.display import Display, Seen

T = TypeVar("T")
_LOOK_S = 0.05  # how long the main thread waits for a picture before it looks at the window again


class LoopThread:
    """Where the engine is opened, used and closed: TensorRT's belong to one thread.

    Args:
        is_apart: A thread of its own, so that the main thread is free for a window; else the
            caller's.
    """

    def __init__(self, *, is_apart: bool) -> None:
        self._pool = ThreadPoolExecutor(1, "loop") if is_apart else None

    @property
    def is_apart(self) -> bool:
        """Whether it is another than the caller's."""
        return self._pool is not None

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begin something there."""
        if self._pool is not None:
            return self._pool.submit(work)
        done: Future[T] = Future()
        done.set_result(work())
        return done

    def do(self, work: Callable[[], T]) -> T:
        """Do something there, and wait for it; Ctrl-C ends the wait.

        Raises:
            Exception: What the work raises.
        """
        done = self.start(work)
        while not done.done():
            _wait(done)
        return done.result()


class ApartDisplay:
    """A display as the loop sees it from its own thread: nothing here waits for the screen.

    Args:
        display: The real one; only ``run`` and ``close`` touch it, on the main thread.
        thread: The loop's.
    """

    def __init__(self, display: Display, thread: LoopThread) -> None:
        self._display, self._thread = display, thread
        self._news = threading.Condition()
        self._picture: tuple[NDArray[np.uint8], Seen | None] | None = None
        self._keys: list[str] = []
        self._done: Future[None] | None = None

    @property
    def is_window(self) -> bool:
        """See ``Display.is_window``."""
        return self._display.is_window

    @property
    def is_lost(self) -> bool:
        """See ``Display.is_lost``."""
        return self._display.is_lost

    def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
        """Leave a picture for the screen, in the place of one that was not shown yet."""
        with self._news:
            self._picture = (image_bgr, seen)
            self._news.notify()

    def pressed(self) -> list[str]:
        """See ``Display.pressed``."""
        with self._news:
            keys, self._keys = self._keys, []
        return keys

    def close(self) -> None:
        """See ``Display.close``; on the main thread."""
        self._display.close()

    def run(self, loop: Callable[[], None], *, end: Callable[[], None]) -> None:
        """Begin the loop, and serve the screen until it has ended; on the main thread.

        Called again, it waits for the loop that was begun: see ``Links.guard``.

        Args:
            loop: Ends by itself, or soon after ``end``.
            end: Called where the main thread is interrupted.

        Raises:
            BaseException: What the loop raised, or what interrupted the main thread.
        """
        if self._done is None:
            self._done = self._thread.start(loop)
            self._done.add_done_callback(lambda _: self._wake())
        done = self._done
        try:
            while not done.done():
                self._serve(done)
        except BaseException:
            end()
            while not done.done():
                _wait(done)
            raise
        done.result()

    def wait(self) -> None:
        """Wait for the loop that was begun, and leave the screen alone; on any thread.

        Raises:
            BaseException: What the loop raised.
        """
        if self._done is not None:
            while not self._done.done():
                _wait(self._done)
            self._done.result()

    def _serve(self, done: Future[None]) -> None:
        """Show the newest picture, and hand over the keys that were pressed."""
        with self._news:
            if self._picture is None and not done.done():
                self._news.wait(_LOOK_S)
            picture, self._picture = self._picture, None
        if picture is not None:
            self._display.show(*picture)
        keys = self._display.pressed()
        with self._news:
            self._keys += keys

    def _wake(self) -> None:
        with self._news:
            self._news.notify()


def _wait(done: Future[T]) -> None:
    """A while: Windows notices Ctrl-C only between two waits."""
    is_done = threading.Event()
    done.add_done_callback(lambda _: is_done.set())
    is_done.wait(0.2)
