"""Compare steadypose with MediaPipe Pose on one clip: speed, CPU, agreement (Linux, macOS).

``python -m benchmarks.loop.peers --video CLIP [--rounds 3] [--output FILE.md]``

Agreement is not accuracy: neither of the two is ground truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, included, parser, publish, table
from benchmarks.loop.compared.programs import GROUPS as BODY_GROUPS
from benchmarks.loop.compared.programs import Run, prepare_mediapipe, run_mediapipe, run_ours
from steadypose.engines.file_io import check_writable
from steadypose.realtime.command.options.parser import Number

GROUPS = {**BODY_GROUPS, "all": range(17)}
MIN_SCORE, MIN_VISIBILITY, NEAR = 0.2, 0.5, 0.2
NOTES = f"""(1) steadypose: the network alone. MediaPipe: `process()`, which also crops and smooths.
(2) User and system, all threads. The start (imports, loading the model) is in the first row of
both and in the second of neither; the shorter the clip, the more it counts.
Seen: our score >= {MIN_SCORE}, MediaPipe's visibility >= {MIN_VISIBILITY}; shares of all frames.
Distances, between our raw keypoints and MediaPipe's smoothed landmarks where both see them, are
fractions of the torso (MediaPipe's mean shoulder to hip). Agreement, not accuracy.
"""


def agreement(pairs: Sequence[tuple[Run, Run]]) -> str:
    """A Markdown table: distances between the two by group of keypoints."""
    n = min(len(run.keypoints) for pair in pairs for run in pair)
    ours = np.concatenate([run.keypoints[:n] for run, _ in pairs])
    theirs = np.concatenate([run.keypoints[:n] for _, run in pairs])
    torso = np.linalg.norm((theirs[:, 5:7] - theirs[:, 11:13])[..., :2], axis=2).mean(axis=1)
    distance = np.linalg.norm((ours - theirs)[..., :2], axis=2) / torso[:, None]
    seen = ours[..., 2] >= MIN_SCORE, theirs[..., 2] >= MIN_VISIBILITY
    a, b = (mask.any(axis=1) for mask in seen)
    rows: list[tuple[str, ...]] = [
        ("any", f"{a.mean():.1%}", f"{b.mean():.1%}", f"{(a & b).mean():.1%}", "", "", "")
    ]
    for name, members in GROUPS.items():
        a, b = (mask[:, members] for mask in seen)
        far = distance[:, members][a & b]
        figures = ["…"] * 3
        if far.size:
            median, p95 = np.percentile(far, (50, 95))
            figures = [f"{median:.3f}", f"{p95:.3f}", f"{(far <= NEAR).mean():.1%}"]
        rows.append((name, *(f"{mask.mean():.1%}" for mask in (a, b, a & b)), *figures))
    head = ("keypoints", "steadypose sees", "MediaPipe sees", "both", "median", "p95")
    return table((*head, f"within {NEAR}"), rows)


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
        f"steadypose: {ours.engine}; peer: {theirs.engine}",
        "",
    ]
    cells = [
        (title, *(_spread([getattr(pair[side], name) for pair in pairs], form) for side in (0, 1)))
        for title, name, form in rows
    ]
    ratios = [a.fps / b.fps for a, b in pairs]
    by_round = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    lines += [
        table(("", "steadypose", "MediaPipe Pose"), cells),
        "",
        f"frame rate, steadypose / MediaPipe: {_spread(ratios, '.2f')}; by round {by_round}",
        "",
        agreement(pairs),
        "",
        NOTES,
    ]
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    if np.isnan(values).any():
        return "…"
    low, high = min(values), max(values)
    return f"{np.median(values):{form}} ({low:{form}} to {high:{form}})"


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--video", type=Path, required=True, metavar="FILE", help="clip")
    rounds_help = "runs of each program (default: %(default)s)"
    made.add_argument("--rounds", type=Number(1, 100), default=3, metavar="N", help=rounds_help)
    return made


def main() -> None:
    """Compare and print."""
    arguments = build_parser().parse_args()
    clip = included(arguments.video, "--video").resolve()
    if arguments.output is not None:
        check_writable(arguments.output, "--output")
    prepare_mediapipe()
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, arguments.rounds + 1):
            pairs.append((run_ours(clip, Path(folder)), run_mediapipe(clip, Path(folder))))
            print(f"round {number} of {arguments.rounds} done", file=sys.stderr)
    publish(report(clip, pairs), arguments.output)


if __name__ == "__main__":
    guarded(main)
