"""What the handlers of requests share, and the limits that hold for all of them."""

from __future__ import annotations

import asyncio
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
MOST_DOWNLOADS = 8
MOST_CAMERAS = 4  # one, and those that it replaces while they go; each may have 8 MB on the way
_MOST_WAITING = 8  # buttons that the run has not seen yet
_STALLED_S = 10.0
_LIST_S = 1.0  # how old a list of files may be


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


class Places:
    """Lets so many in at once.

    Args:
        most: How many.
        full: What one more is told.

    Attributes:
        taken: How many are in.
    """

    def __init__(self, most: int, full: str) -> None:
        self.taken = 0
        self._most, self._full = most, full

    @contextmanager
    def take(self) -> Iterator[None]:
        """Be in.

        Raises:
            HTTPServiceUnavailable: There are too many.
        """
        if self.taken >= self._most:
            raise web.HTTPServiceUnavailable(text=f"{self._full}\n")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


@dataclass(slots=True)
class Desk:
    """Used on the server's thread; ``state`` to ``presses`` on the loop's as well.

    Attributes:
        gate: Who may come in.
        board: The newest frame.
        hello: What a watcher is told first.
        cookie: Name of the cookie.
        inlet: Where a browser's camera goes, if this run takes one.
        state: What the run said last.
        told_s: When it did, ``time.perf_counter``; None before the first frame.
        is_over: Whether its source has ended; those of others may go on.
        presses: Keys that the run has not taken yet.
        shelf: Files of the run.
        watchers: Who watches now.
        downloads: Who fetches a file now.
        cameras: Whose pages send pictures, or did so until they were replaced.
        replaced: Set where another page has become the camera.
    """

    gate: Gate
    board: Board
    hello: str
    cookie: str
    inlet: Inlet | None = None
    door: Door | None = None
    state: RunState = field(default_factory=RunState)
    told_s: float | None = None
    is_over: bool = False
    presses: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    shelf: Shelf = field(default_factory=Shelf)
    watchers: Places = field(
        default_factory=lambda: Places(MOST_WATCHERS, "too many watch already")
    )
    downloads: Places = field(
        default_factory=lambda: Places(MOST_DOWNLOADS, "too many fetch files already")
    )
    cameras: Places = field(
        default_factory=lambda: Places(MOST_CAMERAS, "too many cameras already")
    )
    replaced: asyncio.Event = field(default_factory=asyncio.Event)
    pace: Pace = field(default_factory=lambda: Pace(10))

    @property
    def is_stalled(self) -> bool:
        """Whether the run has begun and is not over, but says nothing any more."""
        if self.is_over or self.told_s is None:
            return False
        return time.perf_counter() - self.told_s > _STALLED_S

    def renew(self, *, within_s: float = _LIST_S) -> None:
        """Bring what the run has said before those who watch; where nobody does, note its files.

        Args:
            within_s: How old the list of files may be.
        """
        self._shelve()
        if self.told_s is not None and self.watchers.taken:
            self.board.announce(state_text(self.state, *self.shelf.listed(within_s=within_s)))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count a watcher, who finds everything as it is now.

        Raises:
            HTTPServiceUnavailable: There are too many.
        """
        with self.watchers.take():
            self.renew()
            yield

    async def hand_out(self, request: web.Request, name: str) -> web.StreamResponse:
        """Answer with a file of the run.

        Raises:
            HTTPNotFound: The run has written no file of that name.
            HTTPServiceUnavailable: Too many fetch files.
        """
        self._shelve()
        with self.downloads.take():
            return await self.shelf.send(request, name)

    def _shelve(self) -> None:
        self.shelf.put(self.state.files)
