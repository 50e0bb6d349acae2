"""How a download goes, for people who wait for it."""

from __future__ import annotations

from typing import Protocol, TextIO

from tqdm import tqdm

from steadypose.engines.wording.printable import visible


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
        self._bar: tqdm | None = None

    def advance(self, done: int, total: int | None) -> None:
        """Redraw, at most ten times a second."""
        if self._bar is None:
            self._bar = tqdm(
                desc=visible(self._name),
                initial=done,
                unit="B",
                unit_scale=True,
                dynamic_ncols=True,
                file=self._stream,
                disable=not self._stream.isatty(),
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """A line of its own."""
        self.end()
        self._stream.write(f"note: {visible(text)}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
