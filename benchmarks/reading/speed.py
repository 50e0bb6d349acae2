"""Frame rate and memory of the whole program on videos, beside another checkout of it.

The two take turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, included, parser, publish, table
from steadypose.engines.errors import UsageError
from steadypose.realtime.model.places import ROOT

_HEAD = (
    *("video", "before, fps", "now, fps", "now / before", "before, CPU s", "now, CPU s"),
    *("before, MB", "now, MB", "more, MB"),
)


def one_run(checkout: Path, video: Path, *options: str) -> tuple[float, float, float]:
    """Run the program on a video; frames a second, CPU seconds, most resident memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        figures = Path(name) / "figures.json"
        command = [sys.executable, str(checkout / "run.py"), "--source", str(video), "--headless"]
        command += ["--csv", str(Path(name) / "a.csv"), "--benchmark", str(figures), *options]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        if status:
            raise UsageError(
                f"{checkout.name} failed on {video.name}", fix="run it by hand to see why"
            )
        fps: float = json.loads(figures.read_text(encoding="utf-8"))["fps"]
    return fps, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(before: Path, video: Path, rounds: int, options: list[str]) -> list[str]:
    """Measure one video; medians."""
    runs = np.array(
        [[one_run(before, video, *options), one_run(ROOT, video, *options)] for _ in range(rounds)]
    )
    ratio = float(np.median(runs[:, 1, 0] / runs[:, 0, 0]))
    (fps, cpu_s, memory), (now_fps, now_cpu_s, now_memory) = np.median(runs, axis=0)
    return [
        video.name,
        *(f"{fps:.1f}", f"{now_fps:.1f}", f"{ratio:.3f}"),
        *(f"{cpu_s:.1f}", f"{now_cpu_s:.1f}"),
        *(f"{memory:.0f}", f"{now_memory:.0f}", f"{now_memory - memory:+.0f}"),
    ]


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("videos", nargs="+", type=Path, help="to read")
    made.add_argument("--before", type=Path, required=True, help="the other checkout")
    made.add_argument("--rounds", type=int, default=5, help="of each (default: %(default)s)")
    made.add_argument("--persons", default="2", help="as of run.py (default: %(default)s)")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    before = included(arguments.before, "--before")
    options = ["--persons", arguments.persons]
    rows = [
        row(before, included(video, "VIDEO"), arguments.rounds, options)
        for video in arguments.videos
    ]
    publish(
        f"The whole program, headless, with a CSV; medians of {arguments.rounds} rounds in turn\n"
        f"\n{table(_HEAD, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
