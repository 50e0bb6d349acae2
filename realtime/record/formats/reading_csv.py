"""Read both CSV layouts, a bounded number of rows at a time."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.engines.wording.printable import from_cell
from steadypose.realtime.datatypes import FloatArray, State
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
from steadypose.realtime.record.formats.csv_rows import ANGLES_HEAD, LONG_HEAD, WIDE_HEAD
from steadypose.realtime.record.formats.entry import STATES

_CHUNK_ROWS = 34_000
_Row = tuple[str, ...]


def csv_blocks(reading: ReadState) -> Iterator[Block]:
    """Read a CSV of either layout; the header tells which.

    Raises:
        NotARecordingError: As it says.
        RecordError: A line is damaged.
    """
    try:
        with reading.path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(whole_lines(file, ("\n", "\r"), reading), strict=True)
            head = [from_cell(cell) for cell in next(lines, [])]
            if tuple(head) in {LONG_HEAD, ANGLES_HEAD}:
                cells = _long_cells(lines, reading, len(head))
                yield from group_cells(cells, reading, first_line=2)
            else:
                reading.keypoints = _wide_keypoints(head, reading)
                yield from _wide(lines, reading)
    except UnicodeDecodeError as error:
        raise RecordError(
            f"{reading.path} is not a text file: {error.reason}", fix=AGAIN
        ) from error
    except csv.Error as error:
        raise RecordError(f"{reading.path} is not a CSV: {error}", fix=AGAIN) from error


def _chunks(lines: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while rows := list(islice(lines, _CHUNK_ROWS)):
        yield rows


def _wide_keypoints(head: list[str], reading: ReadState) -> tuple[str, ...]:
    """The names in a wide header.

    Raises:
        NotARecordingError: It is the header of something else.
    """
    columns = head[len(WIDE_HEAD) :]
    names = tuple(column.removesuffix("_x") for column in columns[::3])
    expected = [*WIDE_HEAD, *(f"{name}_{part}" for name in names for part in ("x", "y", "score"))]
    if not names or head != expected:
        raise NotARecordingError(f"{reading.path}, {HEADER}")
    return names


def _wide(lines: Iterator[list[str]], reading: ReadState) -> Iterator[Block]:
    width = len(WIDE_HEAD) + 3 * len(reading.keypoints)
    line = 2
    for rows in _chunks(lines):
        _check_width(rows, width, reading, line)
        numbers = _numbers(list(zip(*rows, strict=True)), reading, line, _wide_name)
        keypoints = np.full((len(rows), len(reading.keypoints), 5), math.nan)
        keypoints[..., :3] = numbers[:, 4:].reshape(len(rows), -1, 3)
        is_lost = np.isnan(keypoints[..., :2]).any(axis=-1)
        state = np.where(is_lost, State.LOST, State.MEASURED).astype(np.int8)
        yield make_block(*check_place(numbers[:, :3], reading, line), keypoints, state)
        line += len(rows)


def _long_cells(lines: Iterator[list[str]], reading: ReadState, width: int) -> Iterator[Cells]:
    line = 2
    for rows in _chunks(lines):
        _check_width(rows, width, reading, line)
        columns = list(zip(*rows, strict=True))
        names = tuple(map(from_cell, columns[3]))
        if not reading.keypoints:
            reading.keypoints = _learn_keypoints(columns, names, reading)
        codes = {name: index for index, name in enumerate(reading.keypoints)}
        numbers = _numbers([*columns[:3], *columns[4:9]], reading, line, _long_name)
        frame, time_s, person = check_place(numbers[:, :3], reading, line)
        yield Cells(
            frame,
            time_s,
            person,
            _codes(names, codes, reading, line, "keypoint").astype(np.int64),
            numbers[:, 3:],
            _codes(columns[9], STATES, reading, line, "state").astype(np.int8),
        )
        line += len(rows)


def _learn_keypoints(columns: Sequence[_Row], names: _Row, reading: ReadState) -> tuple[str, ...]:
    """The names that the first person has in the first frame.

    Raises:
        RecordError: The file was cut within them.
    """
    first = (columns[0][0], columns[2][0])
    places = zip(columns[0], columns[2], strict=True)
    count = sum(1 for _ in takewhile(lambda place: place == first, places))
    if reading.is_cut and count == len(columns[0]):
        raise RecordError(
            f"{reading.path} was cut off before its first person was complete", fix="record again"
        )
    return names[:count]


def _check_width(rows: list[list[str]], width: int, reading: ReadState, line: int) -> None:
    if set(map(len, rows)) != {width}:
        at = next(i for i, row in enumerate(rows) if len(row) != width)
        raise RecordError(
            f"{reading.path}, line {line + at}: {len(rows[at])} columns, expected {width}",
            fix=AGAIN,
        )


def _numbers(
    columns: Sequence[_Row], reading: ReadState, line: int, name_of: Callable[[int, ReadState], str]
) -> FloatArray:
    """(N, columns) numbers, NaN where a cell is empty."""
    numbers = np.empty((len(columns[0]), len(columns)))
    for index, column in enumerate(columns):
        try:
            numbers[:, index] = [float(cell) if cell else math.nan for cell in column]
        except ValueError:
            numbers[:, index] = math.inf
        if (np.abs(numbers[:, index]) >= LIMIT).any():
            at = next(i for i, cell in enumerate(column) if cell and not _is_number(cell))
            raise RecordError(
                f"{reading.path}, line {line + at}: {column[at][:40]!r} in column "
                f"{name_of(index, reading)} is not a number",
                fix=AGAIN,
            )
    return numbers


def _is_number(cell: str) -> bool:
    try:
        return not abs(float(cell)) >= LIMIT
    except ValueError:
        return False


def _wide_name(column: int, reading: ReadState) -> str:
    if column < len(WIDE_HEAD):
        return WIDE_HEAD[column]
    at, part = divmod(column - len(WIDE_HEAD), 3)
    return f"{reading.keypoints[at]}_{('x', 'y', 'score')[part]}"


def _long_name(column: int, _: ReadState) -> str:
    return (*LONG_HEAD[:3], *LONG_HEAD[4:9])[column]


def _codes(
    column: Sequence[str], codes: Mapping[str, int], reading: ReadState, line: int, what: str
) -> NDArray[np.int64]:
    try:
        return np.array([codes[cell] for cell in column])
    except KeyError as error:
        at = column.index(error.args[0])
        raise RecordError(
            f"{reading.path}, line {line + at}: {column[at][:40]!r} is no {what}", fix=AGAIN
        ) from error
