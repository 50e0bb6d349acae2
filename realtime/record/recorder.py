"""Recording on a thread, in one file after another: tables and videos alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Generic, TypeVar

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import write_error
from steadypose.engines.foreign.claims import Claims
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.record.background import BackgroundWriter
from steadypose.realtime.record.formats.csv_rows import OfSource
from steadypose.realtime.record.formats.entry import Entry, Sink
from steadypose.realtime.record.formats.tables import Table
from steadypose.realtime.record.memory import free_pages
from steadypose.realtime.record.parts import Limit, part_path
from steadypose.realtime.record.picture import Picture

Item = TypeVar("Item")

_FLUSH_S = 0.5
_TABLE_CAPACITY = 4096  # frames that may wait for the disk
_VIDEO_CAPACITY = 16  # frames that may wait for the encoder


class Recorder(Generic[Item]):
    """Feeds items to a file, and to the next one when it is large or long enough.

    What is on the disk is readable at any moment, and at most half a second old.

    Args:
        path: Of the first file, which is replaced at once.
        open_sink: Opens a file; it is used on the recorder's thread alone.
        time_of: Capture time of an item, seconds.
        limit: Where to go on in another file; None: never.
        capacity: Items that may wait.
        may_drop: Give up items when it cannot keep up (they are counted) instead of waiting.
        claims: Of the run, which releases them: the first file and the one that is being
            written. None: they end with the recorder.
        beside: Suffix of the file that is written first.

    Raises:
        RecordError: The first file cannot be written, or somebody else is writing it.
    """

    def __init__(
        self,
        path: Path,
        open_sink: Callable[[Path], Sink[Item]],
        *,
        time_of: Callable[[Item], float],
        limit: Limit | None,
        capacity: int,
        may_drop: bool,
        claims: Claims | None = None,
        beside: str = "",
    ) -> None:
        self.given_up = 0
        self._claims, self._beside = claims or Claims(), beside
        self._is_alone = claims is None
        self._paths = [path]
        self._open_sink = open_sink
        self._time_of = time_of
        self._limit = limit or Limit()
        self._may_drop = may_drop
        self._border_s: float | None = None
        self._rows = self._progress = 0
        self._claims.add(self._written(path))
        try:
            self._sink = self._begin(path)
        except BaseException:
            if self._is_alone:
                self._claims.release()
            raise
        self._flushed_s = time.perf_counter()
        self._writer: BackgroundWriter[Item] = BackgroundWriter(
            self._add,
            self._close_sink,
            path=lambda: self._paths[-1],
            capacity=capacity,
            idle=self._flush,
            progress=lambda: self._progress + self._sink.progress,
        )

    def _begin(self, path: Path) -> Sink[Item]:
        """Open the first file; it can be written."""
        sink = self._open_sink(path)
        try:
            sink.flush()
        except OSError as error:
            sink.close()
            raise write_error(path, error) from error
        return sink

    @property
    def rows(self) -> int:
        """Rows, lines or pictures in all files; exact once it is closed."""
        return self._rows + self._sink.rows

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return list(self._paths)

    def put(self, item: Item) -> None:
        """Record an item, which must not be changed afterwards.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        if not self._writer.put(item, may_drop=self._may_drop):
            self.given_up += 1

    def close(self) -> None:
        """Write the rest. Safe to call twice.

        Raises:
            RecordError: The rest could not be written.
        """
        try:
            self._writer.close()
        finally:
            if self._is_alone:
                self._claims.release()

    def _add(self, item: Item) -> None:
        if self._is_due(item):
            self._next_part()
        self._sink.add(item)
        if time.perf_counter() - self._flushed_s >= _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        self._sink.flush()
        self._flushed_s = time.perf_counter()

    def _close_sink(self) -> None:
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
        before, path = self._paths[-1], part_path(self._paths[0], len(self._paths) + 1)
        self._claims.add(self._written(path))
        self._sink = self._open_sink(path)
        self._rows += finished.rows
        self._progress += finished.progress + 1
        del finished
        free_pages()
        self._paths.append(path)
        if before != self._paths[0]:  # which stays the run's as long as it goes on
            self._claims.drop(self._written(before))

    def _written(self, path: Path) -> Path:
        return path.with_name(path.name + self._beside)


def record_table(
    table: Table, skeleton: Skeleton, limit: Limit | None = None, claims: Claims | None = None
) -> Recorder[Entry]:
    """Record the people of every frame; none is given up.

    Raises:
        UsageError: A package is missing.
        RecordError: The file cannot be written.
    """
    return Recorder(
        table.path,
        lambda path: table.format.open(path, skeleton),
        time_of=lambda entry: entry.time_s,
        limit=limit,
        capacity=_TABLE_CAPACITY,
        may_drop=False,
        claims=claims,
        beside=table.format.beside,
    )


def record_joint(
    table: Table, skeleton: Skeleton, limit: Limit | None, claims: Claims
) -> Recorder[OfSource]:
    """Record the people of several sources into one file; none is given up.

    Args:
        table: With ``open_joint``.
        skeleton: Gives its columns.
        limit: Where to go on in another file.
        claims: Released by the caller.

    Raises:
        RecordError: The file cannot be written.
    """
    open_joint = table.format.open_joint
    assert open_joint is not None, "who asks has looked"
    return Recorder(
        table.path,
        lambda path: open_joint(path, skeleton),
        time_of=lambda item: item[1].time_s,
        limit=limit,
        capacity=_TABLE_CAPACITY,
        may_drop=False,
        claims=claims,
    )


def record_video(
    path: Path,
    *,
    fps: float,
    is_live: bool,
    limit: Limit | None = None,
    claims: Claims | None = None,
) -> Recorder[Picture]:
    """Record annotated pictures; of a live source, what the encoder cannot take is given up.

    Raises:
        RecordError: The file cannot be written, or av is missing.
    """
    return Recorder(
        path,
        partial(load_video_sink(), fps=fps),
        time_of=lambda picture: picture[1],
        limit=limit,
        capacity=_VIDEO_CAPACITY,
        may_drop=is_live,
        claims=claims,
    )


def load_video_sink() -> Callable[..., Sink[Picture]]:
    """What encodes; loaded only where a video is written, so that nothing else needs av.

    Raises:
        RecordError: av is not installed, or does not load.
    """
    try:
        return import_module("steadypose.realtime.record.video").VideoSink
    except ImportError as error:
        raise RecordError(
            f"a video needs av, which is not installed or does not load ({error})",
            fix="pip install av, or record a table without --save-video",
        ) from error
