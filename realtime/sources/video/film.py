"""A video with an end, as a source: every frame, its own time, and at the end what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.files import FileSource, Picture
from steadypose.realtime.sources.pictures import is_too_large
from steadypose.realtime.sources.playlists import names_other_files
from steadypose.realtime.sources.video import ending
from steadypose.realtime.sources.video.colours import ToBgr
from steadypose.realtime.sources.video.container import Input, open_file
from steadypose.realtime.sources.video.decoding import Tally, frames_of
from steadypose.realtime.sources.video.times import TimeNotes, rising
from steadypose.realtime.sources.video.turning import Turning, turn_of, turned


def open_video(path: Path, *, is_paced: bool, decode: str = "auto") -> FileSource:
    """Open a video file.

    Times are the container's presentation times, whatever they begin with; the display matrix
    is obeyed.

    Raises:
        SourceError: Missing, empty, not a video, a list of other files, or without a frame.
        OSError: It cannot be read, or is no regular file.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(
            f"{path} is empty (0 bytes)", fix="copy or record it again; the file has no content"
        )
    if names_other_files(path):
        raise SourceError(
            f"{path} is no video, but a list that names other files",
            fix="give one of those files itself",
        )
    try:
        film = open_file(path, decode=decode)
    except SourceError as error:
        if ending.is_growing(path):
            raise ending.too_early(path) from error
        raise
    return play(film, is_paced=is_paced)


def play(film: Input, *, is_paced: bool) -> FileSource:
    """Play an opened video; takes it over.

    Args:
        film: Opened, at its beginning.
        is_paced: At its own speed.

    Raises:
        SourceError: Not one frame of it can be decoded.
    """
    tally, notes, remarks = Tally(), TimeNotes(), list[str]()
    try:
        decoded = frames_of(film, tally)
        first = _first(film, decoded)
        width, height = first.width, first.height
        if turn_of(first)[0] == 0:
            width, height = height, width
    except BaseException:
        film.close()
        raise
    how = "" if film.decoder == "cpu" else f", decoded by {film.decoder}"
    return FileSource(
        _pictures(film, chain([first], decoded), tally, notes, remarks),
        label=f"{film.name}, {width}x{height}, {round(film.fps, 3):g} fps{how}",
        fps=film.fps,
        frame_count=_expected(film),
        is_paced=is_paced,
        close=film.close,
        remarks=remarks,
    )


def _first(film: Input, decoded: Iterator[Any]) -> Any:
    for frame in decoded:
        return frame
    raise ending.nothing(film)


def _expected(film: Input) -> int | None:
    """How many frames there may be, for a progress bar; nothing depends on it."""
    listed = film.listed() or film.stream.frames
    if listed:
        return int(listed)
    return round(film.duration_s * film.fps) if film.duration_s else None


def _pictures(
    film: Input, decoded: Iterator[Any], tally: Tally, notes: TimeNotes, remarks: list[str]
) -> Iterator[Picture]:
    timed = _timed(_images(decoded, tally), film, tally)
    yield from rising(timed, step_s=1.0 / film.fps, notes=notes)
    remarks += ending.remarks(tally, notes)
    verdict = ending.verdict(film, tally)
    if isinstance(verdict, SourceError):
        raise verdict
    remarks += verdict


def _timed(
    images: Iterator[tuple[Any, int | None, int | None]], film: Input, tally: Tally
) -> Iterator[tuple[Any, float | None]]:
    """Times in seconds: of presentation; where there are none (AVI), of decoding."""
    base = film.stream.time_base
    after: int | None = None  # from decoding to presentation, in a frame that has both
    for image, pts, dts in images:
        ticks = pts
        if dts is not None:
            if pts is not None:
                after = pts - dts
            elif after is None and tally.first_dts is not None:
                after = tally.first_dts - dts
            ticks = dts + after if pts is None and after is not None else pts
        yield image, None if ticks is None else ticks * base.numerator / base.denominator


def _images(decoded: Iterator[Any], tally: Tally) -> Iterator[tuple[Any, int | None, int | None]]:
    to_bgr, turning = ToBgr(), Turning()
    for frame in decoded:
        if is_too_large(frame.width, frame.height):
            tally.refused += 1
            tally.frames -= 1
            continue
        try:
            image = turned(to_bgr(frame), turning.of(frame))
        except (av.error.FFmpegError, ValueError):
            tally.refused += 1
            tally.frames -= 1
            continue
        yield image, frame.pts, frame.dts
