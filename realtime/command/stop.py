"""End a run politely on Ctrl-C or a kill. Imports next to nothing: it is needed first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

_ONE_S = 0.3  # signals this close are one: `timeout`, for instance, sends two
_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """What Ctrl-C and a polite kill do: end the run, keep the files."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._is_watched = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._is_watched:
            if self._name is not None:
                return  # the watcher ends the process
        else:
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

    def watch(self) -> None:
        """From here on a second signal ends the process whatever it is doing.

        Python hears a signal only between two of its own steps, which native code may never
        reach. Its number arrives in a pipe all the same, where a thread waits for it. What was
        recorded is on the disk: recordings are readable at any moment. On Windows, where pipes
        are no use for this, the second signal is heard as late as the first.
        """
        if sys.platform == "win32" or self._is_watched:
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._is_watched = True
        threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()


def _watch(reading: int) -> None:
    first_s: float | None = None
    while numbers := os.read(reading, 1):
        if numbers[0] not in _NUMBERS:
            continue
        if first_s is None:
            first_s = time.monotonic()
        elif time.monotonic() - first_s > _ONE_S:
            name = signal.Signals(numbers[0]).name
            said = f"error: ended at once ({name}); what was recorded so far is readable\n"
            os.write(2, f"{said}  fix: none is needed\n".encode())
            os._exit(128 + numbers[0])
