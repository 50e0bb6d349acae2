"""Keypoint accuracy of the app: the demo against its truth, a real clip against its CSV.

    python -m benchmarks.accuracy.app [--video CLIP --truth CSV] [--peer]

``--peer`` also runs MediaPipe Pose "full" over the clip, in an environment of its own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import frames_of, guarded, included, open_network, parser, publish, table
from benchmarks.loop.compared.programs import GROUPS, PACKAGE, prepare_mediapipe, run_mediapipe
from benchmarks.smoothing.clip import measured_keypoints
from steadypose.engines.base import Engine
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.pipeline import Pipeline
from training.measures.metrics import pck, relative_error, torso_px

Floats = NDArray[np.float64]
FEWEST = 20  # labels of a group; fewer are not significant
SUMS = {
    "shoulders, elbows, wrists": range(5, 11),
    "eyes, nose, shoulders, elbows, wrists": (0, 1, 2, *range(5, 11)),
    "12 limb joints": range(5, 17),
}


def follow(engine: Engine, source_text: str) -> tuple[Floats, Floats, int]:
    """Raw and smoothed keypoints of person after person, (F, 17, 2) each, NaN if there is none."""
    pipeline = Pipeline(engine)
    raw, smooth, ids = [], [], set()
    for frame in frames_of(source_text):
        poses = pipeline.process(frame)
        nothing = np.full((17, 2), np.nan)
        raw.append(poses[0].raw_xy.copy() if poses else nothing)
        smooth.append(poses[0].xy.copy() if poses else nothing)
        ids |= {pose.track_id for pose in poses}
    return np.stack(raw), np.stack(smooth), len(ids)


def pck_of(found: Floats, truth: Floats, keypoints: Sequence[int]) -> float:
    """PCK@0.2 of the torso; if the torso is not seen its median is used."""
    is_known = np.isfinite(truth[..., 0])
    torso = torso_px(truth, is_known, COCO17)
    torso = np.where(np.isfinite(torso), torso, np.nanmedian(torso))
    chosen = list(keypoints)
    error = relative_error(found[:, chosen], np.nan_to_num(truth[:, chosen]), torso)
    return pck(error, is_known[:, chosen], 0.2)


def jitter(xy: Floats) -> float:
    """Median second difference of positions, pixels per frame²."""
    return float(np.nanmedian(np.linalg.norm(np.diff(xy, n=2, axis=0), axis=2)))


def typical_error(found: Floats, truth: Floats) -> float:
    """Median distance from the truth, pixels: PCK forgives a fifth of the torso."""
    return float(np.nanmedian(np.linalg.norm(found - truth, axis=2)))


def row_for(name: str, found: Floats, truth: Floats) -> tuple[str, ...]:
    """A table row: PCK of every group, typical error and jitter."""
    labels = np.isfinite(truth[..., 0])
    values = [
        pck_of(found, truth, k) if labels[:, list(k)].sum() >= FEWEST else np.nan
        for k in (*GROUPS.values(), *SUMS.values())
    ]
    shares = ("" if np.isnan(v) else f"{v:.3f}" for v in values)
    return name, *shares, f"{typical_error(found, truth):.2f}", f"{jitter(found):.2f}"


def rows_for(name: str, raw: Floats, smooth: Floats, truth: Floats) -> list[tuple[str, ...]]:
    """A table row for raw and one for smoothed keypoints."""
    return [row_for(f"{name}, raw", raw, truth), row_for(f"{name}, smoothed", smooth, truth)]


def follow_with_mediapipe(clip: Path) -> Floats:
    """(F, 17, 2) of MediaPipe Pose, with its own smoothing."""
    prepare_mediapipe()
    with tempfile.TemporaryDirectory() as folder:
        return np.asarray(run_mediapipe(clip, Path(folder)).keypoints[..., :2], np.float64)


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument(
        "--video", type=Path, metavar="FILE", help="clip to measure in addition to the demo"
    )
    made.add_argument("--truth", type=Path, metavar="CSV", help="its measured keypoints")
    made.add_argument("--peer", action="store_true", help="run MediaPipe over the clip as well")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    cv2.setNumThreads(1)
    engine = open_network()
    notes = []
    raw, smooth, ids = follow(engine, "demo")
    scene = DemoScene()
    truth = np.stack([scene.truth(i)[0] for i in range(len(raw))])
    rows = rows_for("demo", raw, smooth, truth)
    notes.append(f"demo: {len(raw)} frames, {ids} id(s)")
    if arguments.video is not None and arguments.truth is not None:
        clip = included(arguments.video, "--video")
        truth = measured_keypoints(included(arguments.truth, "--truth"))
        raw, smooth, ids = follow(engine, str(clip))
        rows += rows_for(clip.stem, raw, smooth, truth)
        if arguments.peer:
            found = follow_with_mediapipe(clip)
            rows.append(row_for(f"{clip.stem}, {PACKAGE.replace('==', ' ')} full", found, truth))
        notes.append(f"{clip.name}: {len(raw)} frames, {ids} id(s), against its measured CSV")
    else:
        notes.append("no clip: --video and --truth were not given")
    head = ("PCK@0.2 of the torso", *GROUPS, *SUMS, "error, px", "jitter, px")
    publish(
        f"{engine.spec.name} on {engine.label} ({COCO17.name}); {'; '.join(notes)}; "
        f"error: median distance; jitter: median second difference\n\n"
        f"{table(head, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
