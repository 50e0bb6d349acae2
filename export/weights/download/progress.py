"""How a download goes, for people who wait for it."""

from __future__ import annotations

import shutil
import time
from typing import Protocol, TextIO

_REDRAW_S = 0.1


class Progress(Protocol):
    """Is told how a download goes; called on the downloading thread."""

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there; None: the server does not say."""
        ...

    def note(self, text: str) -> None:
        """Something a waiting user wants to know."""
        ...


class Silent:
    """A ``Progress`` for those who do not look."""

    def advance(self, done: int, total: int | None) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class ProgressLine:
    """A line that is redrawn on a terminal; elsewhere only notes are written.

    Args:
        stream: Where to.
        name: Of the download.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._is_terminal = stream.isatty()
        self._start: tuple[float, int] | None = None
        self._drawn_at = -1.0
        self._is_open = False

    def advance(self, done: int, total: int | None) -> None:
        """Redraw, at most ten times a second."""
        if not self._is_terminal:
            return
        now = time.perf_counter()
        first_s, first = self._start or (now, done)
        self._start = (first_s, first)
        if now - self._drawn_at < _REDRAW_S and done != total:
            return
        self._drawn_at = now
        text = f"{self._name}: {done / 1e6:.1f} MB"
        if total:
            text = f"{self._name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, {done / total:.0%}"
        if now > first_s:
            text += f", {max(done - first, 0) / (now - first_s) / 1e6:.1f} MB/s"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write("\r" + text[:width].ljust(width))
        self._stream.flush()
        self._is_open = True

    def note(self, text: str) -> None:
        """A line of its own."""
        self.end()
        self._stream.write(f"note: {text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._is_open:
            self._stream.write("\n")
            self._stream.flush()
        self._is_open = False
