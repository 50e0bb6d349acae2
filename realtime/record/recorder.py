"""Recording the people of every frame, on a thread, in any format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from steadypose.engines.skeleton import Skeleton
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.record.background import BackgroundWriter
from steadypose.realtime.record.formats.csv_rows import Layout, csv_sink
from steadypose.realtime.record.formats.entry import Entry, Sink
from steadypose.realtime.record.formats.jsonl import jsonl_sink
from steadypose.realtime.record.formats.parquet import parquet_sink
from steadypose.realtime.record.parts import Limit, Parts

_CAPACITY = 4096  # frames that may wait for the disk


class PoseRecorder:
    """Writes poses to a file on a thread.

    What is on the disk is readable at any moment, and at most half a second old.

    Args:
        path: Replaced at once.
        open_sink: Opens a file of the format.
        limit: Where to go on in another file; None: never.

    Raises:
        RecordError: The file cannot be written.
    """

    def __init__(
        self, path: Path, open_sink: Callable[[Path], Sink[Entry]], limit: Limit | None = None
    ) -> None:
        self.path = path
        self._parts: Parts[Entry] = Parts(path, open_sink, lambda entry: entry.time_s, limit)
        self._writer: BackgroundWriter[Entry] = BackgroundWriter(
            self._parts.add,
            self._parts.close,
            path=path,
            capacity=_CAPACITY,
            idle=self._parts.flush,
            progress=lambda: self._parts.progress,
        )

    @property
    def rows(self) -> int:
        """Rows or lines written; exact once it is closed."""
        return self._parts.rows

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return list(self._parts.paths)

    def write(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Record the people of one frame, or that there are none.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        self.put(Entry(frame.index, frame.time_s, poses))

    def put(self, entry: Entry) -> None:
        """``write`` without a picture.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        self._writer.put(entry, may_drop=False)

    def close(self) -> None:
        """Write the rest. Safe to call twice.

        Raises:
            RecordError: The rest could not be written.
        """
        self._writer.close()


def csv_recorder(
    path: Path, skeleton: Skeleton, layout: Layout = "wide", limit: Limit | None = None
) -> PoseRecorder:
    """Record a CSV; see ``csv_sink``."""
    return PoseRecorder(path, lambda p: csv_sink(p, skeleton=skeleton, layout=layout), limit)


def jsonl_recorder(path: Path, skeleton: Skeleton, limit: Limit | None = None) -> PoseRecorder:
    """Record JSON lines; see ``jsonl_sink``."""
    return PoseRecorder(path, lambda p: jsonl_sink(p, skeleton=skeleton), limit)


def parquet_recorder(path: Path, skeleton: Skeleton, limit: Limit | None = None) -> PoseRecorder:
    """Record a Parquet file; see ``parquet_sink``."""
    return PoseRecorder(path, lambda p: parquet_sink(p, skeleton=skeleton), limit)
