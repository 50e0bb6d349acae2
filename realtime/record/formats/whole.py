"""Files that end with something whole, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from steadypose.realtime.record.background import write_error


class WholeFile:
    """Appends pieces; after a failed write the file ends with the last whole one.

    Args:
        path: Replaced at once.

    Raises:
        RecordError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._is_closed = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise write_error(path, error) from error

    def append(self, data: bytes, *, end: bytes | None = None) -> None:
        """Write one piece.

        Args:
            data: Goes to the end of the file.
            end: What ends each part of ``data`` that may stand alone; None: it is
                one part.

        Raises:
            OSError: The disk is full or gone; the part that failed is cut off.
        """
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            whole = 0 if end is None else data[:written].rfind(end) + len(end)
            os.ftruncate(self._file, self.size_bytes + whole)
            os.lseek(self._file, 0, os.SEEK_END)
            self.size_bytes += whole
            raise
        self.size_bytes += len(data)

    def close(self) -> None:
        """Safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._file)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that its old content stays until the new one is complete.

    Args:
        path: The file.
        write: Writes the path that it is given, a neighbour of ``path``.

    Raises:
        OSError: It could not be written; ``path`` is as it was.
    """
    fresh = path.with_name(f"{path.name}.tmp")
    try:
        write(fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
