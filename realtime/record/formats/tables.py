"""The table formats, a row each: all that options, checks, recording and reading ask of one.

A new format is a module with a sink and a reader, and a row in ``TABLES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.record.formats.blocks import Block, ReadState
from steadypose.realtime.record.formats.csv_rows import OfSource, csv_sink, joint_csv_sink
from steadypose.realtime.record.formats.entry import Entry, Sink
from steadypose.realtime.record.formats.journal import JOURNAL, arrow
from steadypose.realtime.record.formats.jsonl import jsonl_sink
from steadypose.realtime.record.formats.parquet import ParquetSink
from steadypose.realtime.record.formats.reading_arrow import journal_blocks, parquet_blocks
from steadypose.realtime.record.formats.reading_csv import csv_blocks
from steadypose.realtime.record.formats.reading_jsonl import jsonl_blocks

Reader = Callable[[ReadState], Iterator[Block]]


@dataclass(frozen=True, slots=True, eq=False)
class TableFormat:
    """One way to write people as a table.

    Attributes:
        name: The suffix, without its dot; also of the options ``--NAME`` and ``--to NAME``.
        unit: What its rows count: a row, or a frame.
        help: What a row is, for the help of its option.
        open: Opens a file, which is replaced at once.
        readers: The first bytes that a file may have, at most 16, and what reads it then. No
            bytes: it is tried where no others fit.
        layout: Where formats share a name: the word for ``--NAME-layout``. The first is its
            default for recording.
        has_raw: It keeps raw positions, so a second pass is possible.
        takes_angles: It can hold joint angles.
        beside: Suffix of the file beside it that holds the rows while it is recorded.
        takes_pipe: It is written from its beginning to its end, so it may be a pipe.
        check: Called with an option before anything starts; raises UsageError where a package
            is missing.
        open_joint: Opens a file for several sources, where the format has a column for them.
    """

    name: str
    unit: str
    help: str
    open: Callable[[Path, Skeleton], Sink[Entry]]
    readers: Mapping[bytes, Reader]
    layout: str = ""
    has_raw: bool = True
    takes_angles: bool = False
    beside: str = ""
    takes_pipe: bool = True
    check: Callable[[str], object] | None = None
    open_joint: Callable[[Path, Skeleton], Sink[OfSource]] | None = None

    @property
    def option(self) -> str:
        """The option that names a file of it."""
        return f"--{self.name}"

    @property
    def title(self) -> str:
        """What sentences call it: wide CSV."""
        named = "Parquet file" if self.name == "parquet" else self.name.upper()
        return f"{self.layout} {named}".strip()

    @property
    def full_option(self) -> str:
        """The option that chooses it among the layouts, where there are several."""
        return f"{self.option}-layout {self.layout}" if self.layout else self.option


@dataclass(frozen=True, slots=True)
class Table:
    """A table to write: what, and where."""

    format: TableFormat
    path: Path


_CSV = {b"": csv_blocks}
_ARROW = {b"PAR1": parquet_blocks, b"\xff\xff\xff\xff": journal_blocks}
_PER_KEYPOINT = "a row per keypoint"
TABLES = (
    TableFormat(
        *("csv", "row", "a row per person", partial(csv_sink, layout="wide"), _CSV),
        layout="wide",
        has_raw=False,
        open_joint=partial(joint_csv_sink, layout="wide"),
    ),
    TableFormat(
        *("csv", "row", _PER_KEYPOINT, partial(csv_sink, layout="long"), _CSV),
        layout="long",
        takes_angles=True,
        open_joint=partial(joint_csv_sink, layout="long"),
    ),
    TableFormat(
        *("jsonl", "frame", "an object per frame", jsonl_sink, {b"{": jsonl_blocks}),
        takes_angles=True,
    ),
    TableFormat(
        *("parquet", "row", f"{_PER_KEYPOINT} (pip install pyarrow)", ParquetSink, _ARROW),
        beside=JOURNAL,
        takes_pipe=False,
        check=arrow,
    ),
)
"""In the order in which a run's files are written: the first names its sidecar."""

NAMES = tuple(dict.fromkeys(form.name for form in TABLES))
OPTIONS = tuple(f"--{name}" for name in NAMES)
SUFFIXES = tuple(f".{name}" for name in NAMES)
BESIDE = tuple(dict.fromkeys(form.beside for form in TABLES if form.beside))
PIPE_NAMES = tuple(dict.fromkeys(form.name for form in TABLES if form.takes_pipe))
PIPE_OPTIONS = tuple(f"--{name}" for name in PIPE_NAMES)
RAW_OPTIONS = tuple(form.full_option for form in TABLES if form.has_raw)


def layouts(name: str) -> tuple[TableFormat, ...]:
    """The formats of a name: more than one where it has layouts."""
    return tuple(form for form in TABLES if form.name == name)


def find_table(name: str, layout: str = "") -> TableFormat:
    """The format of a name and, where it has layouts, a layout."""
    return next(form for form in layouts(name) if form.layout == layout)


def with_angles(form: TableFormat) -> TableFormat:
    """The format, with joint angles where it can hold them."""
    if (form.name, form.layout) != ("csv", "long"):
        return form
    joint = partial(joint_csv_sink, layout="angles")
    return replace(form, open=partial(csv_sink, layout="angles"), open_joint=joint)


def fullest(name: str) -> TableFormat:
    """The format of a name that keeps most."""
    return max(layouts(name), key=lambda form: form.has_raw)


def reader_of(begin: bytes) -> Reader:
    """What reads a file that begins so."""
    known = {magic: reader for form in TABLES for magic, reader in form.readers.items()}
    return known[max(filter(begin.startswith, known), key=len)]


def without_journal(path: Path) -> Path:
    """The table that a journal becomes; any other file stays."""
    end = next(filter(path.name.endswith, BESIDE), "")
    return path.with_name(path.name.removesuffix(end)) if end else path


def listed(words: Sequence[str]) -> str:
    """A choice in words: a, b or c."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
