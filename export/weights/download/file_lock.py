"""One process at a time, across processes that share a folder."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_POLL_S = 0.2
# Some network file systems have no locks; a download there still works, only not two at once.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextlib.contextmanager
def held_lock(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock for the length of a ``with`` block.

    The operating system lets go of it when the process ends, however it ends. The lock
    file stays: removing it would let a waiting and a starting process both go ahead.

    Args:
        path: The lock file; made where it is missing. Its folder exists.
        on_wait: Called once when another process has the lock, before waiting for it.

    Raises:
        OSError: The lock file cannot be made.
    """
    with path.open("ab") as file:
        has_waited = False
        while not _take(file):
            if not has_waited:
                on_wait()
                has_waited = True
            time.sleep(_POLL_S)
        yield  # closing the file lets go


def _take(file: BinaryIO) -> bool:
    """Whether the lock is ours now (or cannot be had on this file system)."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  # there only

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415  # not on Windows

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno in _NO_LOCKS:
            return True
        raise
    return True
