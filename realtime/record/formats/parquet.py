"""Keypoints as Parquet, through a journal that a kill cannot spoil."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.errors import RecordError
from steadypose.engines.file_io import end_of_links, replace_file, write_error, writing
from steadypose.engines.foreign.files import stat_of
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.record.formats.entry import (
    STATE_NAMES,
    Entry,
    round_px,
    round_score,
    round_time,
)
from steadypose.realtime.record.formats.journal import arrow, journal_path, schema, whole_batches
from steadypose.realtime.record.formats.whole_file import WholeFile

GROUP_ROWS = 100_000
_BATCH_ROWS = 20_000
_ROW_BYTES = 66  # in the journal


class ParquetSink:
    """Writes a row per person, frame and keypoint.

    While it is open, an Arrow stream next to it holds everything: whole batches, the
    last one at most half a second old. ``close`` turns the stream into the file.

    Args:
        path: Removed at once; its journal is replaced.
        skeleton: Gives the keypoint names.

    Raises:
        UsageError: pyarrow is not installed.
        RecordError: The journal cannot be written.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        self.path = path
        self._rows = 0
        self.progress = 0
        self._arrow = arrow(f"--parquet {path}", path)
        self._earlier = stat_of(path)
        self._journal = WholeFile(journal_path(path), like=self._earlier)
        with writing(path):
            if self._earlier is not None and stat.S_ISREG(self._earlier.st_mode):
                end_of_links(path).unlink()
        self._names = self._arrow.array(skeleton.keypoints)
        self._state_names = self._arrow.array(STATE_NAMES)
        self._schema = schema(self._arrow, skeleton)
        self._bytes = io.BytesIO()
        self._writer = self._arrow.ipc.new_stream(self._bytes, self._schema)
        # The schema is written with the first batch: an empty one makes the file readable.
        self._writer.write_batch(self._arrow.RecordBatch.from_pylist([], schema=self._schema))
        self._waiting: list[Entry] = []
        self._waiting_rows = 0
        self._keypoints = len(skeleton)
        self._is_closed = self._has_failed = False

    @property
    def rows(self) -> int:
        """Rows in whole batches, and waiting; those that could not be written do not count."""
        return self._rows + (0 if self._has_failed else self._waiting_rows)

    @property
    def size_bytes(self) -> int:
        """Of the journal."""
        return self._journal.size_bytes + self._waiting_rows * _ROW_BYTES

    def add(self, item: Entry) -> None:
        """Take a frame."""
        if not item.poses:
            return
        self._waiting.append(item)
        self._waiting_rows += len(item.poses) * self._keypoints
        if self._waiting_rows >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write a batch; after a failed write, cut back to the last whole one."""
        rows, self._waiting_rows = self._waiting_rows, 0
        if self._waiting:
            self._writer.write_batch(self._batch())
            self._waiting.clear()
        data = self._bytes.getvalue()
        self._bytes.seek(0)
        self._bytes.truncate()
        try:
            self._journal.append(data)
        except OSError as error:
            self._has_failed = True
            raise write_error(self._journal.path, error) from error
        self._rows += rows

    def close(self) -> None:
        """Make the Parquet file and remove the journal. Safe to call twice.

        Raises:
            RecordError: The file could not be written; the journal is complete.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if not self._has_failed:
                self.flush()
        finally:
            self._journal.close()
        if not self._has_failed:
            self._convert()

    def _convert(self) -> None:
        journal = self._journal.path
        try:
            replace_file(self.path, self._write_parquet, like=self._earlier)
        except OSError as error:
            raise RecordError(
                f"{self.path} could not be made ({error.strerror or error}), but {journal} "
                "has everything",
                fix=f"free some space, then {command('convert')} "
                f"{quoted(journal)} {quoted(self.path)}",
            ) from error
        finally:
            # Arrow would keep what a long recording took, for as long as the program runs.
            self._arrow.default_memory_pool().release_unused()
        journal.unlink(missing_ok=True)

    def _write_parquet(self, path: Path) -> None:
        pa = self._arrow
        with (
            pa.OSFile(str(self._journal.path)) as file,
            pa.OSFile(str(path), "wb") as made,  # a writer leaves its own open on a full disk
            pa.parquet.ParquetWriter(made, self._schema) as writer,
        ):
            waiting, rows = [], 0
            # The journal has no end mark, for it may go on: reading stops at the last batch.
            for batch in whole_batches(pa, file):
                waiting.append(batch)
                rows += batch.num_rows
                if rows >= GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(waiting), row_group_size=rows)
                    waiting, rows = [], 0
                    self.progress += 1
            if rows:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=rows)

    def _batch(self) -> Any:
        pa, k = self._arrow, self._keypoints
        people = [(entry, pose) for entry in self._waiting for pose in entry.poses]
        xy = round_px(np.concatenate([pose.xy for _, pose in people]))
        raw = round_px(np.concatenate([pose.raw_xy for _, pose in people]))
        score = round_score(np.concatenate([pose.score for _, pose in people]))
        state = np.concatenate([pose.state for _, pose in people]).astype(np.int8)
        names = np.tile(np.arange(k, dtype=np.int16), len(people))
        frame = np.repeat(np.array([entry.frame for entry, _ in people], np.int64), k)
        time_s = np.repeat(np.array([round_time(entry.time_s) for entry, _ in people]), k)
        person = np.repeat(np.array([pose.track_id for _, pose in people], np.int32), k)
        columns = [
            *(pa.array(frame), pa.array(time_s), pa.array(person)),
            pa.DictionaryArray.from_arrays(names, self._names),
            *(pa.array(v, from_pandas=True) for v in (xy[:, 0], xy[:, 1], score)),
            *(pa.array(v, from_pandas=True) for v in (raw[:, 0], raw[:, 1])),
            pa.DictionaryArray.from_arrays(state, self._state_names),
        ]
        return pa.record_batch(columns, schema=self._schema)
