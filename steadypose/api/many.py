"""Frames of several sources, as each of them has one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from steadypose.api.closing import Closing
from steadypose.api.frame import Frame
from steadypose.api.frames import Frames
from steadypose.engines.errors import SteadyposeError


class ManyFrames(Closing):
    """Several open sources with one network: iterate over it once.

    Each source is followed on a thread of its own, one frame ahead of who iterates; what is
    ready first is handed out first, so none waits for another. ``frame.source`` is its number.

    Args:
        sources: Opened; closed with this.
        release: Called at the end.
    """

    def __init__(self, sources: Sequence[Frames], release: Callable[[], None]) -> None:
        self.sources = tuple(sources)
        self._release = release
        self._news = threading.Condition()
        self._ready: deque[Frame] = deque()
        self._taken = [threading.Event() for _ in self.sources]
        self._running = len(self.sources)
        self._failures: list[BaseException] = []
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._follow, args=(number,), name=f"source {number}")
            for number in range(len(self.sources))
        ]
        for thread in self._threads:
            thread.daemon = True
        self.close_at_exit()

    def __iter__(self) -> Iterator[Frame]:
        """The frames: of files every one, of cameras the newest; in the order they are ready.

        Raises:
            Error: A source broke; all frames of the others were handed out before.
        """
        for thread in self._threads if not self._is_closed else ():
            if thread.ident is None:
                thread.start()
        while (frame := self._next()) is not None:
            yield frame
            self._taken[frame.source].set()
        if self._failures and not self._is_closed:
            raise self._failures[0]

    def close(self) -> None:
        """Release all. Safe to call twice, and from any thread."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()
        for taken in self._taken:
            taken.set()
        with ExitStack() as last:
            last.callback(self._release)
            for source in self.sources:
                last.callback(source.close)

    def _next(self) -> Frame | None:
        with self._news:
            while not (self._ready or self._is_closed or self._running == 0):
                self._news.wait(0.2)  # Windows hears Ctrl-C only between two waits
            return self._ready.popleft() if self._ready and not self._is_closed else None

    def _follow(self, number: int) -> None:
        """Hand out one frame after another; the next is begun when the last was dealt with."""
        try:
            for frame in self.sources[number]:
                self._taken[number].clear()
                with self._news:
                    if self._is_closed:
                        return
                    self._ready.append(replace(frame, source=number))
                    self._news.notify()
                self._taken[number].wait()
        except SteadyposeError as error:
            self._failures.append(error)
        except BaseException as error:
            self._failures.insert(0, error)
        finally:
            with self._news:
                self._running -= 1
                self._news.notify()
