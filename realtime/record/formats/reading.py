"""Read a recording back: what every tool that works on recordings starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import NobodyError, RecordError
from steadypose.engines.foreign.files import is_folder, is_there, open_regular
from steadypose.engines.foreign.kinds import KIND_BYTES, kind_of
from steadypose.engines.foreign.names import RULE, is_name, shown
from steadypose.engines.skeletons.named import known_by
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.counting import counted
from steadypose.engines.wording.printable import quoted, visible
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.record.formats.blocks import (
    AGAIN,
    BLANK,
    Block,
    NotARecordingError,
    Order,
    ReadState,
)
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.tables import BESIDE, SUFFIXES, Reader, listed, reader_of

_COLUMNS = ("frame", "time_s", "xy", "score", "raw_xy", "state")
MOST_POSITIONS = 25_000_000
"""Keypoints of all people in all frames that are held in memory: 13 hours of one person."""


@dataclass(frozen=True, slots=True, eq=False)
class PersonTrack:
    """One person's way through a recording; T frames in which the person was followed.

    Attributes:
        person: The id.
        frame: (T,) int64, growing; gaps are frames without this person.
        time_s: (T,) capture times, seconds, growing.
        xy: (T, K, 2) filtered positions, frame pixels, NaN where lost.
        score: (T, K) in [0, 1], 0 where none was recorded.
        raw_xy: (T, K, 2) what the network said, NaN where nothing or not recorded.
        state: (T, K) int8, values of ``State``.
    """

    person: int
    frame: NDArray[np.int64]
    time_s: FloatArray
    xy: FloatArray
    score: FloatArray
    raw_xy: FloatArray
    state: NDArray[np.int8]

    def __repr__(self) -> str:
        frames = counted(len(self.frame), "frame")
        return f"<{type(self).__name__} {self.person}: {frames}{_span(self.time_s)}>"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording, person by person.

    Attributes:
        path: Where it was read.
        keypoints: The K names, in order.
        people: In order of their ids.
        is_cut: The last row was incomplete and was left out, as after a power failure.
    """

    path: Path
    keypoints: tuple[str, ...]
    people: tuple[PersonTrack, ...]
    is_cut: bool = False

    def __repr__(self) -> str:
        times_s = [one.time_s for one in self.people]
        who = counted(len(self.people), "person", "people")
        what = counted(len(self.keypoints), "keypoint")
        span = _span(np.concatenate(times_s)) if times_s else ""
        name, cut = visible(self.path.name), ", cut off" if self.is_cut else ""
        return f"<{type(self).__name__} {name}: {who}, {what}{span}{cut}>"


def _span(time_s: FloatArray) -> str:
    return f", {time_s.min():.2f} to {time_s.max():.2f} s" if len(time_s) else ""


def read_recording(path: Path) -> Recording:
    """Read what an option of ``TABLES`` wrote, or a journal.

    The content tells the format. A wide CSV has neither raw positions nor states: raw is NaN,
    and a position counts as measured if its score is at least ``SEEN_SCORE``, else as predicted.
    Where the filter refused a measurement, the state is therefore wrong.

    Raises:
        RecordError: The file is missing, damaged or something else, has nobody in it, or is
            too long to be held in memory.
        UsageError: It needs pyarrow, which is not installed.
    """
    reading = ReadState(path)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("person", *_COLUMNS)}
    for block in _bounded(reading):
        for name, arrays in parts.items():
            arrays.append(getattr(block, name))
    if not sum(map(len, parts["person"])):
        raise _nobody(path)
    person = np.concatenate(parts["person"])
    # Each row is moved once, however many people there are, and one column after the other.
    order = np.argsort(person, kind="stable")
    numbers, begins = np.unique(person[order], return_index=True)
    columns = [np.split(np.concatenate(parts.pop(name))[order], begins[1:]) for name in _COLUMNS]
    people = []
    for number, *rows in zip(numbers, *columns, strict=True):
        people.append(PersonTrack(int(number), *rows))
    return Recording(path, reading.keypoints, tuple(people), reading.is_cut)


def _bounded(reading: ReadState) -> Iterator[Block]:
    """The blocks of a recording that fits into memory as a whole.

    Raises:
        RecordError: It does not; said before it is read where the format tells its length.
    """
    count = 0
    for block in read_blocks(reading):
        count += block.score.size
        if max(count, reading.positions or 0) > MOST_POSITIONS:
            known, k = reading.positions, len(reading.keypoints)
            told = f"{known:,}" if known else f"more than {MOST_POSITIONS:,}"
            raise RecordError(
                f"{reading.path} is too long to be read as a whole: it has {told} positions of "
                f"keypoints, at most {MOST_POSITIONS:,} are read, {MOST_POSITIONS // k:,} frames "
                f"of one person with {k} (about 5 GB)",
                fix="record with --split 1h, and take the parts one by one",
            )
        yield block


def _check_names(reading: ReadState) -> None:
    """The names of keypoints become heads of tables and texts in reports.

    Raises:
        RecordError: One is none, or stands there twice.
    """
    names = reading.keypoints
    wrong = next((name for name in names if not is_name(name)), None)
    if wrong is not None:
        raise RecordError(f"{reading.path} has a keypoint called {shown(wrong)}; {RULE}", fix=AGAIN)
    if len(set(names)) != len(names):
        raise RecordError(f"{reading.path} has two keypoints of one name", fix=AGAIN)


def read_blocks(reading: ReadState) -> Iterator[Block]:
    """Read a recording of any length in bounded memory.

    Args:
        reading: Has the path; learns the rest on the way.

    Raises:
        RecordError: The file is missing, damaged or something else, or its frames are not in
            the order of their times.
        UsageError: It needs pyarrow, which is not installed.
    """
    path = reading.path
    try:
        with open_regular(path) as file:
            begin = file.read(KIND_BYTES)
        if not begin:
            raise RecordError(f"{path} is empty (0 bytes)", fix="record again")
        read = _reader(path, begin)
        order = Order(path)
        for number, block in enumerate(read(reading)):
            if number == 0:
                _check_names(reading)
            order.check(block)
            yield block
    except NotARecordingError as error:
        fix = f"give keypoints that a run recorded: {listed(SUFFIXES)}"
        raise RecordError(str(error), fix=fix) from error
    except OSError as error:
        raise _read_error(path, error) from error


def _reader(path: Path, begin: bytes) -> Reader:
    """What reads a file that begins so.

    Raises:
        NotARecordingError: It is known to be something else.
    """
    read, kind = reader_of(begin.lstrip(BLANK)), kind_of(begin)
    if kind is not None and read is reader_of(b""):
        raise NotARecordingError(f"{path} is {kind}, not a recording of keypoints")
    return read


def read_frames(reading: ReadState) -> Iterator[Entry]:
    """Read a recording frame by frame in bounded memory, as it was written.

    Args:
        reading: Has the path; learns the rest on the way.

    Raises:
        RecordError: As ``read_blocks``; or there is nothing in it.
        UsageError: It needs pyarrow, which is not installed.
    """
    skeleton: Skeleton | None = None
    waiting: Entry | None = None
    for block in read_blocks(reading):
        skeleton = skeleton or skeleton_of(reading.keypoints)
        for entry in _entries(block, skeleton):
            if waiting is None:
                waiting = entry
            elif entry.frame == waiting.frame:  # a frame across two blocks
                waiting = Entry(entry.frame, entry.time_s, [*waiting.poses, *entry.poses])
            else:
                yield waiting
                waiting = entry
    if waiting is None:
        raise _nobody(reading.path)
    yield waiting


def _entries(block: Block, skeleton: Skeleton) -> Iterator[Entry]:
    row, rows = 0, len(block.frame)
    for frame, time_s in zip(block.all_frames.tolist(), block.all_times_s.tolist(), strict=True):
        poses = []
        while row < rows and block.frame[row] == frame:
            poses.append(
                Pose(
                    block.xy[row],
                    block.score[row],
                    block.raw_xy[row],
                    block.state[row],
                    skeleton,
                    int(block.person[row]),
                )
            )
            row += 1
        yield Entry(frame, time_s, poses)


def skeleton_of(keypoints: tuple[str, ...]) -> Skeleton:
    """The skeleton with these keypoints; one without limbs where none is known."""
    known = known_by(keypoints)
    if known is not None and known.keypoints == keypoints:
        return known
    return Skeleton("unknown", keypoints, (), (), (0.1,) * len(keypoints))


def _nobody(path: Path) -> NobodyError:
    return NobodyError(f"{path} has no person in it", fix="record again with somebody in sight")


def _read_error(path: Path, error: OSError) -> RecordError:
    if is_folder(path):
        return RecordError(f"{path} is a folder", fix="give the file of a recording")
    for journal in (path.with_name(path.name + end) for end in BESIDE):
        if is_there(journal) and not is_there(path):
            what = f"{path} does not exist, for its recording was killed"
            return RecordError(what, fix=f"read {quoted(journal)} instead")
    return RecordError(
        f"cannot read {path}: {error.strerror or error}", fix="check the name and its permissions"
    )
