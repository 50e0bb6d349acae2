"""What the handlers of requests share, and the limits that hold for all of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.board import Board
from steadypose.realtime.record.live.web.door import Door
from steadypose.realtime.record.live.web.gate import Gate
from steadypose.realtime.record.live.web.payload import state_text
from steadypose.realtime.record.live.web.shelf import Shelf
from steadypose.realtime.sources.browser import Inlet

MOST_WATCHERS = 16
_MOST_WAITING = 8  # buttons that the run has not seen yet
_STALLED_S = 10.0


class Pace:
    """Allows so many things a second, and as many at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = self._left = per_s
        self._seen_s = time.perf_counter()

    def allows(self) -> bool:
        """Whether one more may happen now; if so, it counts."""
        now_s = time.perf_counter()
        gained = (now_s - self._seen_s) * self._per_s
        self._left, self._seen_s = min(self._per_s, self._left + gained), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True)
class Desk:
    """Used on the server's thread; ``state``, ``told_s`` and ``presses`` on the loop's as well.

    Attributes:
        gate: Who may come in.
        board: The newest frame.
        hello: What a watcher is told first.
        cookie: Name of the cookie.
        inlet: Where a browser's camera goes, if this run takes one.
        state: What the run said last.
        told_s: When it did, ``time.perf_counter``; None before the first frame.
        presses: Keys that the run has not taken yet.
        shelf: Files of the run.
        watchers: How many watch now.
    """

    gate: Gate
    board: Board
    hello: str
    cookie: str
    inlet: Inlet | None = None
    door: Door | None = None
    state: RunState = field(default_factory=RunState)
    told_s: float | None = None
    presses: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    shelf: Shelf = field(default_factory=Shelf)
    watchers: int = 0
    pace: Pace = field(default_factory=lambda: Pace(10))

    @property
    def is_stalled(self) -> bool:
        """Whether the run has begun, but says nothing any more."""
        return self.told_s is not None and time.perf_counter() - self.told_s > _STALLED_S

    def renew(self) -> None:
        """Bring what the run has said before those who watch."""
        if self.told_s is not None:
            self.shelf.put(self.state.files)
            self.board.announce(state_text(self.state, self.shelf.listed()))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count a watcher.

        Raises:
            HTTPServiceUnavailable: There are too many.
        """
        if self.watchers >= MOST_WATCHERS:
            raise web.HTTPServiceUnavailable(text="too many watch already\n")
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1
