"""One writer per file: a claim that ends with its process, whatever ends it.

The claim is a lock on the file itself, so nothing lies beside it. Where a file system has no
locks, everybody gets one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from steadypose.engines.errors import RecordError
from steadypose.engines.foreign.files import is_there
from steadypose.engines.foreign.moving import move

_FAR = 1 << 60  # Windows locks bytes and keeps everybody from them: one that no file has
_BINARY = getattr(os, "O_BINARY", 0)


class Claim:
    """The right to write a file, held until it is released or the process ends.

    Args:
        path: The file; made, empty, where it is missing.

    Raises:
        RecordError: Somebody else has it, be it in this process.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, *, is_made: bool = True) -> None:
        self._file = _open_locked(path, os.O_CREAT if is_made else 0)

    def replace(self, fresh: Path, target: Path) -> None:
        """Move a complete file to where the claimed one lies; the claim goes over to it.

        Raises:
            OSError: It could not be moved.
            RecordError: Somebody else writes one of them.
        """
        if sys.platform == "win32":  # where nothing moves that is open
            self.release()
            move(fresh, target)
            self._file = _open_locked(target)
            return
        new = _open_locked(fresh)
        try:
            move(fresh, target)
        except BaseException:
            os.close(new)
            raise
        self.release()
        self._file = new

    def release(self) -> None:
        """Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Claims:
    """The claims of a run."""

    def __init__(self) -> None:
        self._held: dict[Path, Claim] = {}

    def add(self, path: Path) -> None:
        """Claim a file; pipes and devices belong to everybody.

        Raises:
            RecordError: Somebody else is writing it.
        """
        if path not in self._held and is_plain(path):
            with contextlib.suppress(OSError):  # who opens it says what is wrong
                self._held[path] = Claim(path)

    def of(self, path: Path) -> Claim | None:
        """The claim on a file, if it is held."""
        return self._held.get(path)

    def drop(self, path: Path) -> None:
        """Release one."""
        if path in self._held:
            self._held.pop(path).release()

    def release(self) -> None:
        """Release all."""
        while self._held:
            self._held.popitem()[1].release()


@contextlib.contextmanager
def alone(lock: Path, what: str, *, fix: str) -> Iterator[None]:
    """Hold a file that stands for something larger, such as its folder, and remove it in the end.

    Args:
        lock: The file; made where it is missing.
        what: The sentence for whoever comes second.
        fix: And what can be done.

    Raises:
        RecordError: Somebody else holds it.
        OSError: It cannot be opened.
    """
    try:
        claim = Claim(lock)
    except RecordError as error:
        raise RecordError(what, fix=fix) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()
        claim.release()


def check_free(path: Path) -> None:
    """Find out whether a file may be written now.

    Raises:
        RecordError: Somebody is writing it.
    """
    if is_there(path) and is_plain(path):
        with contextlib.suppress(OSError):
            Claim(path, is_made=False).release()


def is_plain(path: Path) -> bool:
    """Whether a name stands for a file that keeps what is written, or will."""
    if is_standard_output(path):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # there is none yet
        return True


def is_standard_output(path: Path) -> bool:
    """Whether a name stands for the standard output."""
    return str(path) in {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


def _open_locked(path: Path, flags: int = 0) -> int:
    file = os.open(path, os.O_RDWR | _BINARY | flags, 0o666)
    if not _lock(file):
        os.close(file)
        raise RecordError(
            f"{path} is being written by another run",
            fix="wait until that has ended, or choose another file name",
        )
    return file


def _lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - each of the two is there alone

            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # no locks here
        return True
    return True
