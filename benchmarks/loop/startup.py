"""Time from the command to the first annotated frame.

python -m benchmarks.loop.startup
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, output_of, parser, publish, table

RUNS = 9
PROGRAM = """
import sys, time
from steadypose.realtime import cli
from steadypose.realtime.app import loop
deliver = loop.App._deliver
def first(self, result):
    deliver(self, result)
    print("FIRST", time.monotonic(), flush=True)
    loop.App._deliver = deliver
loop.App._deliver = first
sys.exit(cli.main(sys.argv[1:]))
"""


def first_frame(folder: Path) -> float:
    """Seconds from starting the interpreter to the first drawn, recorded frame."""
    video = folder / "first.mp4"
    command = ["-c", PROGRAM, "--source", "demo", "--max-frames", "3"]
    begin = time.monotonic()
    said = output_of(*command, "--save-video", str(video))
    line = next(line for line in said.splitlines() if line.startswith("FIRST"))
    return float(line.split()[1]) - begin


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    return parser(__doc__)


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = [first_frame(Path(folder)) for _ in range(RUNS + 1)][1:]
    low, middle, high = np.percentile(times, (0, 50, 100))
    rows = [("command to first annotated frame, s", f"{middle:.2f}", f"{low:.2f}", f"{high:.2f}")]
    publish(
        f"demo source, {RUNS} runs\n\n{table(('', 'median', 'min', 'max'), rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
