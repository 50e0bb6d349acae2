"""The files of a run, and switching their recording on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import SteadyposeError
from engines.skeleton import Skeleton
from realtime.datatypes import Frame, Pose
from realtime.record import CsvRecorder, VideoRecorder, check_writable
from realtime.record.background import write_error
from realtime.record.table import Layout


@dataclass(slots=True)
class Outputs:
    """CSV and video of a run; either may be absent.

    Files are opened with the first frame, so an earlier recording of the same name
    survives a run that never gets one.

    Attributes:
        skeleton: Gives the CSV its columns.
        fps: Nominal frame rate of the video.
        is_live: Whether the video may give up frames.
        csv: Path of the table.
        csv_layout: Of the table.
        video: Path of the video.
        is_recording: Switched by a key.
    """

    skeleton: Skeleton
    fps: float
    is_live: bool
    csv: Path | None = None
    csv_layout: Layout = "wide"
    video: Path | None = None
    is_recording: bool = True
    _table: CsvRecorder | None = None
    _film: VideoRecorder | None = None

    def __post_init__(self) -> None:
        self.is_recording = bool(self.csv or self.video)

    @property
    def wants_video(self) -> bool:
        """Whether ``write_picture`` will keep a picture."""
        return self.is_recording and self.video is not None

    def write_poses(self, frame: Frame, poses: Sequence[Pose]) -> None:
        """Record the people of a frame.

        Raises:
            RecordError: The disk is full or the file is gone.
        """
        if not self.is_recording or self.csv is None:
            return
        if self._table is None:
            self._table = CsvRecorder(self.csv, self.skeleton, self.csv_layout)
        self._table.write(frame, poses)

    def write_picture(self, paint: Callable[[], NDArray[np.uint8]], time_s: float) -> None:
        """Record an annotated picture; ``paint`` makes it, on the writing thread.

        Raises:
            RecordError: The disk is full, or there is no encoder.
        """
        if self._film is None and self.video is not None:
            self._film = VideoRecorder(self.video, fps=self.fps, is_live=self.is_live)
        if self._film is not None:
            self._film.write(paint, time_s)

    def toggle(self) -> str:
        """Recording on or off; without file names it makes some under ``out/``.

        Returns:
            What happened, for the screen.

        Raises:
            RecordError: The folder cannot be written.
        """
        if self.csv is None and self.video is None:
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
            RecordError: The end of one could not be written; the other is complete.
        """
        first: SteadyposeError | None = None
        for recorder in (self._table, self._film):
            try:
                if recorder is not None:
                    recorder.close()
            except SteadyposeError as error:
                first = first or error
        if first is not None:
            raise first

    def describe(self) -> str:
        """Which files were written and how much is in them."""
        parts = []
        if self._table is not None:
            parts.append(f"{self._table.path} ({counted(self._table.rows, 'row')})")
        if self._film is not None:
            lost = f", {self._film.given_up} given up" if self._film.given_up else ""
            parts.append(f"{self._film.path} ({counted(self._film.frames, 'frame')}{lost})")
        return ", ".join(parts) or "nothing recorded"


def counted(number: int, thing: str) -> str:
    """A number with its noun: 1 frame, 2 frames."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


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
