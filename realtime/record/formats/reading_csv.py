"""Read both CSV layouts, a bounded number of rows at a time."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.record.formats.blocks import (
    AGAIN,
    LIMIT,
    Block,
    Cells,
    Facts,
    check_place,
    group_cells,
    make_block,
)
from steadypose.realtime.record.formats.csv_rows import LONG_HEAD, WIDE_HEAD
from steadypose.realtime.record.formats.entry import STATES

_CHUNK_ROWS = 34_000
_Row = tuple[str, ...]


def csv_blocks(facts: Facts) -> Iterator[Block]:
    """Read a CSV of either layout; the header tells which.

    Raises:
        RecordError: It is not a recording, or a line is damaged.
    """
    try:
        with facts.path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(_whole_lines(file, facts), strict=True)
            head = next(lines, [])
            if tuple(head) == LONG_HEAD:
                yield from _long(lines, facts)
            else:
                facts.keypoints = _wide_keypoints(head, facts)
                yield from _wide(lines, facts)
    except UnicodeDecodeError as error:
        raise RecordError(f"{facts.path} is not a text file: {error.reason}", fix=AGAIN) from error
    except csv.Error as error:
        raise RecordError(f"{facts.path} is not a CSV: {error}", fix=AGAIN) from error


def _whole_lines(file: TextIO, facts: Facts) -> Iterator[str]:
    for line in file:
        if not line.endswith(("\n", "\r")):
            facts.is_cut = True
            return
        yield line


def _chunks(lines: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while rows := list(islice(lines, _CHUNK_ROWS)):
        yield rows


def _wide_keypoints(head: list[str], facts: Facts) -> tuple[str, ...]:
    """The names in a wide header.

    Raises:
        RecordError: It is the header of something else.
    """
    columns = head[len(WIDE_HEAD) :]
    names = tuple(column.removesuffix("_x") for column in columns[::3])
    expected = [*WIDE_HEAD, *(f"{name}_{part}" for name in names for part in ("x", "y", "score"))]
    if not names or head != expected:
        raise RecordError(
            f"{facts.path}, line 1: this is not the header of a steadypose recording",
            fix="give a file that --csv, --jsonl or --parquet wrote",
        )
    return names


def _wide(lines: Iterator[list[str]], facts: Facts) -> Iterator[Block]:
    width = len(WIDE_HEAD) + 3 * len(facts.keypoints)
    line = 2
    for rows in _chunks(lines):
        _check_width(rows, width, facts, line)
        numbers = _numbers(list(zip(*rows, strict=True)), facts, line, _wide_name)
        keypoints = np.full((len(rows), len(facts.keypoints), 5), math.nan)
        keypoints[..., :3] = numbers[:, 4:].reshape(len(rows), -1, 3)
        is_lost = np.isnan(keypoints[..., :2]).any(axis=-1)
        state = np.where(is_lost, State.LOST, State.MEASURED).astype(np.int8)
        yield make_block(*check_place(numbers[:, :3], facts, line), keypoints, state)
        line += len(rows)


def _long(lines: Iterator[list[str]], facts: Facts) -> Iterator[Block]:
    yield from group_cells(_long_cells(lines, facts), facts, first_line=2)


def _long_cells(lines: Iterator[list[str]], facts: Facts) -> Iterator[Cells]:
    line = 2
    for rows in _chunks(lines):
        _check_width(rows, len(LONG_HEAD), facts, line)
        columns = list(zip(*rows, strict=True))
        if not facts.keypoints:
            facts.keypoints = _learn_keypoints(columns, facts)
        codes = {name: index for index, name in enumerate(facts.keypoints)}
        numbers = _numbers([*columns[:3], *columns[4:9]], facts, line, _long_name)
        frame, time_s, person = check_place(numbers[:, :3], facts, line)
        yield Cells(
            frame,
            time_s,
            person,
            _codes(columns[3], codes, facts, line, "keypoint").astype(np.int64),
            numbers[:, 3:],
            _codes(columns[9], STATES, facts, line, "state").astype(np.int8),
        )
        line += len(rows)


def _learn_keypoints(columns: Sequence[_Row], facts: Facts) -> tuple[str, ...]:
    """The names that the first person has in the first frame.

    Raises:
        RecordError: The file was cut within them.
    """
    first = (columns[0][0], columns[2][0])
    places = zip(columns[0], columns[2], strict=True)
    count = sum(1 for _ in takewhile(lambda place: place == first, places))
    if facts.is_cut and count == len(columns[0]):
        raise RecordError(
            f"{facts.path} was cut off before its first person was complete", fix="record again"
        )
    return columns[3][:count]


def _check_width(rows: list[list[str]], width: int, facts: Facts, line: int) -> None:
    if set(map(len, rows)) != {width}:
        at = next(i for i, row in enumerate(rows) if len(row) != width)
        raise RecordError(
            f"{facts.path}, line {line + at}: {len(rows[at])} columns, expected {width}", fix=AGAIN
        )


def _numbers(
    columns: Sequence[_Row], facts: Facts, line: int, name_of: Callable[[int, Facts], str]
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
                f"{facts.path}, line {line + at}: {column[at][:40]!r} in column "
                f"{name_of(index, facts)} is not a number",
                fix=AGAIN,
            )
    return numbers


def _is_number(cell: str) -> bool:
    try:
        return not abs(float(cell)) >= LIMIT
    except ValueError:
        return False


def _wide_name(column: int, facts: Facts) -> str:
    if column < len(WIDE_HEAD):
        return WIDE_HEAD[column]
    at, part = divmod(column - len(WIDE_HEAD), 3)
    return f"{facts.keypoints[at]}_{('x', 'y', 'score')[part]}"


def _long_name(column: int, _: Facts) -> str:
    return (*LONG_HEAD[:3], *LONG_HEAD[4:9])[column]


def _codes(
    column: Sequence[str], codes: Mapping[str, int], facts: Facts, line: int, what: str
) -> NDArray[np.int64]:
    try:
        return np.array([codes[cell] for cell in column])
    except KeyError as error:
        at = column.index(error.args[0])
        raise RecordError(
            f"{facts.path}, line {line + at}: {column[at][:40]!r} is no {what}", fix=AGAIN
        ) from error
