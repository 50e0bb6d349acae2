"""Recordings that go on in another file when one is large or long enough."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import write_error
from steadypose.realtime.record.formats.entry import Sink

Item = TypeVar("Item")

FLUSH_S = 0.5
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
_LEAST_BYTES = 10_000
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How much goes into one file; one of the two is given.

    Attributes:
        size_bytes: Size after which the next frame begins a new file.
        duration_s: Time on the grid of which files begin.
    """

    size_bytes: int | None = None
    duration_s: float | None = None


def parse_limit(text: str) -> Limit:
    """Read ``500MB`` or ``10min``.

    Raises:
        UsageError: Neither a size nor a time, or too small.
    """
    fix = "give a size or a time: --split 500MB, --split 1GB, --split 10min, --split 2h"
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", text)
    unit = match[2].lower() if match else ""
    if match is None or unit not in {*_BYTES, *_SECONDS}:
        raise UsageError(f"--split {text} is neither a size nor a time", fix=fix)
    value = float(match[1])
    if unit in _BYTES:
        limit = Limit(size_bytes=int(value * _BYTES[unit]))
    else:
        limit = Limit(duration_s=value * _SECONDS[unit])
    if (limit.size_bytes or _LEAST_BYTES) < _LEAST_BYTES or not value:
        raise UsageError(f"--split {text} is less than 10 kB", fix=fix)
    if (limit.duration_s or _LEAST_S) < _LEAST_S:
        raise UsageError(f"--split {text} is less than a second", fix=fix)
    return limit


def part_path(path: Path, number: int) -> Path:
    """The file of a part: out.csv, out.002.csv, out.003.csv."""
    return path if number == 1 else path.with_name(f"{path.stem}.{number:03d}{path.suffix}")


def first_part(path: Path) -> Path:
    """The other way around: out.csv of out.002.csv; a name without a number stays."""
    match = re.fullmatch(r"(.+)\.(\d{3,})", path.stem)
    if match is None:
        return path
    first = path.with_name(match[1] + path.suffix)
    number = int(match[2])
    return first if number > 1 and part_path(first, number).name == path.name else path


class Parts(Generic[Item]):
    """A sink that is a row of sinks, and brings each to the disk twice a second.

    Args:
        path: Of the first part, which is opened at once.
        open_part: Opens a sink.
        time_of: Capture time of an item, seconds.
        limit: None: a single part.

    Raises:
        RecordError: The first part cannot be written.
    """

    def __init__(
        self,
        path: Path,
        open_part: Callable[[Path], Sink[Item]],
        time_of: Callable[[Item], float],
        limit: Limit | None,
    ) -> None:
        self.paths = [path]
        self._open_part = open_part
        self._time_of = time_of
        self._limit = limit or Limit()
        self._border_s: float | None = None
        self._rows = self._progress = 0
        self._sink = open_part(path)
        try:
            self._sink.flush()
        except OSError as error:
            self._sink.close()
            raise write_error(path, error) from error
        self._flushed_s = time.perf_counter()

    @property
    def rows(self) -> int:
        """Of all parts."""
        return self._rows + self._sink.rows

    @property
    def progress(self) -> int:
        """Grows while something is done."""
        return self._progress + self._sink.progress

    def add(self, item: Item) -> None:
        """Take an item, in a new part if it is time.

        Raises:
            OSError: The disk is full or gone.
            RecordError: The next part cannot be written.
        """
        if self._is_due(item):
            self._next_part()
        self._sink.add(item)
        if time.perf_counter() - self._flushed_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Bring everything to the disk."""
        self._sink.flush()
        self._flushed_s = time.perf_counter()

    def close(self) -> None:
        """Finish the last part. Safe to call twice."""
        self._sink.close()

    def _is_due(self, item: Item) -> bool:
        size, duration_s = self._limit.size_bytes, self._limit.duration_s
        if size is not None:
            return self._sink.rows > 0 and self._sink.size_bytes >= size
        if duration_s is None:
            return False
        time_s = self._time_of(item)
        if self._border_s is None:
            self._border_s = time_s + duration_s
        late_s = time_s - self._border_s + 1e-9
        if late_s < 0:
            return False
        # Borders stay on their grid, so files of one run begin together to the end.
        self._border_s += duration_s * (math.floor(late_s / duration_s) + 1)
        return True

    def _next_part(self) -> None:
        self._sink.close()
        finished = self._sink
        path = part_path(self.paths[0], len(self.paths) + 1)
        self._sink = self._open_part(path)
        self._rows += finished.rows
        self._progress += finished.progress + 1
        self.paths.append(path)
