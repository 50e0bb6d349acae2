"""Ten minutes, or an hour, of mixed trouble: what is lost, and what grows?

python -m benchmarks.loop.soak [--minutes 10]

A simulated 30 fps camera with two people who come and go is lost 40 times, stalls and changes its
size; receivers of poses die and return; the disk takes nothing for a while, which ends a run, and
the next one begins. All formats and the video are recorded, and every row is counted. Each trouble
has happened before anything is measured. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import guarded, parser, publish, table
from benchmarks.loop.soak.counting import check
from benchmarks.loop.soak.soaking import Soak
from benchmarks.loop.soak.troubled import SIZES
from benchmarks.loop.soak.watching import Growth, growth_of, quiet_ages

_MOST_MIB, _MOST_AGE_MS = 15.0, 200.0
_FEWEST = 300  # frames, ten seconds of them, whose age is judged
_NOT_JUDGED, _BUSY = 3, "not judged: the machine was busy"


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--minutes", type=float, default=10.0, help="60: an hour (default: 10)")
    return made


def main() -> None:
    """Run, count, print; exit code 1: something is lost, or grew; 3: no age could be judged."""
    arguments = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), 60.0 * arguments.minutes)
        before, after = soak.run()
        for shift in soak.shifts:  # only now: reading whole files takes memory
            check(shift)
    rows, code = judged(soak, before, after)
    sizes = ", ".join(f"{width}x{height}" for height, width in SIZES)
    publish(
        f"{arguments.minutes:g} minutes, two people, {sizes}; CSV, JSON lines, Parquet, video, UDP"
        "\n\n"
        f"{table(('', '', 'as it should be'), rows)}",
        arguments.output,
    )
    if code == _NOT_JUDGED:
        print(f"{_BUSY}: this soak is not passed, run it again alone", file=sys.stderr)
    sys.exit(code)


def judged(
    soak: Soak, before: tuple[int, int], after: tuple[int, int]
) -> tuple[list[tuple[str, str, str]], int]:
    """The table's rows, and the exit code."""
    shifts, seconds = soak.shifts, soak.watcher.seconds
    problems = [problem for shift in shifts for problem in shift.problems]
    refused = sum(shift.is_refused for shift in shifts)
    frames = sum(shift.frames for shift in shifts)
    growth = growth_of(seconds)
    print("MiB:", *(f"{second.memory_mib:.0f}" for second in seconds[::10]), file=sys.stderr)
    ages_ms = np.concatenate([shift.ages_ms for shift in shifts])
    quiet_ms = quiet_ages(seconds, ages_ms)
    is_counted = not problems and refused == soak.counts["full"]
    is_flat = growth.most_mib < _MOST_MIB
    is_judged = len(quiet_ms) >= _FEWEST
    is_young = not is_judged or float(np.percentile(quiet_ms, 95)) < _MOST_AGE_MS
    stopped_s = [second.took_s for second in seconds if second.is_stopped]
    told = ", ".join(f"{name} {count}" for name, count in soak.counts.items())
    rows = [
        ("trouble", told, "-"),
        ("frames recorded, in runs", f"{frames}, {len(shifts)}", "-"),
        ("runs that a full disk ended", str(refused), _said(is_counted)),
        ("files that lack what the disk took", "; ".join(problems) or "0", _said(is_counted)),
        *_memory_rows(growth, is_flat=is_flat),
        ("open files, threads: before", f"{before[0]}, {before[1]}", "-"),
        ("open files, threads: after", f"{after[0]}, {after[1]}", _said(before == after)),
        (
            "times the process was stopped or starved; longest, s",
            f"{len(stopped_s)}; {max(stopped_s, default=0.0):.1f}",
            "-",
        ),
        ("frame age, ms p50 / p95 / max", _spread(ages_ms), "-"),
        (
            f"of the {len(quiet_ms) / max(1, frames):.0%} while nobody else used the machine",
            f"{_spread(quiet_ms)} (limit of p95 {_MOST_AGE_MS:g})",
            _said(is_young) if is_judged else _BUSY,
        ),
    ]
    if not (is_counted and is_flat and before == after and is_young):
        return rows, 1
    return rows, 0 if is_judged else _NOT_JUDGED


def _memory_rows(growth: Growth, *, is_flat: bool) -> list[tuple[str, str, str]]:
    return [
        ("own memory, MiB: median of the first tenth", f"{growth.base_mib:.0f}", "-"),
        ("median of the last tenth", f"{growth.end_mib:.0f}", "-"),
        (
            "grown: between those; by the median slope",
            f"{growth.end_mib - growth.base_mib:.1f}; {growth.line_mib:.1f} (limit {_MOST_MIB:g})",
            _said(is_flat),
        ),
    ]


def _spread(ages_ms: NDArray[np.float32]) -> str:
    if not len(ages_ms):
        return "-"
    return " / ".join(f"{value:.0f}" for value in np.percentile(ages_ms, (50, 95, 100)))


def _said(is_good: object) -> str:
    return "yes" if is_good else "no"


if __name__ == "__main__":
    guarded(main)
