"""End a run cleanly when a signal asks for it. Imports almost nothing: it is needed first."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType

_ONE_S = 0.3  # signals this close are one: `timeout`, for instance, sends two
# Ctrl-C, a service that ends, a terminal that is closed, Ctrl-Break on Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_NUMBERS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Stop:
    """Handler of the signals that end a program: end the run, keep the files.

    Attributes:
        owns_process: Whoever made it ends the process right after the run.
        needs_hard_end: It must end without the cleaning up of native packages.
    """

    def __init__(self, *, owns_process: bool = False) -> None:
        self.owns_process = owns_process
        self.needs_hard_end = False
        self._name: str | None = None
        self._is_watched = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._is_watched:
            if self._name is not None:
                return  # the watcher ends the process
        else:
            # A second signal ends the process at once, in case closing the files hangs.
            signal.signal(number, signal.SIG_DFL)
        self._name = signal.Signals(number).name
        self.needs_hard_end = True  # threads that were interrupted would abort an orderly one
        self.check()

    def listen(self) -> None:
        """Take the signals; a hang-up that ``nohup`` has asked to ignore stays ignored."""
        for number in _NUMBERS:
            is_nohup = number == getattr(signal, "SIGHUP", None)
            if not (is_nohup and signal.getsignal(number) == signal.SIG_IGN):
                signal.signal(number, self)

    def check(self) -> None:
        """Raise again an interrupt that a package swallowed while it was loaded.

        Raises:
            KeyboardInterrupt: Not an Exception, so that no code between the signal and
                ``main`` handles it as its own failure.
        """
        if self._name is not None:
            raise KeyboardInterrupt(self._name)

    def watch(self) -> None:
        """From here on a second signal ends the process, also while native code works.

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
            with contextlib.suppress(OSError):
                os.write(2, f"{said}  fix: none is needed\n".encode())
            os._exit(128 + numbers[0])
