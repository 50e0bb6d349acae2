"""steadypose beside MediaPipe Pose on one clip: speed, CPU and agreement. Linux and macOS.

``python -m benchmarks.loop.peers CLIP [--rounds 3] [--output FILE.md]``

Agreement is not accuracy: neither of the two is the truth.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import provenance
from benchmarks.loop.programs import Run, prepare_mediapipe, run_mediapipe, run_ours
from steadypose.engines.errors import SourceError, SteadyposeError
from steadypose.engines.file_io import check_writable, write_error
from steadypose.realtime.command.options import whole
from steadypose.realtime.command.parser import Parser

GROUPS = {
    "face": slice(0, 5),
    "shoulders": slice(5, 7),
    "elbows": slice(7, 9),
    "wrists": slice(9, 11),
    "hips": slice(11, 13),
    "knees": slice(13, 15),
    "ankles": slice(15, 17),
    "all": slice(0, 17),
}
MIN_SCORE, MIN_VISIBILITY, NEAR = 0.2, 0.5, 0.2
NOTES = f"""(1) steadypose: the network alone. MediaPipe: `process()`, which also crops and smooths.
(2) User and system, all threads. The start (imports, loading the model) is in the first row of
both and in the second of neither; the shorter the clip, the more it counts.
Seen: our score >= {MIN_SCORE}, MediaPipe's visibility >= {MIN_VISIBILITY}; shares of all frames.
Distances, between our raw keypoints and MediaPipe's smoothed landmarks where both see them, are
fractions of the torso (MediaPipe's mean shoulder to hip). Agreement, not accuracy.
"""


def agreement(pairs: Sequence[tuple[Run, Run]]) -> list[str]:
    """Rows of a Markdown table: how far apart the two place each group of keypoints."""
    n = min(len(run.keypoints) for pair in pairs for run in pair)
    ours = np.concatenate([run.keypoints[:n] for run, _ in pairs])
    theirs = np.concatenate([run.keypoints[:n] for _, run in pairs])
    torso = np.linalg.norm((theirs[:, 5:7] - theirs[:, 11:13])[..., :2], axis=2).mean(axis=1)
    distance = np.linalg.norm((ours - theirs)[..., :2], axis=2) / torso[:, None]
    seen = ours[..., 2] >= MIN_SCORE, theirs[..., 2] >= MIN_VISIBILITY
    lines = [
        f"| keypoints | steadypose sees | MediaPipe sees | both | median | p95 | within {NEAR} |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    a, b = (mask.any(axis=1) for mask in seen)
    lines.append(f"| any | {a.mean():.1%} | {b.mean():.1%} | {(a & b).mean():.1%} | | | |")
    for name, members in GROUPS.items():
        a, b = (mask[:, members] for mask in seen)
        far = distance[:, members][a & b]
        figures = "… | … | …"
        if far.size:
            median, p95 = np.percentile(far, (50, 95))
            figures = f"{median:.3f} | {p95:.3f} | {(far <= NEAR).mean():.1%}"
        shares = f"{a.mean():.1%} | {b.mean():.1%} | {(a & b).mean():.1%}"
        lines.append(f"| {name} | {shares} | {figures} |")
    return lines


def report(clip: Path, pairs: Sequence[tuple[Run, Run]]) -> str:
    """The whole comparison as Markdown."""
    ours, theirs = pairs[0]
    rows = (
        ("frames", "frames", ".0f"),
        ("fps, loop with decoding", "fps", ".1f"),
        ("call, ms p50 (1)", "call_ms", ".2f"),
        ("CPU ms a frame, whole program with its start (2)", "cpu_ms", ".1f"),
        ("CPU ms a frame, loop alone (2)", "loop_cpu_ms", ".1f"),
    )
    lines = [
        f"clip {clip.name}; {len(pairs)} alternating rounds, median (min to max)  ",
        f"{provenance()}  ",
        f"steadypose: {ours.engine}; peer: {theirs.engine}",
        "",
        "| | steadypose | MediaPipe Pose |",
        "|---|---:|---:|",
    ]
    for title, name, form in rows:
        cells = [_spread([getattr(pair[side], name) for pair in pairs], form) for side in (0, 1)]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    ratios = [a.fps / b.fps for a, b in pairs]
    by_round = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    lines += [
        "",
        f"frame rate, steadypose / MediaPipe: {_spread(ratios, '.2f')}; by round {by_round}",
        "",
        *agreement(pairs),
        "",
        NOTES,
    ]
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    if np.isnan(values).any():
        return "…"
    low, high = min(values), max(values)
    return f"{np.median(values):{form}} ({low:{form}} to {high:{form}})"


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print, keep; returns the exit code."""
    parser = Parser(prog="-m benchmarks.loop.peers", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="video file")
    rounds_help = "runs of each program (default: %(default)s)"
    parser.add_argument("--rounds", type=whole(1, 100), default=3, metavar="N", help=rounds_help)
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="also write the tables")
    try:
        arguments = parser.parse_args(argv)
        _compare(arguments.clip.resolve(), arguments.rounds, arguments.output)
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _compare(clip: Path, rounds: int, output: Path | None) -> None:
    if not clip.is_file():
        raise SourceError(f"{clip} is not a file", fix="name a video file that exists")
    if output is not None:
        check_writable(output, "--output")
    prepare_mediapipe()
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            pairs.append((run_ours(clip, Path(folder)), run_mediapipe(clip, Path(folder))))
            print(f"round {number} of {rounds} done", file=sys.stderr)
    text = report(clip, pairs)
    print(text)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise write_error(output, error) from error


if __name__ == "__main__":
    sys.exit(main())
