"""What is said at the end of a video: all is well, what was odd, or what is missing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from steadypose.engines.errors import SourceError
from steadypose.engines.wording.counting import counted
from steadypose.realtime.sources.video.container import Input
from steadypose.realtime.sources.video.decoding import Tally
from steadypose.realtime.sources.video.times import TimeNotes
from steadypose.realtime.sources.video.whole import cut_of

_KEPT = "what could be read was processed and recorded; get a complete copy for the rest"
_RECENT_S = 10.0  # a file that was not written to for longer is finished
_WATCHED_S = 1.5


def nothing(film: Input) -> SourceError:
    """Not one frame came out."""
    return SourceError(
        f"{film.name} opens as a video, but not one frame can be decoded",
        fix="re-encode it: ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4"
        if film.file is not None
        else "check that the server has a video there that plays elsewhere",
    )


def too_early(path: Path) -> SourceError:
    """A file that cannot be opened yet."""
    return SourceError(
        f"{path} is still being written, and cannot be read before it is finished",
        fix="wait until whatever writes it has ended",
    )


def remarks(tally: Tally, notes: TimeNotes) -> list[str]:
    """What was odd about a video without anything being missing."""
    said = []
    if tally.early:
        said.append(
            "it begins between two key frames: before the first, "
            f"{counted(tally.early, 'frame')} cannot be decoded"
        )
    if notes.bridged:
        said.append(
            f"{counted(notes.bridged, 'frame')} with an impossible time: placed between neighbours"
        )
    if notes.restarts:
        said.append(
            f"its times begin again {counted(notes.restarts, 'time')}, as in joined videos: "
            "they go on from there"
        )
    if notes.spread:
        said.append(
            "its clock is coarser than its frames: "
            f"{notes.spread} that share a time with another are spread evenly"
        )
    if notes.numbered:
        said.append(
            f"{counted(notes.numbered, 'frame')} without a time: counted at the nominal rate"
        )
    return said


def verdict(film: Input, tally: Tally) -> SourceError | list[str]:
    """Whether something is missing: an error; else what is to be remarked."""
    lost = tally.lost
    listed = film.listed()
    unread = max(0, listed - tally.packets - tally.left_out) if listed is not None else 0
    cut = cut_of(film.file, film.formats) if film.file is not None else None
    if film.file is not None and _has_grown(film, is_cut=cut is not None or tally.torn > 0):
        return SourceError(
            f"{film.name} is still being written: read so far: {counted(tally.frames, 'frame')}",
            fix="run this again when the file is finished",
        )
    if unread or (cut is not None and (cut.has_frames and listed is None)) or tally.failure:
        return _cut_short(film, tally, listed)
    if lost:
        return SourceError(
            f"{film.name} is damaged: {lost} of {tally.frames + lost} frames are lost",
            fix=_KEPT,
        )
    said = []
    if tally.damaged:
        traces = f"{tally.behind} after them may show traces, " if tally.behind else ""
        said.append(
            f"{film.name} is damaged: parts of {counted(tally.damaged, 'frame')} are guessed, "
            f"{traces}none is missing"
        )
    if cut is not None:
        said.append(f"{film.name} is cut off behind its last frame: none is missing")
    return said


def _cut_short(film: Input, tally: Tally, listed: int | None) -> SourceError:
    given, total = tally.frames, (listed or 0) - tally.left_out
    if total > given:
        missing = f"after {given} of {total} frames"
    else:
        missing = f"after {counted(given, 'frame')}"
    if film.file is None:
        return SourceError(
            f"{film.name} ends {missing}: the connection was lost",
            fix="what had come was processed and recorded; run it again, or download it first",
        )
    return SourceError(f"{film.name} ends {missing}: it is cut short or damaged", fix=_KEPT)


def is_growing(path: Path) -> bool:
    """Whether somebody is writing a file at the moment; takes a while where that may be."""
    try:
        status = path.stat()
        if not _is_recent(status):
            return False
        time.sleep(_WATCHED_S)
        return path.stat().st_size > status.st_size
    except OSError:
        return False


def _has_grown(film: Input, *, is_cut: bool) -> bool:
    assert film.file is not None
    status = os.fstat(film.file.fileno())
    if status.st_size > film.size:
        return True
    if not is_cut or not _is_recent(status):
        return False
    time.sleep(_WATCHED_S)
    return os.fstat(film.file.fileno()).st_size > film.size


def _is_recent(status: os.stat_result) -> bool:
    # The clock of the disk and ours may differ, and a file may come from the future.
    return abs(status.st_mtime - _wall_clock_s()) < _RECENT_S


def _wall_clock_s() -> float:
    return time.time()  # noqa: TID251 - compared with a file's time
