"""Compare the shipped model with MediaPipe Pose on labelled images, LSPET 9001 to 9500.

    python -m benchmarks.accuracy.lspet --data PACKS

Both see the same images (one athlete each, cut out with a margin). Ours gets the labelled
box; MediaPipe detects the person itself in each image, with its default threshold and with a
low one, since every image contains a person; undetected people count as wrong. Labels were made
by people and have errors. Ours was trained on images 1 to 9000 of the same set, MediaPipe on
others: this measures the default on this set, not which network is better in general.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import require

if __name__ == "__main__":
    require("torch", requirements="requirements-train.txt")

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.app import SUMS
from benchmarks.common import guarded, included, open_network, parser, publish, table
from benchmarks.loop.compared.programs import GROUPS as BODY_GROUPS
from benchmarks.loop.compared.programs import LANDMARKS, PACKAGE, VENV, prepare_mediapipe
from steadypose.engines.errors import EngineError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.model.places import DEFAULT_MODEL, ROOT
from training.config import load_config
from training.datasets import open_dataset
from training.examples.sample import PoseDataset
from training.measures.measure import Found, measure
from training.measures.metrics import pck, relative_error

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
THRESHOLDS = (0.5, 0.1)  # MediaPipe's own, and a low one
LIMBS = "12 limb joints"
GROUPS = {name: k for name, k in BODY_GROUPS.items() if name != "face"} | {LIMBS: SUMS[LIMBS]}
RUNNER = """
import json, sys
import cv2
from mediapipe.python.solutions.pose import Pose

order, found = json.loads(sys.argv[3]), []
sure = float(sys.argv[4])
with Pose(static_image_mode=True, model_complexity=1, min_detection_confidence=sure) as pose:
    for name in json.loads(sys.argv[2]):
        image = cv2.imread(sys.argv[1] + "/" + name)
        h, w = image.shape[:2]
        marks = pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks
        rows = marks and [marks.landmark[i] for i in order]
        found.append(rows and [[m.x * w - 0.5, m.y * h - 0.5] for m in rows])
json.dump(found, open(sys.argv[1] + "/found.json", "w"))
"""


def find_with_mediapipe(dataset: PoseDataset, rows: Ints, *, least: float) -> Floats:
    """(N, 17, 2) image pixels; NaN if no person was found.

    Args:
        dataset: Pictures.
        rows: (N,) rows of the data set.
        least: MediaPipe's detection threshold.

    Raises:
        EngineError: MediaPipe failed.
    """
    prepare_mediapipe()
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for row in rows:
            names.append(f"{row}.png")
            data = cv2.imencode(".png", dataset.sample(int(row)).image_bgr)[1]
            Path(f"{folder}/{row}.png").write_bytes(data.tobytes())
        command = [str(VENV / "bin" / "python"), "-I", "-c", RUNNER, folder]
        command += [json.dumps(names), json.dumps(LANDMARKS), str(least)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError(
                f"MediaPipe exited with code {done.returncode}: {done.stderr.strip()[-200:]}",
                fix=f"reinstall it: rm -r {VENV}",
            )
        answers = json.loads((Path(folder) / "found.json").read_text())
    not_found = [[np.nan] * 2] * len(COCO17)
    return np.array([not_found if found is None else found for found in answers])


def row_of(name: str, found: Found, xy: Floats) -> tuple[str, ...]:
    """A table row: PCK@0.2 of every group, and PCK@0.5 of all."""
    error = relative_error(xy, found.truth, found.reference_px)
    fine = [pck(error[:, list(k)], found.is_counted[:, list(k)], 0.2) for k in GROUPS.values()]
    limbs = list(GROUPS[LIMBS])
    coarse = pck(error[:, limbs], found.is_counted[:, limbs], 0.5)
    return name, *(f"{value:.3f}" for value in (*fine, coarse))


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, help="folder of the packs")
    made.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    included(arguments.data, "--data")
    config = load_config(ROOT / "training" / "configs" / "default.toml")
    dataset = open_dataset(config.validate[0], root=arguments.data)
    engine = open_network(arguments.model)
    found = measure(engine, dataset)
    flipped = measure(engine, dataset, is_flip_tested=True)
    peer = f"{PACKAGE.replace('==', ' ')} full"
    theirs = {}
    for least in THRESHOLDS:
        xy = find_with_mediapipe(dataset, found.rows, least=least)
        missed = int(np.isnan(xy).any(axis=(1, 2)).sum())
        theirs[f"{peer}, detection from {least} on: {missed} not found"] = xy
    ours = f"{engine.spec.name} on {engine.label}"
    rows = [
        row_of(ours, found, found.xy),
        row_of("· with a flip test", found, flipped.xy),
        *(row_of(name, found, xy) for name, xy in theirs.items()),
    ]
    head = ("PCK@0.2 of the torso", *GROUPS, f"{LIMBS} at 0.5")
    publish(
        f"LSPET 9001 to 9500: {len(found.rows)} people\n\n{table(head, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
