"""Files that stay readable even if writing fails half-way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from steadypose.engines.file_io import give_rights, writing
from steadypose.engines.foreign.claims import is_plain, is_standard_output
from steadypose.engines.wording.telling import reserve_output

Item = TypeVar("Item")
"""A frame's people, of whatever kind a table takes."""


class WholeFile:
    """Appends pieces; after a failed write the file ends with the last whole one.

    Args:
        path: Replaced at once.
        like: Nobody may read it who might not read this file.

    Raises:
        RecordError: It cannot be opened.
    """

    def __init__(self, path: Path, *, like: os.stat_result | None = None) -> None:
        self.path = path
        self.size_bytes = 0
        self._is_closed = False
        self._is_plain = is_plain(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        if not self._is_plain:
            flags &= ~(os.O_CREAT | os.O_TRUNC)
        with writing(path):
            is_output = is_standard_output(path)
            self._file = os.dup(reserve_output()) if is_output else os.open(path, flags, 0o666)
            if like is not None:
                give_rights(path, like)

    def append(self, data: bytes, *, end: bytes | None = None) -> None:
        """Write one piece; ``size_bytes`` then counts what is in the file.

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
            if self._is_plain:
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


class LineSink(Generic[Item]):
    """Writes the lines of each frame; only whole lines reach the disk.

    Args:
        path: Replaced at once.
        head: First line.
        to_lines: The lines of a frame, each with its end.

    Raises:
        RecordError: The file cannot be written.
    """

    def __init__(self, path: Path, head: str, to_lines: Callable[[Item], Iterable[str]]) -> None:
        self.size_bytes = len(head) + 1
        self.progress = 0
        self._to_lines = to_lines
        self._lines = [f"{head}\n"]
        self._written = 0
        self._file = WholeFile(path)

    @property
    def rows(self) -> int:
        """Lines of frames, written and waiting; those that could not be written do not count."""
        return max(0, self._written + len(self._lines) - 1)

    def add(self, item: Item) -> None:
        """Take a frame."""
        lines = list(self._to_lines(item))
        self._lines += lines
        self.size_bytes += sum(map(len, lines))

    def flush(self) -> None:
        """Write whole lines; after a failed write, cut back to the last whole one."""
        data = "".join(self._lines).encode()
        self._lines.clear()
        before = self._file.size_bytes
        try:
            if data:
                self._file.append(data, end=b"\n")
        finally:
            self._written += data[: self._file.size_bytes - before].count(b"\n")

    def close(self) -> None:
        """Write the rest. Safe to call twice."""
        try:
            self.flush()
        finally:
            self._file.close()
