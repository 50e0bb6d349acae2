"""Run steadypose or MediaPipe Pose once over a clip (Linux and macOS).

MediaPipe lives in ``benchmarks/cache/mediapipe-venv``, made on first use; its weights
ship inside its wheel.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.errors import EngineError, EngineUnavailableError, SourceError
from steadypose.engines.foreign.private import private_folder
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.model.places import ROOT

VENV = ROOT / "benchmarks" / "cache" / "mediapipe-venv"
PACKAGE = "mediapipe==0.10.21"
# MediaPipe's number of each COCO keypoint, in COCO order.
LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
GROUPS = {
    "face": range(5),
    "shoulders": (5, 6),
    "elbows": (7, 8),
    "wrists": (9, 10),
    "hips": (11, 12),
    "knees": (13, 14),
    "ankles": (15, 16),
}
"""COCO's keypoints by part of the body."""

# Landmarks are fractions of the frame, edge to edge; ours count from the first pixel's centre.
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
    """Measurements of one program over the clip.

    Attributes:
        frames: Number of frames processed.
        fps: Frames a second of the loop, decoding included.
        call_ms: Median time of the network's call a frame.
        cpu_ms: CPU time (user and system) a frame of the whole process, start included.
        loop_cpu_ms: The same of the loop alone, NaN where not measured.
        keypoints: (n, 17, 3) x, y in frame pixels and score or visibility; NaN where unseen.
        engine: Description of the engine.
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
        folder: Folder for its output.
        options: Options in addition to its defaults.
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
    private_folder(VENV.parent)
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
        # A pyenv shim is on the PATH even if its Python is not active.
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
    """Run a program; returns its CPU seconds, user and system, start included."""
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
