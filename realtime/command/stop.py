"""End a run cleanly on Ctrl-C or SIGTERM. Imports almost nothing: it is needed first."""

from __future__ import annotations

import signal
from types import FrameType


class Stop:
    """Handler of Ctrl-C and SIGTERM: end the run, keep the files."""

    def __init__(self) -> None:
        self._name: str | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        # A second signal ends the process at once, in case closing the files hangs.
        signal.signal(number, signal.SIG_DFL)
        self._name = signal.Signals(number).name
        self.check()

    def check(self) -> None:
        """Raise again an interrupt that a package swallowed while it was loaded.

        Raises:
            KeyboardInterrupt: Not an Exception, so that no code between the signal and
                ``main`` handles it as its own failure.
        """
        if self._name is not None:
            raise KeyboardInterrupt(self._name)
