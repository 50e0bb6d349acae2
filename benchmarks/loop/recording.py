"""Cost of long recordings, for each format.

A synthetic run is written by each recorder as fast as possible: frames a second are limited
by the disk and the formatting, not by a camera.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, own_mib, parser, publish, table
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import Pose, State
from steadypose.realtime.record.formats.entry import Entry
from steadypose.realtime.record.formats.reading import read_recording
from steadypose.realtime.record.formats.tables import TABLES, Table
from steadypose.realtime.record.recorder import record_table

_FPS = 60
_LOST = 0.1  # share of keypoints without a position
_KINDS = 500  # different poses, so that compression does not see the same pose repeatedly
_HEAD = (
    *("format", "write rows/s", "us a frame, first tenth", "last tenth", "close s"),
    *("memory MiB, last - first tenth", "closing MiB", "file MB", "read s"),
)
FORMATS = {f"{form.layout or 'all'}.{form.name}": form for form in TABLES}


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs of one format.

    Attributes:
        rows: Rows or lines in the file.
        write_s: From the first frame to the closed file.
        first_us: Per frame, first tenth.
        last_us: Per frame, last tenth.
        close_s: Of that, closing.
        grown_mib: Resident memory after the last tenth, over that after the first.
        closing_mib: Resident memory after closing, over that before.
        size_mb: File, megabytes.
        read_s: Reading it back whole; None if not requested.
    """

    rows: int
    write_s: float
    first_us: float
    last_us: float
    close_s: float
    grown_mib: float
    closing_mib: float
    size_mb: float
    read_s: float | None


def make_people(persons: int) -> list[list[Pose]]:
    """Generate frames of people on random paths."""
    rng = np.random.default_rng(0)
    frames = []
    xy = rng.uniform(100, 900, (persons, 17, 2))
    for _ in range(_KINDS):
        xy = xy + rng.normal(0, 2, xy.shape)
        poses = []
        for person in range(persons):
            place, state = xy[person].copy(), np.full(17, State.MEASURED, np.int8)
            lost = rng.random(17) < _LOST
            place[lost], state[lost] = np.nan, State.LOST
            raw = place + rng.normal(0, 2, place.shape)
            poses.append(Pose(place, rng.random(17), raw, state, COCO17, person + 1))
        frames.append(poses)
    return frames


def measure(name: str, folder: Path, frames: int, persons: int, *, is_read: bool) -> Cost:
    """Write and, if requested, read one file."""
    path, people = folder / name, make_people(persons)
    form = FORMATS[name]
    per_person = len(COCO17) if form.has_raw else 1
    per_frame = 1 if form.unit == "frame" else per_person * persons
    marks = [frames * i // 10 for i in range(11)]
    ends_s, memory_mib = [], []
    begin_s = time.perf_counter()
    recorder = record_table(Table(form, path), COCO17)
    for begin, end in pairwise(marks):
        for index in range(begin, end):
            recorder.put(Entry(index, index / _FPS, people[index % _KINDS]))
        while recorder.rows < end * per_frame:  # until the queue is empty
            time.sleep(0.0005)
        ends_s.append(time.perf_counter())
        memory_mib.append(own_mib())
    recorder.close()
    closed_s, after_mib = time.perf_counter(), own_mib()
    cost = Cost(
        recorder.rows,
        closed_s - begin_s,
        (ends_s[0] - begin_s) / marks[1] * 1e6,
        (ends_s[9] - ends_s[8]) / (marks[10] - marks[9]) * 1e6,
        closed_s - ends_s[9],
        memory_mib[9] - memory_mib[0],
        after_mib - memory_mib[9],
        path.stat().st_size / 1e6,
        read_seconds(path, frames * persons) if is_read else None,
    )
    path.unlink()
    gc.collect()
    return cost


def read_seconds(path: Path, expected: int) -> float:
    """Read a recording back, and check that nothing is missing."""
    begin_s = time.perf_counter()
    recording = read_recording(path)
    read_s = time.perf_counter() - begin_s
    found = sum(len(person.frame) for person in recording.people)
    if found != expected:
        raise RuntimeError(f"{path.name} has {found} poses of {expected}")
    return read_s


def _row(name: str, cost: Cost) -> list[str]:
    return [
        name,
        f"{cost.rows / cost.write_s:,.0f}",
        f"{cost.first_us:.0f}",
        f"{cost.last_us:.0f}",
        f"{cost.close_s:.1f}",
        f"{cost.grown_mib:+.1f}",
        f"{cost.closing_mib:+.1f}",
        f"{cost.size_mb:.1f}",
        "..." if cost.read_s is None else f"{cost.read_s:.1f}",
    ]


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--minutes", type=float, default=60.0, help="length of the run")
    made.add_argument("--persons", type=int, default=3, help="in every frame")
    made.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    made.add_argument("--folder", type=Path, help="disk to write to (default: temporary)")
    made.add_argument("--read", action="store_true", help="also read each file back")
    return made


def main() -> None:
    """Measure every format and print a table."""
    arguments = build_parser().parse_args()
    frames = max(10, round(arguments.minutes * 60 * _FPS))
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in arguments.formats:
            cost = measure(name, Path(folder), frames, arguments.persons, is_read=arguments.read)
            rows.append(_row(name, cost))
    head = (
        f"{frames} frames, {arguments.minutes:g} min at {_FPS} fps, {arguments.persons} people, "
        f"{_LOST:.0%} of the keypoints lost, given as fast as the recorder takes them\n"
    )
    publish(head + "\n" + table(_HEAD, rows), arguments.output)


if __name__ == "__main__":
    guarded(main)
