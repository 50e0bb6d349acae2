"""End a run politely on Ctrl-C or a kill. Imports next to nothing: it is needed first."""

from __future__ import annotations

import signal
from types import FrameType


class Stop:
    """What Ctrl-C and a polite kill do: end the run, keep the files."""

    def __init__(self) -> None:
        self._name: str | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        # A second one ends at once, should closing the files hang.
        signal.signal(number, signal.SIG_DFL)
        self._name = signal.Signals(number).name
        self.check()

    def check(self) -> None:
        """Raise again what a package swallowed while it was being loaded.

        Raises:
            KeyboardInterrupt: Not an Exception, so that nothing between the signal and
                ``main`` takes it for a failure of its own.
        """
        if self._name is not None:
            raise KeyboardInterrupt(self._name)
