"""Files of strangers are opened here: regular ones only, for a pipe would be waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # opening a pipe does not wait for its other end
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_regular(path: Path, *, follows_links: bool = True) -> BinaryIO:
    """Open a file for reading.

    Args:
        path: Its name.
        follows_links: False: a link is no file. Windows follows it in any case.

    Raises:
        OSError: It cannot be read, or is a folder, a pipe, a socket or a device.
    """
    descriptor = os.open(path, _FLAGS if follows_links else _FLAGS | getattr(os, "O_NOFOLLOW", 0))
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _require_regular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))


def check_regular(path: Path) -> None:
    """Find out whether a file can be opened, for a package that opens it by its name.

    Raises:
        OSError: As ``open_regular``.
    """
    open_regular(path).close()


def stat_of(path: Path, *, follows_links: bool = True) -> os.stat_result | None:
    """What is known of a file, by default at the end of all links; None: there is none."""
    try:
        return path.stat() if follows_links else path.lstat()
    except (OSError, ValueError):  # ValueError: a null character
        return None


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; nothing does under a name that no file can have."""
    return stat_of(path) is not None


def is_regular(path: Path) -> bool:
    """Whether a file exists that is no folder, pipe or device, at the end of all links."""
    found = stat_of(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(path: Path) -> bool:
    """Whether a folder exists, at the end of all links."""
    found = stat_of(path)
    return found is not None and stat.S_ISDIR(found.st_mode)
