"""A plugin for pytest that takes away what Windows does not have.

    python -m pytest -p tests.support.without_posix --collect-only

It shows whether the tests can be collected there, and leaves out those marked ``posix``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from importlib import import_module

with contextlib.suppress(ImportError):
    import_module("filelock")  # on Windows it has locks of its own

MISSING_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios")
_MISSING = {
    os: "chown fork getegid geteuid getgid getpgid getuid killpg mkfifo mknod nice openpty setsid "
    "sched_getaffinity O_NOFOLLOW O_NONBLOCK",
    signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 alarm "
    "pthread_kill setitimer",
}
for owner, names in _MISSING.items():
    for name in names.split():
        if hasattr(owner, name):
            delattr(owner, name)
for module in MISSING_MODULES:
    sys.modules[module] = None  # type: ignore[assignment]  # as the import system's docs say
