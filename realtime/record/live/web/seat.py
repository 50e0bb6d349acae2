"""What one source has of the page: a place for its frames, its state and its buttons."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from steadypose.realtime.record.live.message import Message
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.desk import Desk

_ENDED = "this source has ended"


class Seat:
    """A ``Channel`` for frames of a source, and a ``Page`` for everything else.

    Args:
        desk: Of the source.
        name: As messages call it.
        url: What is opened in a browser.
        call: Has the server's thread call something.
    """

    def __init__(
        self, desk: Desk, name: str, url: str, call: Callable[[Callable[[], None]], None]
    ) -> None:
        self.desk, self.name, self.url = desk, name, url
        self.inlet = desk.inlet
        self._call = call
        self._slot: Message | None = None
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """See ``Channel.send``; where the server is slow, the newest frame wins."""
        with self._lock:
            is_waiting, self._slot = self._slot is not None, message
        if not is_waiting:
            self._call(self._post)

    def tell(self, state: RunState) -> None:
        """See ``Page.tell``."""
        self.desk.state, self.desk.told_s = state, time.perf_counter()

    def pressed(self) -> list[str]:
        """See ``Page.pressed``."""
        presses = self.desk.presses
        return [presses.popleft() for _ in range(len(presses))]

    def close(self) -> None:
        """See ``Page.close``; the server goes on for the other sources. Safe to call twice."""
        self.tell(replace(self.desk.state, message=_ENDED, is_recording=False, is_paused=False))
        self.desk.is_over = True

    def _post(self) -> None:
        with self._lock:
            message, self._slot = self._slot, None
        if message is not None:
            self.desk.board.post(message)
