"""Rows of a recording as arrays, a bounded number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, AnyStr

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.realtime.datatypes import FloatArray, State

LIMIT = 2**53  # whole numbers below it are exact in every format
PERSON_LIMIT = 2**31  # as Parquet has them
_LONGEST_LINE = 1 << 24  # of a frame with ten people: some kilobytes
HEADER = "line 1: this is not the header of a steadypose recording"
BLANK = b" \t\r\n\xef\xbb\xbf"
"""What may stand before a recording: empty lines, and the mark of Windows' editors for UTF-8."""
AGAIN = "record again, or remove the part that is damaged"


@dataclass(slots=True)
class ReadState:
    """What reading one file has found out so far.

    Attributes:
        path: The file.
        keypoints: The K names, known with the first block or the header.
        is_cut: The end was incomplete and was left out.
        positions: Keypoints in all its rows, where the format tells; None: it does not.
    """

    path: Path
    keypoints: tuple[str, ...] = ()
    is_cut: bool = False
    positions: int | None = None


class NotARecordingError(Exception):
    """The file is something else; the text is a sentence without a fix."""


def whole_lines(
    file: IO[AnyStr],
    ends: AnyStr | tuple[AnyStr, ...],
    reading: ReadState,
    *,
    is_whole: Callable[[AnyStr], bool],
) -> Iterator[AnyStr]:
    """The lines up to one without an end, which sets ``is_cut``.

    Args:
        file: Open at its beginning.
        ends: Of a line.
        reading: Learns whether something was cut off.
        is_whole: Whether a last line lacks nothing but its end.

    Raises:
        RecordError: A line is longer than any of a recording.
    """
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise RecordError(
                f"{reading.path} has a line of more than {_LONGEST_LINE} letters", fix=AGAIN
            )
        if not line.endswith(ends) and not is_whole(line):
            reading.is_cut = True
            return
        yield line


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """N rows, one person in one frame each, in the order of the file.

    Attributes:
        frame: (N,) int64.
        time_s: (N,) seconds.
        person: (N,) int64.
        xy: (N, K, 2) pixels, both NaN where lost.
        score: (N, K), 0 where there is none.
        raw_xy: (N, K, 2) pixels, both NaN where nothing or not recorded.
        state: (N, K) int8.
        all_frames: (F,) frames in it, also those with nobody where the format has them.
        all_times_s: (F,) their times.
    """

    frame: NDArray[np.int64]
    time_s: FloatArray
    person: NDArray[np.int64]
    xy: FloatArray
    score: FloatArray
    raw_xy: FloatArray
    state: NDArray[np.int8]
    all_frames: NDArray[np.int64]
    all_times_s: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """M rows of the long layout, one keypoint each.

    Attributes:
        frame: (M,) int64.
        time_s: (M,) seconds.
        person: (M,) int64.
        code: (M,) index in the keypoint names.
        numbers: (M, 5) x, y, score, raw x, raw y; NaN where empty.
        state: (M,) int8.
    """

    frame: NDArray[np.int64]
    time_s: FloatArray
    person: NDArray[np.int64]
    code: NDArray[np.int64]
    numbers: FloatArray
    state: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.frame)

    def cut(self, begin: int, end: int | None = None) -> Cells:
        """Some of the rows."""
        return Cells(*(getattr(self, field.name)[begin:end] for field in fields(self)))

    def then(self, other: Cells) -> Cells:
        """These rows and the rows of another."""
        return Cells(
            *(
                np.concatenate((getattr(self, field.name), getattr(other, field.name)))
                for field in fields(self)
            )
        )


def group_cells(chunks: Iterable[Cells], reading: ReadState, *, first_line: int) -> Iterator[Block]:
    """Put the keypoints of each person together, which stand in K rows below each other.

    Args:
        chunks: Rows in the order of the file.
        reading: Its ``keypoints`` are known; an incomplete last person sets ``is_cut``.
        first_line: What the first row is called in messages.

    Raises:
        RecordError: A keypoint is missing, or stands in another order.
    """
    left: Cells | None = None
    line = first_line
    for chunk in chunks:
        cells = chunk if left is None else left.then(chunk)
        whole = len(cells) // len(reading.keypoints) * len(reading.keypoints)
        if whole:
            yield _block(cells.cut(0, whole), reading, line)
        left, line = cells.cut(whole), line + whole
    if left is not None and len(left):
        reading.is_cut = True


def _block(cells: Cells, reading: ReadState, line: int) -> Block:
    k = len(reading.keypoints)
    shape = (-1, k)
    frame, person = cells.frame.reshape(shape), cells.person.reshape(shape)
    time_s = cells.time_s.reshape(shape)
    wrong = cells.code.reshape(shape) != np.arange(k)
    wrong |= frame != frame[:, :1]
    wrong |= (person != person[:, :1]) | (time_s != time_s[:, :1])
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise RecordError(
            f"{reading.path}, line {line + at}: expected {reading.keypoints[at % k]} of person "
            f"{person.flat[at // k * k]} in frame {frame.flat[at // k * k]}",
            fix=AGAIN,
        )
    place = frame[:, 0], time_s[:, 0], person[:, 0]
    return make_block(*place, cells.numbers.reshape(-1, k, 5), cells.state.reshape(shape))


def make_block(
    frame: NDArray[np.int64],
    time_s: FloatArray,
    person: NDArray[np.int64],
    numbers: FloatArray,
    state: NDArray[np.int8],
    *,
    all_frames: NDArray[np.int64] | None = None,
    all_times_s: FloatArray | None = None,
) -> Block:
    """A block; half a position is none.

    Args:
        frame: As in ``Block``.
        time_s: As in ``Block``.
        person: As in ``Block``.
        numbers: (N, K, 5) x, y, score, raw x, raw y; NaN where empty.
        state: As in ``Block``.
        all_frames: As in ``Block``; None: the format has only frames with people.
        all_times_s: Given together with ``all_frames``.
    """
    if all_frames is None or all_times_s is None:
        is_new = np.append(True, frame[1:] != frame[:-1])[: len(frame)]
        all_frames, all_times_s = frame[is_new], time_s[is_new]
    xy, score, raw_xy = numbers[..., :2].copy(), numbers[..., 2].copy(), numbers[..., 3:].copy()
    is_half = np.isnan(xy[..., 0]) != np.isnan(xy[..., 1])
    xy[is_half] = np.nan
    raw_xy[np.isnan(raw_xy).any(axis=-1)] = np.nan
    score[np.isnan(score)] = 0.0
    state = np.where(is_half, np.int8(State.LOST), state)
    return Block(frame, time_s, person, xy, score, raw_xy, state, all_frames, all_times_s)


class Order:
    """Whether frames and times grow from each frame to the next, over all blocks of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frame, self._time_s = -LIMIT, -math.inf
        self._people: set[int] = set()

    def check(self, block: Block) -> None:
        """Compare a block in itself and with the one before.

        Raises:
            RecordError: A frame comes after a later one, its time is not later than the one
                before, or it has somebody twice.
        """
        frames, times_s = block.all_frames, block.all_times_s
        if len(frames) and frames[0] == self._frame:  # a frame across two blocks
            self._check_times(frames[:1], times_s[:1] != self._time_s, "has two times")
        else:
            self._people = set()
        before = np.append(self._frame, frames[:-1]), np.append(self._time_s, times_s[:-1])
        back = np.flatnonzero(frames < before[0])
        if len(back):
            raise RecordError(
                f"{self._path}: frame {frames[back[0]]} comes after frame {before[0][back[0]]}",
                fix="sort the rows by frame, or record again",
            )
        is_new = frames != before[0]
        self._check_times(
            frames, is_new & (times_s <= before[1]), "is not later than the one before"
        )
        self._check_people(block)
        if len(frames):
            self._frame, self._time_s = int(frames[-1]), float(times_s[-1])

    def _check_times(self, frames: NDArray[np.int64], is_bad: NDArray[np.bool_], what: str) -> None:
        if is_bad.any():
            said = f"{self._path}: frame {frames[int(np.argmax(is_bad))]} {what}"
            raise RecordError(said, fix=AGAIN)

    def _check_people(self, block: Block) -> None:
        if not len(block.frame):
            return
        at = np.clip(np.searchsorted(block.all_frames, block.frame), 0, len(block.all_frames) - 1)
        self._check_times(block.frame, block.time_s != block.all_times_s[at], "has two times")
        pairs = np.stack((block.frame, block.person), axis=1)
        _, first = np.unique(pairs, axis=0, return_index=True)
        is_twice = np.ones(len(pairs), bool)
        is_twice[first] = False
        is_twice |= (block.frame == self._frame) & np.isin(block.person, list(self._people))
        if is_twice.any():
            frame, person = pairs[int(np.argmax(is_twice))]
            raise RecordError(f"{self._path}: frame {frame} has person {person} twice", fix=AGAIN)
        last = block.person[block.frame == block.all_frames[-1]].tolist()
        is_same = block.all_frames[-1] == self._frame
        self._people = (self._people if is_same else set()) | set(last)


def check_place(
    place: FloatArray, reading: ReadState, lines: Sequence[int]
) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.int64]]:
    """Frame, time and person of (N, 3) cells, which are never empty.

    Args:
        place: The cells.
        reading: For the message.
        lines: What each row is called in it.

    Raises:
        RecordError: One is missing, not whole, not finite or too large.
    """
    whole, most = place[:, ::2], np.array([LIMIT, LIMIT, PERSON_LIMIT])
    is_good = (np.abs(place) < most).all(axis=1) & (whole == np.rint(whole)).all(axis=1)
    if not is_good.all():
        at = int(np.flatnonzero(~is_good)[0])
        raise RecordError(
            f"{reading.path}, line {lines[at]}: frame, time_s or person is missing, not whole or "
            "too large",
            fix=AGAIN,
        )
    return place[:, 0].astype(np.int64), place[:, 1].copy(), place[:, 2].astype(np.int64)
