"""Frames and times of generated videos against ffprobe's listing of their packets.

Every packet that ffprobe lists, without those that an edit list leaves out, should be a frame
with that time. Of broken files, the frames that are used should have listed times, and that others
are missing should be said.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, parser, publish, table
from benchmarks.reading.matrix import Made, make_all
from steadypose.engines.errors import SourceError, UsageError
from steadypose.realtime.sources.opening import SourceOptions, open_source

_LIMIT_MS = 0.1
_HEAD = ("file", "listed", "used", "largest difference of times, ms", "exit", "said", "")


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a file gave.

    Attributes:
        times_s: Of the frames.
        exit_code: 0, or 2 with an error at the end.
        said: The error and the remarks.
    """

    times_s: list[float]
    exit_code: int
    said: str


def listed(path: Path) -> list[float]:
    """Presentation times of the packets of a video, as ffprobe lists them, sorted."""
    command = [
        *("ffprobe", "-v", "quiet", "-select_streams", "v:0", "-of", "json", str(path)),
        *("-show_entries", "packet=pts_time,dts_time,size,flags"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    packets = json.loads(done.stdout)["packets"]
    kept = [p for p in packets if int(p["size"]) and "D" not in p["flags"]]
    # AVI has no times but those of decoding; in MPEG-2 some frames have no others.
    both = [
        float(p["pts_time"]) - float(p["dts_time"])
        for p in kept
        if {"pts_time", "dts_time"} <= p.keys()
    ]
    after_s = min(both, default=0.0)
    return sorted(
        float(p["pts_time"]) if "pts_time" in p else float(p["dts_time"]) + after_s for p in kept
    )


def read(path: Path, decode: str) -> Read:
    """Read a file as the app does."""
    times_s: list[float] = []
    code, said = 0, ""
    source = open_source(SourceOptions(str(path), decode=decode))
    try:
        while not source.is_over:
            frame = source.read(5.0)
            if frame is not None:
                times_s.append(frame.time_s)
    except SourceError as error:
        code, said = 2, error.what
    source.close()
    return Read(times_s, code, "; ".join(filter(None, (said, *source.remarks))))


def judged(made: Made, decode: str) -> tuple[bool, list[str]]:
    """Whether a file is read as it should be, and its row."""
    want, got = listed(made.path), read(made.path, decode)
    used = got.times_s
    is_told = got.exit_code == (0 if len(used) == len(want) and not made.is_cut else 2)
    is_right = bool(used) and is_told
    is_right = is_right and all(b > a for a, b in pairwise(used))
    apart_ms = float("nan")
    if used and made.is_joined:
        is_right = is_right and len(used) == len(want)
    elif used and made.is_whole:
        is_right = is_right and len(used) == len(want)
        if len(used) == len(want):
            apart_ms = 1e3 * float(np.abs(np.subtract(used, want)).max())
    elif used:
        nearest = np.abs(np.subtract.outer(used, want)).min(axis=1)
        apart_ms = 1e3 * float(nearest.max())
    if not made.is_joined:
        is_right = is_right and apart_ms <= _LIMIT_MS
    shown = "..." if np.isnan(apart_ms) else f"{apart_ms:.3f}"
    row = [made.path.name, str(len(want)), str(len(used)), shown, str(got.exit_code), got.said]
    return is_right, [*row, "" if is_right else "wrong"]


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--decode", default="auto", help="as of run.py (default: %(default)s)")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the videos there")
    return made


def main() -> None:
    """Make, read, compare and print."""
    arguments = build_parser().parse_args()
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        raise UsageError("ffmpeg and ffprobe are not here", fix="install FFmpeg")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [judged(made, arguments.decode) for made in make_all(folder)]
    right = sum(is_right for is_right, _ in rows)
    publish(
        f"{right} of {len(rows)} videos are read as they should be: whole ones to the frame, "
        f"times within {_LIMIT_MS} ms of ffprobe's; broken ones with an error that says so\n"
        f"\n{table(_HEAD, [row for _, row in rows])}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
