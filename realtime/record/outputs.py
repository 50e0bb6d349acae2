"""The files of a run, and switching their recording on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.file_io import check_writable, replace_file, writing
from steadypose.engines.foreign.claims import Claim, Claims, is_plain
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.counting import counted
from steadypose.realtime.datatypes import FloatArray, Frame, Pose
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.tables import TABLES, Table, TableFormat
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.record.memory import free_pages
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.picture import Picture
from steadypose.realtime.record.recorder import Recorder, record_table, record_video
from steadypose.realtime.record.sidecar import Sidecar, sidecar_path


@dataclass(slots=True)
class Outputs:
    """Tables, video and live channels of a run; each may be absent.

    Files are opened with the first frame, so an earlier recording of the same name
    survives a run that never gets one.

    Attributes:
        skeleton: Gives the tables their columns.
        fps: Nominal frame rate of the video.
        is_live: Whether the video may give up frames.
        tables: In the order of ``TABLES``.
        video: Path of the video.
        split: Where each goes on in another file.
        run_info: What the sidecar says, see ``Sidecar``; None: there is no sidecar.
        engine_info: Likewise, but asked when a recording begins, after its first frame.
        second_pass: Called with each finished table, its format and the claim on it.
        dropped: Asked at the end how many frames the source gave up.
        live: Poses go there whether or not they are recorded.
        is_recording: Switched by a key.
    """

    skeleton: Skeleton
    fps: float
    is_live: bool
    tables: tuple[Table, ...] = ()
    video: Path | None = None
    split: Limit | None = None
    run_info: Mapping[str, Any] | None = None
    engine_info: Callable[[], Mapping[str, Any]] = dict
    second_pass: Callable[[Path, TableFormat, Claim | None], None] | None = None
    dropped: Callable[[], int] = lambda: 0
    live: Live = field(default_factory=Live)
    is_recording: bool = field(init=False)
    _tables: list[tuple[TableFormat, Recorder[Entry]]] = field(default_factory=list)
    _video: Recorder[Picture] | None = None
    _sidecar: Sidecar | None = None
    _claims: Claims = field(default_factory=Claims)
    _snapshots: list[Path] = field(default_factory=list)
    _is_open: bool = False
    _frames: int = 0
    _joint: Callable[[Frame, Entry], None] | None = None
    _joint_files: Callable[[], tuple[Path, ...]] = tuple

    def __post_init__(self) -> None:
        self.is_recording = self._has_files

    def join(
        self, put: Callable[[Frame, Entry], None], files: Callable[[], tuple[Path, ...]]
    ) -> None:
        """Record to a table of several sources, too.

        Args:
            put: Takes the people of each frame.
            files: Asked what has been written there.
        """
        self._joint, self._joint_files, self.is_recording = put, files, True

    @property
    def wants_video(self) -> bool:
        """Whether ``write_picture`` will keep a picture."""
        return self.is_recording and self.video is not None

    def write_poses(
        self, frame: Frame, poses: Sequence[Pose], angles: Sequence[FloatArray] = ()
    ) -> None:
        """Send the people of a frame, and record them.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        self.live.offer(frame, poses, angles)
        if not self.is_recording:
            return
        if not self._is_open:
            self._is_open = True
            self._open(frame)
        self._frames += 1
        entry = Entry(frame.index, frame.time_s, poses, angles)
        for _, recorder in self._tables:
            recorder.put(entry)
        if self._joint is not None:
            self._joint(frame, entry)

    def write_picture(self, paint: Callable[[], NDArray[np.uint8]], time_s: float) -> None:
        """Record an annotated picture; ``paint`` makes it, on the writing thread.

        Raises:
            RecordError: The disk is full, or there is no encoder.
        """
        if self._video is None and self.video is not None:
            self._video = record_video(
                self.video,
                fps=self.fps,
                is_live=self.is_live,
                limit=self.split,
                claims=self._claims,
            )
        if self._video is not None:
            self._video.put((paint, time_s))

    def toggle(self) -> str:
        """Recording on or off; without file names it makes some under ``out/``.

        Returns:
            What happened, for the screen.

        Raises:
            RecordError: The folder cannot be written.
        """
        if not self._has_files:
            folder = output_folder()
            name = f"steadypose-{datetime.now():%Y%m%d-%H%M%S}"
            table, video = folder / f"{name}.{TABLES[0].name}", folder / f"{name}.mp4"
            check_writable(table, "recording to")
            self.tables, self.video = (Table(TABLES[0], table),), video
        self.is_recording = not self.is_recording
        return "recording" if self.is_recording else "recording paused"

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that has been written so far, or is being written."""
        recorded = [path for recorder in self._recorders() for path in recorder.paths]
        beside = [self._sidecar.path] if self._sidecar is not None else []
        return (*recorded, *beside, *self._joint_files(), *self._snapshots)

    def save_snapshot(self, image_bgr: NDArray[np.uint8]) -> str:
        """Write a picture under ``out/``, named after the time; returns a sentence for the screen.

        Raises:
            RecordError: The folder cannot be made.
        """
        path = output_folder() / f"snapshot-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
        data = cv2.imencode(path.suffix, image_bgr)[1].tobytes()
        try:
            replace_file(path, lambda fresh: fresh.write_bytes(data))
        except OSError:
            return f"cannot write {path}"
        self._snapshots.append(path)
        return f"saved {path}"

    def close(self) -> None:
        """End what is sent, and finish the files.

        Raises:
            RecordError: The end of one could not be written; the others are complete.
        """
        first: Exception | None = None
        for finish in self._last_steps():
            try:
                finish()
            except Exception as error:  # the others are finished, whatever broke in one
                first = first or error
        self._claims.release()
        if self._is_open:
            free_pages()
        if first is not None:
            try:
                raise first
            finally:
                del first  # it holds this frame, which would hold it

    def _last_steps(self) -> Iterator[Callable[[], None]]:
        yield self.live.close
        for recorder in self._recorders():
            yield recorder.close
        if self.second_pass is not None:
            for form, table in self._tables:
                for path in table.paths:  # all of them: closing may have begun another part
                    yield partial(self._smooth, path, form)
        yield self._finish_sidecar

    def _smooth(self, path: Path, form: TableFormat) -> None:
        if self.second_pass is not None:
            self._claims.add(path)
            self.second_pass(path, form, self._claims.of(path))

    def describe(self) -> str:
        """Which files were written and how much is in them."""
        parts = [
            f"{_named(recorder.paths)} ({counted(recorder.rows, form.unit)})"
            for form, recorder in self._tables
        ]
        if (video := self._video) is not None:
            lost = f", {video.given_up} given up" if video.given_up else ""
            parts.append(f"{_named(video.paths)} ({counted(video.rows, 'frame')}{lost})")
        nothing = "those of all sources" if self._joint else "nothing recorded"
        return ", ".join(parts) or nothing

    @property
    def _has_files(self) -> bool:
        return bool(self._paths()) or self._joint is not None

    def _paths(self) -> list[Path]:
        tables = [table.path for table in self.tables]
        return tables if self.video is None else [*tables, self.video]

    def _recorders(self) -> Iterator[Recorder[Entry] | Recorder[Picture]]:
        for _, recorder in self._tables:
            yield recorder
        if self._video is not None:
            yield self._video

    def _open(self, frame: Frame) -> None:
        for table in self.tables:  # all of them, before the first is replaced
            self._claims.add(table.path.with_name(table.path.name + table.format.beside))
        if self.video is not None:
            self._claims.add(self.video)
        described = described_by(self._paths())
        if self.run_info is not None and described is not None:
            height, width = frame.size_hw
            run_info = {**self.run_info, **self.engine_info(), "frame_size_wh": [width, height]}
            self._sidecar = Sidecar(sidecar_path(described), run_info)
        for table in self.tables:  # those opened are closed even where one cannot be
            recorder = record_table(table, self.skeleton, self.split, self._claims)
            self._tables.append((table.format, recorder))

    def _finish_sidecar(self) -> None:
        if self._sidecar is None:
            return
        files = [
            {"names": [path.name for path in recorder.paths], "rows": recorder.rows}
            for recorder in self._recorders()
        ]
        self._sidecar.finish(frames=self._frames, dropped=self.dropped(), files=files)


def described_by(paths: Iterable[Path]) -> Path | None:
    """The recording that names the sidecar: the first that is a file, neither pipe nor device."""
    return next(filter(is_plain, paths), None)


def _named(paths: list[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} to {paths[-1].name}"


def output_folder() -> Path:
    """``out/`` below the working directory, made if need be.

    Raises:
        RecordError: It cannot be made.
    """
    folder = Path("out")
    with writing(folder):
        folder.mkdir(exist_ok=True)
    return folder
