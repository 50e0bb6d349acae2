"""Keypoints as CSV: one row per person and frame, or one per keypoint."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from engines.skeleton import Skeleton
from realtime.datatypes import Frame, Pose, State
from realtime.record.background import BackgroundWriter, write_error

Layout = Literal["wide", "long"]
LAYOUTS: tuple[Layout, ...] = ("wide", "long")

_LONG_HEAD = ("frame", "time_s", "person", "keypoint")
_FLUSH_S = 0.5
_STATES = {State.LOST: "lost", State.PREDICTED: "predicted", State.MEASURED: "measured"}
_Rows = tuple[int, float, Sequence[Pose]]


class CsvRecorder:
    """Writes poses to a CSV file on a thread.

    Only whole lines reach the disk, at least every half second, so the file is
    readable after a kill. A keypoint that is lost is an empty cell.

    Args:
        path: Replaced when the first row is written.
        skeleton: Gives the columns.
        layout: ``wide``: ``frame,time_s,person,score`` and x, y, score per keypoint.
            ``long``: ``frame,time_s,person,keypoint,x,y,score,raw_x,raw_y,state``.
    """

    def __init__(self, path: Path, skeleton: Skeleton, layout: Layout = "wide") -> None:
        self.path = path
        self.rows = 0
        self._skeleton = skeleton
        self._layout = layout
        self._lines: list[str] = [",".join(header(skeleton, layout)) + "\n"]
        self._flushed_s = time.perf_counter()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o666)
            self._flush()
        except OSError as error:
            raise write_error(path, error) from error
        self._writer: BackgroundWriter[_Rows] = BackgroundWriter(
            self._add, self._close_file, path=path, capacity=4096, idle=self._flush
        )

    def write(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Record the people of one frame.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        if poses:
            self._writer.put((frame.index, frame.time_s, poses), may_drop=False)
            self.rows += len(poses) * (len(self._skeleton) if self._layout == "long" else 1)
        else:
            self._writer.check()

    def close(self) -> None:
        """Write the rest. Safe to call twice.

        Raises:
            RecordError: The rest could not be written.
        """
        self._writer.close()

    def _add(self, item: _Rows) -> None:
        index, time_s, poses = item
        for pose in poses:
            rows = wide_row if self._layout == "wide" else long_rows
            self._lines.extend(rows(index, time_s, pose))
        if time.perf_counter() - self._flushed_s >= _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        """Write whole lines; after a failed write, cut back to the last whole one."""
        self._flushed_s = time.perf_counter()
        if not self._lines:
            return
        data = "".join(self._lines).encode()
        self._lines.clear()
        begin = os.lseek(self._file, 0, os.SEEK_CUR)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            whole = data[:written].rfind(b"\n") + 1
            os.ftruncate(self._file, begin + whole)
            raise

    def _close_file(self) -> None:
        try:
            self._flush()
        finally:
            os.close(self._file)


def header(skeleton: Skeleton, layout: Layout) -> list[str]:
    """Column names of a layout."""
    if layout == "long":
        return [*_LONG_HEAD, "x", "y", "score", "raw_x", "raw_y", "state"]
    columns = ["frame", "time_s", "person", "score"]
    for name in skeleton.keypoints:
        columns += [f"{name}_x", f"{name}_y", f"{name}_score"]
    return columns


def wide_row(index: int, time_s: float, pose: Pose) -> Iterator[str]:
    """The one line of a person in a frame."""
    cells = [f"{index},{time_s:.4f},{pose.track_id},{pose.person_score:.3f}"]
    for (x, y), score in zip(pose.xy.tolist(), pose.score.tolist(), strict=True):
        cells.append(f",,,{score:.3f}" if math.isnan(x) else f",{x:.2f},{y:.2f},{score:.3f}")
    cells.append("\n")
    yield "".join(cells)


def long_rows(index: int, time_s: float, pose: Pose) -> Iterator[str]:
    """The lines of a person in a frame, one per keypoint."""
    head = f"{index},{time_s:.4f},{pose.track_id}"
    columns = zip(
        pose.skeleton.keypoints,
        pose.xy.tolist(),
        pose.score.tolist(),
        pose.raw_xy.tolist(),
        pose.state.tolist(),
        strict=True,
    )
    for name, xy, score, raw, state in columns:
        place, measured = _cells(xy), _cells(raw)
        yield f"{head},{name},{place},{score:.3f},{measured},{_STATES[state]}\n"


def _cells(xy: list[float]) -> str:
    return "," if math.isnan(xy[0]) else f"{xy[0]:.2f},{xy[1]:.2f}"
