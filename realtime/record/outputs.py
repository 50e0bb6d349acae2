"""The files of a run, and switching their recording on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.file_io import check_writable, write_error
from steadypose.engines.skeleton import Skeleton
from steadypose.realtime.datatypes import Frame, Pose
from steadypose.realtime.record.formats.csv_rows import Layout
from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.recorder import (
    PoseRecorder,
    csv_recorder,
    jsonl_recorder,
    parquet_recorder,
)
from steadypose.realtime.record.sidecar import Sidecar, sidecar_path
from steadypose.realtime.record.video import VideoRecorder


@dataclass(slots=True)
class Outputs:
    """Tables and video of a run; each may be absent.

    Files are opened with the first frame, so an earlier recording of the same name
    survives a run that never gets one.

    Attributes:
        skeleton: Gives the tables their columns.
        fps: Nominal frame rate of the video.
        is_live: Whether the video may give up frames.
        csv: Path of the CSV.
        csv_layout: Of that CSV.
        jsonl: Path of the JSON lines.
        parquet: Path of the Parquet file.
        video: Path of the video.
        split: Where each goes on in another file.
        facts: What the sidecar says, see ``Sidecar``; None: there is no sidecar.
        second_pass: Called with each finished table and its format; says what it did.
        dropped: Asked at the end how many frames the source gave up.
        is_recording: Switched by a key.
    """

    skeleton: Skeleton
    fps: float
    is_live: bool
    csv: Path | None = None
    csv_layout: Layout = "wide"
    jsonl: Path | None = None
    parquet: Path | None = None
    video: Path | None = None
    split: Limit | None = None
    facts: Mapping[str, Any] | None = None
    second_pass: Callable[[Path, str], None] | None = None
    dropped: Callable[[], int] = lambda: 0
    is_recording: bool = True
    _tables: list[PoseRecorder] = field(default_factory=list)
    _film: VideoRecorder | None = None
    _sidecar: Sidecar | None = None
    _is_open: bool = False
    _frames: int = 0

    def __post_init__(self) -> None:
        self.is_recording = bool(self._paths())

    @property
    def wants_video(self) -> bool:
        """Whether ``write_picture`` will keep a picture."""
        return self.is_recording and self.video is not None

    def write_poses(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Record the people of a frame.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        if not self.is_recording:
            return
        if not self._is_open:
            self._is_open = True
            self._open(frame)
        self._frames += 1
        for table in self._tables:
            table.write(frame, poses)

    def write_picture(self, paint: Callable[[], NDArray[np.uint8]], time_s: float) -> None:
        """Record an annotated picture; ``paint`` makes it, on the writing thread.

        Raises:
            RecordError: The disk is full, or there is no encoder.
        """
        if self._film is None and self.video is not None:
            self._film = VideoRecorder(
                self.video, fps=self.fps, is_live=self.is_live, limit=self.split
            )
        if self._film is not None:
            self._film.write(paint, time_s)

    def toggle(self) -> str:
        """Recording on or off; without file names it makes some under ``out/``.

        Returns:
            What happened, for the screen.

        Raises:
            RecordError: The folder cannot be written.
        """
        if not self._paths():
            folder = output_folder()
            name = f"steadypose-{datetime.now():%Y%m%d-%H%M%S}"
            csv, video = folder / f"{name}.csv", folder / f"{name}.mp4"
            check_writable(csv, "recording to")
            self.csv, self.video = csv, video
        self.is_recording = not self.is_recording
        return "recording" if self.is_recording else "recording paused"

    def close(self) -> None:
        """Finish the files.

        Raises:
            RecordError: The end of one could not be written; the others are complete.
        """
        first: SteadyposeError | None = None
        steps = [file.close for file in self._files()]
        if self.second_pass is not None:
            again = self.second_pass
            steps += [partial(again, path, name) for path, name in self._tables_with_formats()]
        for finish in (*steps, self._finish_sidecar):
            try:
                finish()
            except SteadyposeError as error:
                first = first or error
        if first is not None:
            raise first

    def _tables_with_formats(self) -> Iterator[tuple[Path, str]]:
        forms = {self.csv: "csv", self.jsonl: "jsonl", self.parquet: "parquet"}
        for table in self._tables:
            for path in table.paths:
                yield path, forms[table.path]

    def describe(self) -> str:
        """Which files were written and how much is in them."""
        parts = [
            f"{_named(table.paths)} ({counted(table.rows, _row_name(table.path, self.jsonl))})"
            for table in self._tables
        ]
        if self._film is not None:
            lost = f", {self._film.given_up} given up" if self._film.given_up else ""
            parts.append(
                f"{_named(self._film.paths)} ({counted(self._film.frames, 'frame')}{lost})"
            )
        return ", ".join(parts) or "nothing recorded"

    def _paths(self) -> list[Path]:
        named = (self.csv, self.jsonl, self.parquet, self.video)
        return [path for path in named if path is not None]

    def _files(self) -> Iterator[PoseRecorder | VideoRecorder]:
        yield from self._tables
        if self._film is not None:
            yield self._film

    def _open(self, frame: Frame) -> None:
        if self.facts is not None:
            height, width = frame.size_hw
            facts = {**self.facts, "frame_size_wh": [width, height]}
            self._sidecar = Sidecar(sidecar_path(self._paths()[0]), facts)
        if self.csv is not None:
            self._tables.append(csv_recorder(self.csv, self.skeleton, self.csv_layout, self.split))
        if self.jsonl is not None:
            self._tables.append(jsonl_recorder(self.jsonl, self.skeleton, self.split))
        if self.parquet is not None:
            self._tables.append(parquet_recorder(self.parquet, self.skeleton, self.split))

    def _finish_sidecar(self) -> None:
        if self._sidecar is None:
            return
        files = [
            {"names": [path.name for path in file.paths], "rows": rows}
            for file in self._files()
            for rows in (file.rows if isinstance(file, PoseRecorder) else file.frames,)
        ]
        self._sidecar.finish(frames=self._frames, dropped=self.dropped(), files=files)


def counted(number: int, thing: str) -> str:
    """A number with its noun: 1 frame, 2 frames."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _row_name(path: Path, jsonl: Path | None) -> str:
    return "frame" if path == jsonl else "row"


def _named(paths: list[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} to {paths[-1].name}"


def output_folder() -> Path:
    """``out/`` below the working directory, made if need be.

    Raises:
        RecordError: It cannot be made.
    """
    folder = Path("out")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder


def save_snapshot(image_bgr: NDArray[np.uint8]) -> str:
    """Write a picture under ``out/``, named after the time; returns a sentence for the screen.

    Raises:
        RecordError: The folder cannot be made.
    """
    path = output_folder() / f"snapshot-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
    return f"saved {path}" if cv2.imwrite(str(path), image_bgr) else f"cannot write {path}"
