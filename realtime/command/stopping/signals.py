"""End a run cleanly when a signal asks for it. Imports almost nothing: it is needed first."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_ONE_S = 0.3  # signals this close are one: `timeout`, for instance, sends two
# Ctrl-C, a service that ends, a terminal that is closed, Ctrl-Break on Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_HEAR_S = 0.3  # what the main thread has to hear a signal, before it is taken for kept
_NUMBERS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Stop:
    """Handler of the signals that end a program: end the run, keep the files.

    Attributes:
        owns_process: Whoever made it ends the process right after the run.
        needs_hard_end: It must end without the cleaning up of native packages.
        is_over: Everything is closed; the process may go.
    """

    def __init__(self, *, owns_process: bool = False) -> None:
        self.owns_process = owns_process
        self.needs_hard_end = False
        self.is_over = threading.Event()
        self._name: str | None = None
        self._is_watched = False
        self._kept: Any = None
        self._instead: tuple[Callable[[], None], Callable[[str], int]] | None = None
        self._is_heard = threading.Lock()  # whoever has it, once and for all, ends the run

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._is_watched:
            if self._name is not None:
                return  # the watcher ends the process
            if not self._is_heard.acquire(blocking=False):
                threading.Event().wait()  # too late: the run is being ended in another thread
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
        recorded is on the disk: recordings are readable at any moment.
        """
        if self._is_watched:
            return
        read = _numbers_as_they_come()
        self._is_watched = True
        threading.Thread(target=self._watch, args=(read,), name="signals", daemon=True).start()
        if sys.platform == "win32":
            from steadypose.realtime.command.stopping import windows  # noqa: PLC0415

            self._kept = windows.hear_windows(windows.Closing(signal.SIGBREAK, self.is_over))

    def run(
        self, work: Callable[[], None], end: Callable[[], None], finish: Callable[[str], int]
    ) -> None:
        """Do something on the main thread that native code may keep there: serve a window.

        Args:
            work: What to do; a signal ends it, as any.
            end: Called on another thread as soon as a signal comes: ends the loops soon.
            finish: Called there with the signal's name where the main thread does not hear it;
                closes the files, reports, and returns the code with which the process ends.
        """
        self._instead = (end, finish) if self.owns_process else None
        try:
            work()
        finally:
            self._instead = None

    def _watch(self, read: Callable[[], bytes]) -> None:
        first_s: float | None = None
        while numbers := read():
            if numbers[0] not in _NUMBERS:
                continue
            if first_s is None:
                first_s = time.monotonic()
                work = threading.Thread(target=self._end_instead, args=(numbers[0],), daemon=True)
                work.start()  # meanwhile a second signal is heard
            elif time.monotonic() - first_s > _ONE_S:
                name = signal.Signals(numbers[0]).name
                said = f"error: ended at once ({name}); what was recorded so far is readable\n"
                with contextlib.suppress(OSError):
                    os.write(2, f"{said}  fix: none is needed\n".encode())
                _end_now(128 + numbers[0])

    def _end_instead(self, number: int) -> None:
        """End the run in the place of the main thread, where that hears nothing."""
        instead = self._instead  # the main thread may take it away at any moment
        if instead is None:
            return
        end, finish = instead
        end()
        time.sleep(_HEAR_S)
        if self._is_heard.acquire(blocking=False):
            code = finish(signal.Signals(number).name)
            self.is_over.set()
            _end_now(code)


def _end_now(code: int) -> None:
    if sys.platform == "win32" and code > 1:
        # Not ``_exit``: the libraries' own ends would wait for what the main thread holds.
        os.kill(os.getpid(), code)  # ends it with this number
    os._exit(code)


def _numbers_as_they_come() -> Callable[[], bytes]:
    """What waits for the next signal, on any thread, and returns its number in a byte."""
    if sys.platform == "win32":  # only sockets are told there
        import socket  # noqa: PLC0415 - elsewhere it is not needed so early

        near, far = socket.socketpair()
        far.settimeout(0.0)
        signal.set_wakeup_fd(far.detach(), warn_on_full_buffer=False)
        return lambda: near.recv(1)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return lambda: os.read(reading, 1)
