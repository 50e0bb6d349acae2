"""End a run cleanly when a signal asks for it. Imports almost nothing: it is needed first."""

from __future__ import annotations

import _thread
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
_CLOSING = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT of Windows
_CLOSE_S = 4.5  # Windows ends the process five seconds after it has asked
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

    def _watch_console(self) -> None:
        import ctypes  # noqa: PLC0415 - elsewhere it is not needed so early

        types = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint32)  # type: ignore[attr-defined,unused-ignore]
        kernel32 = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
        number: int = signal.SIGBREAK  # type: ignore[attr-defined,unused-ignore]
        self._kept = hear_closing(kernel32, types, number, self.is_over)

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
        if sys.platform == "win32":
            if self._kept is None:
                self._watch_console()
            return
        if self._is_watched:
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._is_watched = True
        threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()


def hear_closing(
    kernel32: Any, to_handler: Callable[[Any], Any], number: int, is_over: threading.Event
) -> Any:
    """Windows: finish the files where the console is closed, or its user logs off.

    The process ends when the handler returns, so it waits for the run.

    Args:
        kernel32: The library of that name.
        to_handler: Makes a function of Windows' type ``PHANDLER_ROUTINE``.
        number: The signal that the main thread hears: SIGBREAK, as C's own handler would say,
            which returns at once.
        is_over: Set once everything is closed.

    Returns:
        The handler; whoever called must keep it.
    """

    def handle(event: int) -> bool:
        if event not in _CLOSING:
            return False  # Ctrl-C and Ctrl-Break come as signals
        _thread.interrupt_main(signal.Signals(number))
        is_over.wait(_CLOSE_S)
        return True

    handler = to_handler(handle)
    kernel32.SetConsoleCtrlHandler(handler, 1)  # the last one is asked first
    return handler


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
