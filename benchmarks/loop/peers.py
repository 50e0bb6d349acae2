"""steadypose beside MediaPipe Pose on one clip: speed, CPU and agreement. Linux and macOS.

``python -m benchmarks.loop.peers CLIP [--rounds 3] [--output FILE.md]``

MediaPipe lives in ``benchmarks/cache/mediapipe-venv``, made on first use; its weights
ship inside its wheel. Agreement is not accuracy: neither of the two is the truth.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.errors import (
    EngineError,
    EngineUnavailableError,
    SourceError,
    SteadyposeError,
)
from steadypose.engines.file_io import check_writable, write_error
from steadypose.engines.skeleton import COCO17
from steadypose.realtime.command.options import integer_between
from steadypose.realtime.command.parser import Parser
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.model.places import ROOT
from training.measures.results import provenance

VENV = ROOT / "benchmarks" / "cache" / "mediapipe-venv"
PACKAGE = "mediapipe==0.10.21"
# MediaPipe's number of each COCO keypoint, in COCO order.
LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
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
# Landmarks are fractions of the picture, edge to edge; ours count from the first pixel's centre.
RUNNER = """
import json, resource, sys, time
import cv2, numpy as np
from mediapipe.python.solutions.pose import Pose

def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

clip, out, order = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
capture = cv2.VideoCapture(clip)
if not capture.isOpened():
    sys.exit("OpenCV cannot open the clip")
with Pose(static_image_mode=False, model_complexity=1) as pose:
    pose.process(np.zeros((360, 640, 3), np.uint8))  # warm-up: nobody there, nothing tracked
    keypoints, process_s, cpu_0, start = [], [], cpu(), time.perf_counter()
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        h, w = frame.shape[:2]
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        begin = time.perf_counter()
        found = pose.process(rgb).pose_landmarks
        process_s.append(time.perf_counter() - begin)
        marks = found and [found.landmark[i] for i in order]
        rows = marks and [[m.x * w - 0.5, m.y * h - 0.5, m.visibility] for m in marks]
        keypoints.append(rows or None)
    seconds, cpu_s = time.perf_counter() - start, cpu() - cpu_0
json.dump({"frames": len(keypoints), "seconds": seconds, "process_s": process_s, "cpu_s": cpu_s,
           "keypoints": keypoints}, open(out, "w"))
"""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One program, once over the clip.

    Attributes:
        frames: How many it did.
        fps: Frames a second of the loop, decoding included.
        call_ms: Median time of the network's call a frame.
        cpu_ms: CPU time (user and system) a frame of the whole process, start included.
        loop_cpu_ms: The same of the loop alone, NaN where not measured.
        keypoints: (n, 17, 3) x, y in frame pixels and score or visibility; NaN where unseen.
        engine: What ran.
    """

    frames: int
    fps: float
    call_ms: float
    cpu_ms: float
    loop_cpu_ms: float
    keypoints: FloatArray
    engine: str


def run_ours(
    clip: Path,
    folder: Path,
    *,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run the app as users do, with a CSV.

    Args:
        clip: Video file.
        folder: For what it writes.
        options: Beside its defaults.
        environment: Variables set for it.
    """
    table, figures_file = folder / "ours.csv", folder / "ours.json"
    command = [sys.executable, str(ROOT / "run.py"), "--source", str(clip), "--headless"]
    command += ["--csv", str(table), "--csv-layout", "long", "--benchmark", str(figures_file)]
    command += options
    alone = f"see why with: python run.py --source {clip} --headless"
    cpu_s = _cpu_s_of("steadypose", command, fix=alone, environment=environment)
    figures: dict[str, Any] = json.loads(figures_file.read_text())
    frames = _check_frames(figures["frames"], clip)
    keypoints = np.full((frames, len(COCO17), 3), np.nan)
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["raw_x"]:
                values = float(row["raw_x"]), float(row["raw_y"]), float(row["score"])
                keypoints[int(row["frame"]), COCO17.index(row["keypoint"])] = values
    return Run(
        frames=frames,
        fps=figures["fps"],
        call_ms=figures["engine_ms_p50"],
        cpu_ms=1e3 * cpu_s / frames,
        loop_cpu_ms=figures["cpu_ms_per_frame"],
        keypoints=keypoints,
        engine=f"{figures['model']} on {figures['engine']}",
    )


def run_mediapipe(clip: Path, folder: Path, *, environment: Mapping[str, str] | None = None) -> Run:
    """Run MediaPipe Pose "full" in its own environment, tracking, with its defaults."""
    out = folder / "mediapipe.json"
    command = [str(VENV / "bin" / "python"), "-I", "-c", RUNNER, str(clip), str(out)]
    command.append(json.dumps(LANDMARKS))
    again = f"try another clip, or reinstall: rm -r {VENV}"
    cpu_s = _cpu_s_of("MediaPipe", command, fix=again, environment=environment)
    found: dict[str, Any] = json.loads(out.read_text())
    frames = _check_frames(found["frames"], clip)
    unseen = [[np.nan] * 3] * len(LANDMARKS)
    keypoints = np.array([unseen if rows is None else rows for rows in found["keypoints"]])
    return Run(
        frames=frames,
        fps=frames / found["seconds"],
        call_ms=1e3 * float(np.median(found["process_s"])),
        cpu_ms=1e3 * cpu_s / frames,
        loop_cpu_ms=1e3 * found["cpu_s"] / frames,
        keypoints=keypoints,
        engine=f"{PACKAGE.replace('==', ' ')}, full, CPU",
    )


def prepare_mediapipe() -> None:
    """Make MediaPipe's environment unless it is complete.

    Raises:
        EngineUnavailableError: No fitting Python, or the installation failed.
    """
    is_complete = VENV / "complete"
    if is_complete.exists() and is_complete.read_text() == PACKAGE:
        return
    python = _find_python()
    print(f"installing {PACKAGE} into {VENV} (once)", file=sys.stderr)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", PACKAGE]
    for command in ([python, "-m", "venv", "--clear", str(VENV)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineUnavailableError(
                f"{PACKAGE} cannot be installed: {_last_line(done.stderr or done.stdout)}",
                fix=f"see why with: {' '.join(command)}",
            )
    is_complete.write_text(PACKAGE)


def _find_python() -> str:
    ask = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))"
    for name in (sys.executable, "python3.11", "python3.12", "python3.10"):
        # A pyenv shim is on the PATH even where its Python is not switched on.
        path = shutil.which(name)
        if path is None:
            continue
        if subprocess.run([path, "-c", ask], capture_output=True, check=False).returncode == 0:
            return path
    raise EngineUnavailableError(
        f"{PACKAGE} needs Python 3.10 to 3.12, and none is on the PATH",
        fix="install Python 3.11 so that python3.11 starts it",
    )


def _cpu_s_of(
    name: str, command: Sequence[str], *, fix: str, environment: Mapping[str, str] | None = None
) -> float:
    """Run a program to its end; its CPU seconds, user and system, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        reason = _last_line(done.stderr, "error:").removeprefix("error: ")
        raise EngineError(f"{name} exited with code {done.returncode}: {reason}", fix=fix)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _last_line(text: str, start: str = "") -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()] or ["no message"]
    return next((line for line in reversed(lines) if line.strip().startswith(start)), lines[-1])


def _check_frames(frames: int, clip: Path) -> int:
    if frames == 0:
        raise SourceError(f"{clip} has no frame", fix="name a video file with a person in it")
    return frames


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
    parser.add_argument(
        "--rounds", type=integer_between(1, 100), default=3, metavar="N", help=rounds_help
    )
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
