"""A second, better pass over a recording: python -m realtime.resmooth IN OUT.

The filter of the app knows only the past. A recording has a future too: outliers are told
by both, nothing lags, and short gaps are bridged from both sides.
"""

from __future__ import annotations

if __name__ == "__main__":  # before anything is loaded: Ctrl-C is a sentence from now on
    from importlib import import_module

    import_module("steadypose.start").tool("resmooth")

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.foreign.claims import Claim
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.command.options.parser import Parser, file_name, run_command
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.convert import to_table
from steadypose.realtime.datatypes import BBox, FloatArray, Pose
from steadypose.realtime.record.formats import tables
from steadypose.realtime.record.formats.blocks import ReadState
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.reading import (
    PersonTrack,
    Recording,
    read_frames,
    read_recording,
    skeleton_of,
)
from steadypose.realtime.record.sidecar import find_sidecar, read_sidecar
from steadypose.realtime.smooth.second_pass import smooth_again
from steadypose.realtime.tracking.boxes import settle
from steadypose.realtime.tracking.framing import BOX_SCORE, Framing

_MOST_PX = 100_000  # of a frame's sides; a description may say anything


def main(argv: Sequence[str] | None = None) -> int:
    """Smooth a recording; returns the exit code: 0 done, 2 something the user can fix."""
    return run_command(lambda: work(argv))


def work(argv: Sequence[str] | None) -> str:
    """Do what the command line says; returns what was written."""
    parser = Parser(
        prog=command("resmooth"),
        description="Smooth a recording once more, with knowledge of what came after.",
    )
    recorded = f"what a run recorded, with raw positions: {tables.listed(tables.RAW_OPTIONS)}"
    parser.add_argument("input", type=file_name, metavar="IN", help=recorded)
    parser.add_argument(
        "output", type=file_name, metavar="OUT", help=tables.listed(tables.SUFFIXES)
    )
    add_force(parser)
    arguments = parser.parse_args(argv)
    source, output = arguments.input, arguments.output
    check_written(
        [(output, "OUT")],
        read=[source],
        is_forced=arguments.force,
        said="is the recording itself",
    )
    return f"{output}: {resmooth(source, output)}"


def resmooth(
    source: Path,
    output: Path,
    *,
    form: tables.TableFormat | None = None,
    owner: Claim | None = None,
) -> str:
    """Smooth a recording; returns what was written.

    Args:
        source: What run.py recorded.
        output: May be the same.
        form: Of ``output``; None: as its name says.
        owner: The claim on ``output``, of a run that is about to end.

    Raises:
        RecordError: It cannot be read or written, or has no raw positions.
        UsageError: The name of ``output`` tells no format.
    """
    name = output.suffix.lower().removeprefix(".")
    if form is None and name not in tables.NAMES:
        raise UsageError(
            f"{output} does not end in {tables.listed(tables.SUFFIXES)}",
            fix=f"choose {quoted(output.with_suffix(tables.SUFFIXES[0]))}",
        )
    form = form or tables.fullest(name)
    recording = read_recording(source)
    if all(np.isnan(person.raw_xy).all() for person in recording.people):
        raise RecordError(
            f"{source} has no raw positions to smooth",
            fix=f"record with {tables.listed(tables.RAW_OPTIONS)}",
        )
    frame_hw = _frame_hw(source)
    smoothed = {p.person: _smooth(recording, p, frame_hw) for p in recording.people}
    rows = {
        person.person: {int(frame): row for row, frame in enumerate(person.frame)}
        for person in recording.people
    }

    def read(reading: ReadState) -> Iterator[Entry]:
        for entry in read_frames(reading):
            poses = [_replaced(pose, entry.frame) for pose in entry.poses]
            yield Entry(entry.frame, entry.time_s, poses)

    def _replaced(pose: Pose, frame: int) -> Pose:
        xy, state = smoothed[pose.track_id]
        row = rows[pose.track_id][frame]
        return replace(pose, xy=xy[row], state=state[row])

    written = to_table(ReadState(source), output, form, read=read, owner=owner)
    cut = "; the end of the recording is cut off" if recording.is_cut else ""
    return f"{written}, smoothed with hindsight{cut}"


def _smooth(
    recording: Recording, person: PersonTrack, frame_hw: tuple[int, int] | None
) -> tuple[FloatArray, NDArray[np.int8]]:
    sizes, score = _look_again(recording.keypoints, person, frame_hw)
    return smooth_again(person.time_s, person.raw_xy, score, sizes)


def _frame_hw(recording: Path) -> tuple[int, int] | None:
    """Height and width of the frame, if the description beside the recording tells."""
    found = find_sidecar(recording)
    size = read_sidecar(found).get("frame_size_wh") if found is not None else None
    if not isinstance(size, list) or len(size) != 2:
        return None
    width, height = size
    is_size = all(type(n) is int and 0 < n < _MOST_PX for n in size)
    return (height, width) if is_size else None


def _look_again(
    keypoints: tuple[str, ...], person: PersonTrack, frame_hw: tuple[int, int] | None
) -> tuple[FloatArray, FloatArray]:
    """What the app knew beside the positions.

    Args:
        keypoints: The K names.
        person: Somebody of the recording.
        frame_hw: Height and width of the frame; None: the recording does not tell.

    Returns:
        (T,) longer side of the person's box, settled as the app settles it, pixels; (T, K)
        scores, 0 where the position cannot be this person's.
    """
    framing = Framing(skeleton_of(keypoints))
    is_given = ~np.isnan(person.raw_xy[..., 0])
    is_shown = (person.score >= BOX_SCORE) & is_given
    seen = person.raw_xy[is_shown]
    # If nothing is said of the frame's size, people reach beyond it only if keypoints do.
    width, height = np.ceil(seen.max(axis=0)).astype(int) + 1 if len(seen) else (1, 1)
    box_hw = frame_hw or (int(height), int(width))
    raw = np.nan_to_num(person.raw_xy)
    poses = np.dstack((person.raw_xy, np.where(is_given, person.score, 0.0)))
    sizes, score = np.full(len(raw), np.nan), np.zeros(person.score.shape)
    box: BBox | None = None
    for n, xy in enumerate(raw):
        score[n] = framing.evidence(poses[n], frame_hw)
        target = framing.box(xy, is_shown[n] & (score[n] > 0), box_hw)
        if target is not None:
            dt_s = float(person.time_s[n] - person.time_s[n - 1])
            box = settle(box, target, dt_s) if box is not None and n else target
        if box is not None:
            sizes[n] = max(box.width, box.height, 8.0)
    known = np.flatnonzero(~np.isnan(sizes))
    if not len(known):
        return np.full(len(raw), 100.0), score  # hardly seen at all: any size will do
    sizes[: known[0]] = sizes[known[0]]
    return sizes, score
