"""Formats made of lines: CSV in both layouts, JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.whole import WholeFile


class LineSink:
    """Writes the lines of each frame; only whole lines reach the disk.

    Args:
        path: Replaced at once.
        head: First line.
        to_lines: The lines of a frame, each with its end.

    Raises:
        RecordError: The file cannot be written.
    """

    def __init__(self, path: Path, head: str, to_lines: Callable[[Entry], Iterable[str]]) -> None:
        self.rows = 0
        self.size_bytes = len(head) + 1
        self.progress = 0
        self._to_lines = to_lines
        self._lines = [f"{head}\n"]
        self._file = WholeFile(path)

    def add(self, item: Entry) -> None:
        """Take a frame."""
        lines = list(self._to_lines(item))
        self._lines += lines
        self.rows += len(lines)
        self.size_bytes += sum(map(len, lines))

    def flush(self) -> None:
        """Write whole lines; after a failed write, cut back to the last whole one."""
        data = "".join(self._lines).encode()
        self._lines.clear()
        if data:
            self._file.append(data, end=b"\n")

    def close(self) -> None:
        """Write the rest. Safe to call twice."""
        try:
            self.flush()
        finally:
            self._file.close()
