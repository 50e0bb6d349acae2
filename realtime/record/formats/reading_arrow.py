"""Read Parquet files and their journals, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import RecordError
from steadypose.engines.foreign.texts import parse_json
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.record.formats.blocks import (
    AGAIN,
    LIMIT,
    Block,
    Cells,
    NotARecordingError,
    ReadState,
    check_place,
    group_cells,
)
from steadypose.realtime.record.formats.csv_rows import LONG_HEAD
from steadypose.realtime.record.formats.entry import STATE_NAMES
from steadypose.realtime.record.formats.journal import arrow, whole_batches

_CHUNK_ROWS = 65_536


def parquet_blocks(reading: ReadState) -> Iterator[Block]:
    """Read a Parquet file.

    Raises:
        NotARecordingError: As it says.
        RecordError: It is damaged.
        UsageError: pyarrow is not installed.
    """
    pa = arrow(str(reading.path), reading.path)
    try:
        with pa.parquet.ParquetFile(reading.path) as file:
            reading.keypoints = _keypoints(file.schema_arrow, reading)
            reading.positions = file.metadata.num_rows
            batches = file.iter_batches(_CHUNK_ROWS, columns=list(LONG_HEAD))
            yield from group_cells(_all_cells(batches, reading), reading, first_line=1)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"{reading.path} is damaged: {str(error).splitlines()[0]}", fix=AGAIN
        ) from error


def journal_blocks(reading: ReadState) -> Iterator[Block]:
    """Read a journal up to its last whole batch.

    Raises:
        NotARecordingError: As it says.
        RecordError: It is damaged.
        UsageError: pyarrow is not installed.
    """
    pa = arrow(str(reading.path), reading.path)
    try:
        with pa.OSFile(str(reading.path)) as file:
            batches = whole_batches(pa, file)
            yield from group_cells(_journal_cells(batches, reading), reading, first_line=1)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise RecordError(
            f"{reading.path} is damaged: {str(error).splitlines()[0]}", fix=AGAIN
        ) from error


def _journal_cells(batches: Generator[Any, None, bool], reading: ReadState) -> Iterator[Cells]:
    def counted() -> Iterator[Any]:
        is_cut = yield from batches
        reading.is_cut = reading.is_cut or is_cut

    return _all_cells(counted(), reading)


def _all_cells(batches: Iterator[Any], reading: ReadState) -> Iterator[Cells]:
    line = 1
    for batch in batches:
        batch.validate(full=True)  # pyarrow believes the indices and lengths in a file
        if not reading.keypoints:
            reading.keypoints = _keypoints(batch.schema, reading)
        yield _cells(batch, reading, line)
        line += batch.num_rows


def _keypoints(schema: Any, reading: ReadState) -> tuple[str, ...]:
    """The names that the file carries in its metadata.

    Raises:
        NotARecordingError: It carries none, or other columns.
    """
    try:
        head = parse_json((schema.metadata or {})[b"steadypose"])
        keypoints = tuple(str(name) for name in head["keypoints"])
    except (KeyError, ValueError, TypeError):
        keypoints = ()
    missing = [name for name in LONG_HEAD if name not in schema.names]
    if not keypoints or missing:
        what = f"the column {missing[0]}" if missing else "the metadata 'steadypose'"
        raise NotARecordingError(f"{reading.path} lacks {what} of a steadypose recording")
    return keypoints


def _cells(batch: Any, reading: ReadState, line: int) -> Cells:
    def numbers(*names: str) -> FloatArray:
        columns = []
        for name in names:
            try:
                column = batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            except (ValueError, TypeError, OverflowError) as error:
                raise RecordError(f"{reading.path}: {name} has no numbers", fix=AGAIN) from error
            columns.append(column)
        return np.stack(columns, axis=1)

    values = numbers("x", "y", "score", "raw_x", "raw_y")
    wrong = np.flatnonzero((np.abs(values) >= LIMIT).any(axis=1))
    if len(wrong):
        raise RecordError(
            f"{reading.path}, line {line + int(wrong[0])}: a number is not finite or too large",
            fix=AGAIN,
        )
    return Cells(
        *check_place(numbers("frame", "time_s", "person"), reading, range(line, line + len(batch))),
        _codes(batch.column("keypoint"), reading.keypoints, reading).astype(np.int64),
        values,
        _codes(batch.column("state"), STATE_NAMES, reading).astype(np.int8),
    )


def _codes(column: Any, names: tuple[str, ...], reading: ReadState) -> NDArray[np.int64]:
    """Index of each cell's text in ``names``; the column may be a dictionary or not.

    Raises:
        RecordError: A text that is not among them.
    """
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    places = {name: index for index, name in enumerate(names)}
    unknown = [text for text in texts if text not in places]
    if unknown or encoded.null_count:
        raise RecordError(
            f"{reading.path}: {unknown[0] if unknown else 'nothing'!r} is no keypoint or state",
            fix=AGAIN,
        )
    table = np.array([places[text] for text in texts], np.int64)
    return table[encoded.indices.to_numpy()]
