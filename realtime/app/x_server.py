"""The X server behind a window: whether it answers, and whether it still lives.

Qt ends the whole process when its connection to the server breaks. So the connection is looked at
before Qt is called, and left alone once it is broken; where it breaks during a call, the run goes
on from within the end that Qt has ordered.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DISPLAY = re.compile(r"(?:unix)?(?P<host>.*):(?P<number>\d+)(?:\.\d+)?")
_LOCAL = ("\0/tmp/.X11-unix/X{}", "/tmp/.X11-unix/X{}")  # noqa: S108
_FIRST_PORT = 6000


def answers(display: str) -> bool:
    """Check for an X server; without one Qt would abort the process instead of failing."""
    match = _DISPLAY.fullmatch(display)
    if match is None:
        return False
    number = int(match["number"])
    if match["host"] and not match["host"].startswith("/"):
        try:
            with socket.create_connection((match["host"], _FIRST_PORT + number), timeout=1.0):
                return True
        except OSError:
            return False
    for name in _LOCAL:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(name.format(number))
            except OSError:
                continue
            return True
    return False


class Links:
    """The connections of this process to its X server, as they are now; none elsewhere.

    They are found among the open sockets by where they lead, and are never read.
    """

    def __init__(self) -> None:
        self._hook: Any = None
        self._modules = 0
        self._descriptors: list[int] = []
        match = _DISPLAY.fullmatch(os.environ.get("DISPLAY", ""))
        if match is None or not Path("/proc/self/fd").is_dir():
            return
        for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names alone
            if _leads_to(number, int(match["number"])):
                self._descriptors.append(number)

    @property
    def are_broken(self) -> bool:
        """Whether the server is gone; any thread may ask."""
        if not self._descriptors:
            return False
        poll = select.poll()
        for number in self._descriptors:
            poll.register(number, select.POLLRDHUP)
        return bool(poll.poll(0))

    def guard(self, resume: Callable[[], int]) -> bool:
        """Do something else than end the process where Qt ends it because of a broken connection.

        Args:
            resume: Called on the main thread, in the middle of Qt's call; the process ends with
                the code that it returns.

        Returns:
            Whether it is possible. The process must then end by ``os._exit``: after Python's own
            end nothing may be called.
        """
        if not self._descriptors or not hasattr(ctypes.CDLL(None), "on_exit"):
            return False

        def hook(_code: int, _argument: object) -> None:
            if self.are_broken and threading.current_thread() is threading.main_thread():
                os._exit(resume())

        self._hook = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(hook)
        self.stay_guarded()
        return True

    def stay_guarded(self) -> None:
        """Come first again: what was loaded since then would be cleaned up before."""
        if self._hook is not None and len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            ctypes.CDLL(None).on_exit(self._hook, None)


def _leads_to(descriptor: int, display: int) -> bool:
    try:
        connection = socket.socket(fileno=descriptor)
    except OSError:  # it is no socket
        return False
    try:
        peer = connection.getpeername()
    except OSError:  # one that leads nowhere
        return False
    finally:
        connection.detach()
    if isinstance(peer, tuple):
        return peer[1:2] == (_FIRST_PORT + display,)
    name = peer.decode(errors="replace") if isinstance(peer, bytes) else peer
    return name in {local.format(display) for local in _LOCAL}
