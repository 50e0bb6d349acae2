"""How Windows says otherwise than by signals that a program must end.

A closed console is told to a handler. The end of a session, too, but not where the program has
loaded user32.dll, as OpenCV does: then to its windows alone, so there is one that nobody sees.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import Any

_CLOSING = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
_MAY_IT_END, _IT_ENDS = 0x11, 0x16  # WM_QUERYENDSESSION, WM_ENDSESSION
_CLOSE_S = 4.5  # the process is ended five seconds after it was asked


class Closing:
    """Ends the run, and keeps whoever says so waiting until the files are closed.

    The process ends as soon as an answer is given.

    Args:
        number: The signal that the main thread hears: SIGBREAK, as C's own handler would say,
            which answers at once.
        is_over: Set once everything is closed.
    """

    def __init__(self, number: int, is_over: threading.Event) -> None:
        self._number, self._is_over = number, is_over

    def on_event(self, event: int) -> bool:
        """Handle what a console says; returns whether that is all to be done."""
        if event not in _CLOSING:
            return False  # Ctrl-C and Ctrl-Break come as signals
        self._end()
        return True

    def on_message(self, message: int, is_certain: int) -> int | None:
        """Handle what a window is told; returns its answer, None: the system's own."""
        if message == _MAY_IT_END:
            return 1
        if message == _IT_ENDS:
            if is_certain:
                self._end()
            return 0
        return None

    def _end(self) -> None:
        _thread.interrupt_main(signal.Signals(self._number))
        self._is_over.wait(_CLOSE_S)


if sys.platform == "win32":

    def hear_windows(closing: Closing) -> list[Any]:
        """Let both ways lead there; on the main thread.

        Returns:
            What the caller must keep.
        """
        import ctypes  # noqa: PLC0415 - elsewhere it is not needed so early

        handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint32)(closing.on_event)
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(handler, 1)  # the last one is asked first
        threading.Thread(target=_serve_window, args=(closing,), name="session", daemon=True).start()
        return [handler]

    def _serve_window(closing: Closing) -> None:
        """Be told of the session's end; a window belongs to the thread that makes it."""
        import ctypes  # noqa: PLC0415
        from ctypes import wintypes as win  # noqa: PLC0415

        user32, kernel32 = ctypes.WinDLL("user32"), ctypes.WinDLL("kernel32")
        kernel32.GetModuleHandleW.restype = win.HMODULE
        user32.CreateWindowExW.argtypes = (
            *(win.DWORD, win.LPCWSTR, win.LPCWSTR, win.DWORD),
            *(ctypes.c_int,) * 4,
            *(win.HWND, win.HMENU, win.HINSTANCE, win.LPVOID),
        )
        user32.CreateWindowExW.restype = win.HWND
        words = (win.HWND, win.UINT, win.WPARAM, win.LPARAM)
        user32.DefWindowProcW.argtypes, user32.DefWindowProcW.restype = words, ctypes.c_ssize_t
        to_procedure = ctypes.WINFUNCTYPE(ctypes.c_ssize_t, *words)

        def procedure(window: int, message: int, wide: int, long: int) -> int:
            answer = closing.on_message(message, wide)
            if answer is None:
                answer = int(user32.DefWindowProcW(window, message, wide, long))
            return answer

        class WindowClass(ctypes.Structure):
            _fields_ = (
                ("style", win.UINT),
                ("procedure", to_procedure),
                ("class_extra", ctypes.c_int),
                ("window_extra", ctypes.c_int),
                ("instance", win.HINSTANCE),
                ("icon", win.HANDLE),
                ("cursor", win.HANDLE),
                ("background", win.HANDLE),
                ("menu", win.LPCWSTR),
                ("name", win.LPCWSTR),
            )

        name, instance = "steadypose session", kernel32.GetModuleHandleW(None)
        kind = WindowClass(procedure=to_procedure(procedure), instance=instance, name=name)
        user32.RegisterClassW(ctypes.byref(kind))
        user32.CreateWindowExW(0, name, name, 0, 0, 0, 0, 0, None, None, instance, None)
        message = win.MSG()
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            user32.DispatchMessageW(ctypes.byref(message))
