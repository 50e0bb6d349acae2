"""Read both CSV layouts, a bounded number of rows at a time, also as spreadsheets save them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.engines.skeletons.named import known_by
from steadypose.engines.wording.printable import from_cell
from steadypose.realtime.datatypes import SEEN_SCORE, FloatArray, State
from steadypose.realtime.record.formats.blocks import (
    AGAIN,
    HEADER,
    LIMIT,
    Block,
    Cells,
    NotARecordingError,
    ReadState,
    check_place,
    group_cells,
    make_block,
    whole_lines,
)
from steadypose.realtime.record.formats.csv_rows import LONG_HEAD, SOURCE
from steadypose.realtime.record.formats.entry import STATES

_CHUNK_ROWS = 34_000
_DELIMITERS = (",", ";", "\t")
_PLACE = ("frame", "time_s", "person")
_PARTS = ("x", "y", "score")
_Column = tuple[str, ...]


class _Sheet(NamedTuple):
    """How a file is written, and where its columns are.

    Attributes:
        delimiter: Between cells; decimals may have a comma where it is another.
        width: Columns in all.
        columns: Name and position of those that are read, in our order.
        is_joint: Its first column tells several sources apart.
    """

    delimiter: str
    width: int
    columns: dict[str, int]
    is_joint: bool

    def number(self, cell: str) -> float:
        """NaN where it is empty."""
        text = cell if self.delimiter == "," else cell.replace(",", ".")
        return float(text) if text and not text.isspace() else math.nan


class _Rows(NamedTuple):
    """Rows and the lines on which they end."""

    rows: list[list[str]]
    lines: list[int]


def csv_blocks(reading: ReadState) -> Iterator[Block]:
    """Read a CSV of either layout; the header tells which.

    Columns may stand in any order, with others among them; cells may be parted by semicolons or
    tabs, and decimals then by commas; empty lines do not count.

    Raises:
        NotARecordingError: As it says.
        RecordError: A line is damaged.
    """
    with reading.path.open("rb") as file:
        is_wide_text = file.read(2) in {b"\xff\xfe", b"\xfe\xff"}
    coding = "utf-16" if is_wide_text else "utf-8-sig"
    try:
        with reading.path.open(newline="", encoding=coding) as file:
            tail = _Tail()
            lines = whole_lines(file, ("\n", "\r"), reading, is_whole=tail.is_whole)
            first = next(lines, "")
            while first.strip() == "" or first.startswith("sep="):
                if not (first := next(lines, "")):
                    raise NotARecordingError(f"{reading.path}, {HEADER}")
            delimiter = max(_DELIMITERS, key=lambda d: len(set(_PLACE) & set(_head(first, d))))
            lines = tail.watched(lines, delimiter)
            sheet = _understand(_head(first, delimiter), delimiter, reading)
            cells = csv.reader(lines, strict=True, delimiter=delimiter)
            rows = _chunks(cells, sheet, reading)
            if "keypoint" in sheet.columns:
                yield from group_cells(_long_cells(rows, sheet, reading), reading, first_line=2)
            else:
                yield from _wide(rows, sheet, reading)
    except UnicodeError as error:
        raise RecordError(
            f"{reading.path} is not a text file in UTF-8: {getattr(error, 'reason', error)}",
            fix="save it as CSV UTF-8, or record again",
        ) from error
    except csv.Error as error:
        raise RecordError(f"{reading.path} is not a CSV: {error}", fix=AGAIN) from error


class _Tail:
    """Whether a last line without an end is a whole one: compared with the line before it."""

    def __init__(self) -> None:
        self._before = ""
        self._delimiter = ","

    def watched(self, lines: Iterable[str], delimiter: str) -> Iterator[str]:
        """The lines, remembering the last."""
        self._delimiter = delimiter
        for line in lines:
            if line.strip():
                self._before = line
            yield line

    def is_whole(self, line: str) -> bool:
        """An editor may have left out the end of a line that has everything else."""
        last, before = (text.rstrip("\r\n").split(self._delimiter) for text in (line, self._before))
        if len(last) != len(before):
            return False
        mine, other = last[-1], before[-1]
        if mine in STATES or not other.strip():
            return True
        return bool(mine) and _decimals(mine) >= min(3, _decimals(other)) and other not in STATES


def _decimals(cell: str) -> int:
    return len(cell.replace(",", ".").partition(".")[2])


def _head(line: str, delimiter: str) -> list[str]:
    try:
        return [from_cell(cell.strip()) for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _understand(head: list[str], delimiter: str, reading: ReadState) -> _Sheet:
    """Find the columns of a recording, wherever they stand.

    Raises:
        NotARecordingError: It is the header of something else, or a column is missing.
    """
    if not set(_PLACE) & set(head):
        raise NotARecordingError(f"{reading.path}, {HEADER}")
    names: Sequence[str] = LONG_HEAD
    if "keypoint" not in head:
        found = [c.rpartition("_")[0] for c in head if c.endswith(("_x", "_y")) and len(c) > 2]
        keypoints = tuple(dict.fromkeys(found))
        known = known_by(keypoints)
        keypoints = known.keypoints if known else keypoints
        reading.keypoints = keypoints
        names = [*_PLACE, *(f"{name}_{part}" for name in keypoints for part in _PARTS)]
        if not keypoints:
            raise NotARecordingError(f"{reading.path}, {HEADER}: no keypoint has a column")
    for name in names:
        if head.count(name) != 1:
            what = "is missing" if name not in head else "stands there twice"
            raise NotARecordingError(f"{reading.path}, line 1: the column {name} {what}")
    columns = {name: head.index(name) for name in names}
    return _Sheet(delimiter, len(head), columns, is_joint=head[0] == SOURCE)


def _chunks(lines: Iterator[list[str]], sheet: _Sheet, reading: ReadState) -> Iterator[_Rows]:
    """Rows that are not empty, each as wide as the header.

    Raises:
        RecordError: One is not.
    """
    numbered = ((row, lines.line_num + 1) for row in lines)  # type: ignore[attr-defined]
    filled = (pair for pair in numbered if any(cell.strip() for cell in pair[0]))
    while chunk := list(islice(filled, _CHUNK_ROWS)):
        if sheet.is_joint and len(found := {row[0] for row, _ in chunk}) > 1:
            raise RecordError(
                f"{reading.path} holds people of several sources: {', '.join(sorted(found))[:200]}",
                fix=f"keep the rows of one {SOURCE}, or record without --one-csv",
            )
        for row, line in chunk:
            if len(row) > sheet.width and not any(row[sheet.width :]):
                del row[sheet.width :]
            if len(row) != sheet.width:
                what = f"{len(row)} columns, expected {sheet.width}"
                raise RecordError(f"{reading.path}, line {line}: {what}", fix=AGAIN)
        yield _Rows([row for row, _ in chunk], [line for _, line in chunk])


def _wide(chunks: Iterator[_Rows], sheet: _Sheet, reading: ReadState) -> Iterator[Block]:
    for chunk in chunks:
        numbers = _numbers(chunk, list(sheet.columns), sheet, reading)
        keypoints = np.full((len(chunk.rows), len(reading.keypoints), 5), math.nan)
        keypoints[..., :3] = numbers[:, 3:].reshape(len(chunk.rows), -1, 3)
        is_lost = np.isnan(keypoints[..., :2]).any(axis=-1)
        # No filter measures what the network did not see; an empty score is not known to be seen.
        found = np.where(keypoints[..., 2] >= SEEN_SCORE, State.MEASURED, State.PREDICTED)
        state = np.where(is_lost, State.LOST, found).astype(np.int8)
        place = check_place(numbers[:, :3], reading, chunk.lines)
        yield make_block(*place, keypoints, state)


def _long_cells(chunks: Iterator[_Rows], sheet: _Sheet, reading: ReadState) -> Iterator[Cells]:
    values = ("x", "y", "score", "raw_x", "raw_y")
    for chunk in chunks:
        keypoint, frame, person, states = (
            tuple(row[sheet.columns[name]].strip() for row in chunk.rows)
            for name in ("keypoint", "frame", "person", "state")
        )
        names = tuple(map(from_cell, keypoint))
        if not reading.keypoints:
            reading.keypoints = _learn_keypoints(
                names, list(zip(frame, person, strict=True)), reading
            )
        codes = {name: index for index, name in enumerate(reading.keypoints)}
        numbers = _numbers(chunk, [*_PLACE, *values], sheet, reading)
        yield Cells(
            *check_place(numbers[:, :3], reading, chunk.lines),
            _codes(names, codes, reading, chunk.lines, "keypoint").astype(np.int64),
            numbers[:, 3:],
            _codes(states, STATES, reading, chunk.lines, "state").astype(np.int8),
        )


def _learn_keypoints(
    names: _Column, places: Sequence[tuple[str, str]], reading: ReadState
) -> tuple[str, ...]:
    """The names that the first person has in the first frame.

    Raises:
        RecordError: The file was cut within them.
    """
    count = sum(1 for _ in takewhile(lambda place: place == places[0], places))
    if reading.is_cut and count == len(places):
        raise RecordError(
            f"{reading.path} was cut off before its first person was complete", fix="record again"
        )
    return names[:count]


def _numbers(chunk: _Rows, names: Sequence[str], sheet: _Sheet, reading: ReadState) -> FloatArray:
    """(N, names) numbers, NaN where a cell is empty."""
    numbers = np.empty((len(chunk.rows), len(names)))
    for index, name in enumerate(names):
        at = sheet.columns[name]
        try:
            numbers[:, index] = [sheet.number(row[at]) for row in chunk.rows]
        except ValueError:
            numbers[:, index] = math.inf
        if (np.abs(numbers[:, index]) >= LIMIT).any():
            row = next(i for i, cells in enumerate(chunk.rows) if not _is_number(cells[at], sheet))
            raise RecordError(
                f"{reading.path}, line {chunk.lines[row]}: {chunk.rows[row][at][:40]!r} in column "
                f"{name} is not a number",
                fix=AGAIN,
            )
    return numbers


def _is_number(cell: str, sheet: _Sheet) -> bool:
    try:
        return not abs(sheet.number(cell)) >= LIMIT
    except ValueError:
        return False


def _codes(
    column: _Column, codes: Mapping[str, int], reading: ReadState, lines: Sequence[int], what: str
) -> NDArray[np.int64]:
    try:
        return np.array([codes[cell] for cell in column])
    except KeyError as error:
        at = column.index(error.args[0])
        raise RecordError(
            f"{reading.path}, line {lines[at]}: {column[at][:40]!r} is no {what}", fix=AGAIN
        ) from error
