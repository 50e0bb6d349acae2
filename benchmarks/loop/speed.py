"""Speed of whole programs on one clip, on this processor and limited to AVX2.

    python -m benchmarks.loop.speed --video CLIP [--rounds 3]

Most laptops have AVX2 and nothing newer. On Linux, Intel processors can be made to report this to
every program (``avx2_only``), which also limits MediaPipe; elsewhere only steadypose is limited.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, included, parser, publish, table
from benchmarks.loop.compared.avx2_only import avx2_only
from benchmarks.loop.compared.programs import Run, prepare_mediapipe, run_mediapipe, run_ours
from steadypose.engines.options import default_threads
from steadypose.realtime.command.options.parser import Number
from steadypose.realtime.model.places import DEFAULT_QUALITY, QUALITIES
from steadypose.realtime.model.threads import threads_of


@dataclass(frozen=True, slots=True)
class Row:
    """One way to run the app.

    Attributes:
        quality: A name of ``steadypose.realtime.model.places.QUALITIES``.
        threads: CPU threads of the network.
        is_avx2: Run as on a processor with AVX2 alone.
        runs: One per round.
    """

    quality: str
    threads: int
    is_avx2: bool
    runs: list[Run] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For the table."""
        default = " (default)" if self.quality == DEFAULT_QUALITY else ""
        own = " (its default)" if self.threads == self._own_threads else ""
        return f"{self.quality}{default}, {self.threads} thread{'s' * (self.threads > 1)}{own}"

    @property
    def _own_threads(self) -> int:
        return min(2, threads_of(QUALITIES[self.quality]))

    def run(self, clip: Path, folder: Path) -> None:
        """Run the app once."""
        options = ["--quality", self.quality, "--threads", str(self.threads)]
        options += ["--precision", "fp32"] if self.is_avx2 else []
        environment = avx2_only()[0] if self.is_avx2 else None
        self.runs.append(run_ours(clip, folder, options=options, environment=environment))


def cells(row: Row, peers: list[Run]) -> tuple[str, ...]:
    """A table row: medians over the rounds, and ratios to MediaPipe round by round."""
    fps = [run.fps for run in row.runs]
    rate = [run.fps / peer.fps for run, peer in zip(row.runs, peers, strict=True)]
    work = [run.loop_cpu_ms / peer.loop_cpu_ms for run, peer in zip(row.runs, peers, strict=True)]
    return (
        row.name,
        "AVX2 fp32" if row.is_avx2 else row.runs[0].engine.split(" on ")[1].split(",")[0],
        f"{np.median(fps):.1f}",
        f"{np.median([run.call_ms for run in row.runs]):.2f}",
        f"{np.median([run.loop_cpu_ms for run in row.runs]):.1f}",
        f"{np.median(rate):.2f} ({min(rate):.2f} to {max(rate):.2f})",
        f"{np.median(work):.2f} ({min(work):.2f} to {max(work):.2f})",
    )


def peer_cells(runs: list[Run], *, is_avx2: bool) -> tuple[str, ...]:
    """MediaPipe's own row."""
    return (
        "MediaPipe Pose full",
        "AVX2" if is_avx2 else "native",
        f"{np.median([run.fps for run in runs]):.1f}",
        f"{np.median([run.call_ms for run in runs]):.2f} (1)",
        f"{np.median([run.loop_cpu_ms for run in runs]):.1f}",
        "1",
        "1",
    )


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--video", type=Path, required=True, metavar="FILE", help="clip")
    made.add_argument("--rounds", type=Number(1, 100), default=3, metavar="N")
    return made


def main() -> None:
    """Alternate all rows with MediaPipe, then print and save the table."""
    arguments = build_parser().parse_args()
    clip = included(arguments.video, "--video").resolve()
    prepare_mediapipe()
    threads = sorted({1, min(2, default_threads())}, reverse=True)
    rows = [Row(q, n, isa) for isa in (True, False) for q in QUALITIES for n in threads]
    holds_all = avx2_only()[1]
    natively: list[Run] = []
    # If it cannot be limited, one list of its runs is compared with both halves.
    peers = {True: [] if holds_all else natively, False: natively}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            natively.append(run_mediapipe(clip, Path(folder)))
            if holds_all:
                held = run_mediapipe(clip, Path(folder), environment=avx2_only()[0])
                peers[True].append(held)
            for row in rows:
                row.run(clip, Path(folder))
    head = ("program, --quality, --threads", "processor as", "fps", "network, ms p50",
            "CPU ms a frame", "fps / MediaPipe", "CPU a frame / MediaPipe")  # fmt: skip
    lines = []
    for is_avx2, runs in peers.items():
        lines += [cells(row, runs) for row in rows if row.is_avx2 == is_avx2]
        if holds_all or not is_avx2:
            lines.append(peer_cells(runs, is_avx2=is_avx2))
    first = natively[0]
    publish(
        "\n".join(
            (
                f"clip {clip.name}, {first.frames} frames; {arguments.rounds} alternating "
                "rounds, medians (smallest to largest); decoding and CSV counted, the start not  ",
                f"peer: {first.engine}",
                "",
                table(head, lines),
                "",
                "(1) `process()`, which also crops and smooths.",
            )
        ),
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
