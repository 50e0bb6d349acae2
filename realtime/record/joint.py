"""One table for several sources, each row with the name of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from steadypose.engines.errors import RecordError
from steadypose.engines.foreign.claims import Claims
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.formats.csv_rows import OfSource
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.tables import Table
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.recorder import Recorder, record_joint
from steadypose.realtime.record.sidecar import Sidecar, sidecar_path


class JointTable:
    """A table that several threads write to; opened with the first frame of any source.

    Args:
        table: With ``open_joint``.
        skeleton: Gives its columns.
        split: Where it goes on in another file.
    """

    def __init__(self, table: Table, skeleton: Skeleton, split: Limit | None = None) -> None:
        self.path = table.path
        self._table, self._skeleton, self._split = table, skeleton, split
        self._lock = threading.Lock()
        self._claims = Claims()
        self._sources: dict[str, dict[str, Any]] = {}
        self._run_info: dict[str, Any] = {}
        self._frames: dict[str, int] = {}
        self._dropped: list[Callable[[], int]] = []
        self._recorder: Recorder[OfSource] | None = None
        self._failure: RecordError | None = None
        self._sidecar: Sidecar | None = None

    def take(self, outputs: Outputs, name: str) -> None:
        """Take the people of a source, too.

        Args:
            outputs: Its own, before the first frame.
            name: In the column.
        """
        run_info = outputs.run_info or {}
        self._run_info = self._run_info or {k: v for k, v in run_info.items() if k != "source"}
        self._sources[name] = dict(run_info.get("source", {}))
        self._frames[name] = 0
        self._dropped.append(outputs.dropped)
        outputs.join(partial(self.put, name), lambda: self.files)

    def put(self, name: str, frame: Frame, entry: Entry) -> None:
        """Record the people of a frame of a source; any thread may call it.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        with self._lock:
            if self._failure is not None:
                # Every source says what it really was, each with an error of its own.
                raise self._failure.fresh()
            if self._recorder is None:
                self._open()
            assert self._recorder is not None
            recorder = self._recorder
            if not self._frames[name]:
                height, width = frame.size_hw
                self._sources[name]["frame_size_wh"] = [width, height]
            self._frames[name] += 1
        recorder.put((name, entry))  # it waits for a slow disk, and nobody for this lock

    def close(self) -> None:
        """Write the rest. Safe to call twice.

        Raises:
            RecordError: The rest could not be written.
        """
        try:
            if self._recorder is not None:
                self._recorder.close()
            if self._sidecar is not None and self._recorder is not None:
                names = [path.name for path in self._recorder.paths]
                sidecar, self._sidecar = self._sidecar, None
                sidecar.finish(
                    frames=sum(self._frames.values()),
                    dropped=sum(dropped() for dropped in self._dropped),
                    files=[{"names": names, "rows": self._recorder.rows}],
                    more={"sources": self._described()},
                )
        finally:
            self._claims.release()

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that has been written so far."""
        return tuple(self._recorder.paths) if self._recorder is not None else ()

    @property
    def rows(self) -> int:
        """How many there are; exact once it is closed."""
        return self._recorder.rows if self._recorder is not None else 0

    def _open(self) -> None:
        run_info = {**self._run_info, "sources": self._described()}
        try:
            self._claims.add(self.path)
            self._sidecar = Sidecar(sidecar_path(self.path), run_info)
            self._recorder = record_joint(self._table, self._skeleton, self._split, self._claims)
        except RecordError as error:
            self._failure = error.fresh()
            raise

    def _described(self) -> dict[str, dict[str, Any]]:
        return {
            name: {**about, "frames": self._frames[name]} for name, about in self._sources.items()
        }
