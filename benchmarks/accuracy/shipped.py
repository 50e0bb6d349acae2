"""Accuracy on held-out people, time and size of every shipped network.

    python -m benchmarks.accuracy.shipped --data PACKS [MODEL.onnx ...]

Boxes are the labelled ones. The 300 everyday pictures (training/configs/people_held_out.txt) were
left out of training with all other pictures of their sources; their labels are MoveNet Thunder's in
two passes, so they measure how close a network comes to it. LSPET 9001 to 9500 was labelled by
people. ``--wheel`` adds a man seen by four cameras at once (benchmarks/accuracy/four_cameras.py).
Further model files, such as the published weights, get a row each. Times are of one thread and
one crop: as on a processor with AVX2 alone (``avx2_only``, float32), and as this one does it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.four_cameras import FourCameras
from benchmarks.common import guarded, included, output_of, parser, publish, table
from benchmarks.loop.compared.avx2_only import avx2_only
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.model.places import POSE_RESNET, QUALITIES
from steadypose.realtime.tracking.association import oks_matrix
from training.datasets.pack import HELD_OUT, PackDataset
from training.examples.sample import PoseDataset
from training.measures.measure import Found, measure
from training.measures.metrics import pck

_THRESHOLDS = np.arange(0.5, 0.96, 0.05)
_BODY_SHARE = 0.53  # COCO's segment area as a share of the box, about
_CALLS = """
import sys, time
import numpy as np
from pathlib import Path
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
path, precision = sys.argv[1:]
engine = open_engine(Path(path), backend="openvino", options=EngineOptions(precision, 1)).engine
crops = np.random.default_rng(0).integers(0, 256, (1, *engine.spec.input_hw, 3), np.uint8)
took = []
for _ in range(60):
    begin = time.perf_counter()
    engine.infer(crops)
    took.append(time.perf_counter() - begin)
print(1e3 * min(took))
"""


def call_ms(model: Path, precision: str, variables: Mapping[str, str]) -> float:
    """Fastest of 60 calls with one crop on one thread, in a process of its own."""
    said = output_of("-c", _CALLS, str(model), precision, variables=variables)
    return float(said.split()[-1])


def matched(found: Found) -> float:
    """Mean over COCO's thresholds of the share of people whose OKS reaches them."""
    reached = []
    for xy, truth, counted in zip(found.xy, found.truth, found.is_counted, strict=True):
        if counted.sum() < 2:
            continue
        area = _BODY_SHARE * np.ptp(truth[counted], axis=0).prod()
        alike = oks_matrix(
            truth[None].astype(np.float64),
            xy[None],
            counted[None].astype(np.float64),
            np.array([max(1.0, area)]),
            np.array(found.skeleton.sigmas),
        )
        reached.append(alike[0, 0] >= _THRESHOLDS)
    return float(np.mean(reached))


def of_teacher(found: Found) -> Found:
    """Count a teacher's labels as well: these images have no others."""
    is_labelled = found.is_known.sum(axis=1) > 1
    return replace(found, is_counted=found.is_known & is_labelled[:, None])


def figures(found: Found) -> list[str]:
    """PCK at 0.2 and 0.1 over all counted keypoints, and the share matched."""
    error, counted = found.error, found.is_counted & np.isfinite(found.reference_px)[:, None]
    return [f"{pck(error, counted, t):.3f}" for t in (0.2, 0.1)] + [f"{matched(found):.3f}"]


def sets_of(data: Path) -> list[tuple[PoseDataset, bool]]:
    """What was held out from training, and whether a teacher labelled it."""
    return [
        (PackDataset(data / "people.tar", only=HELD_OUT, outside="drop"), True),
        (PackDataset(data / "lspet.tar", first=9001, last=9500, outside="drop"), False),
    ]


def accuracy_of(
    model: Path, sets: Sequence[tuple[PoseDataset, bool]], precision: str = "fp32"
) -> list[str]:
    """Three figures for each set."""
    engine = open_engine(model, backend="openvino", options=EngineOptions(precision, 2)).engine
    cells = []
    try:
        for dataset, is_taught in sets:
            found = measure(engine, dataset)
            cells += figures(of_teacher(found) if is_taught else found)
    finally:
        engine.close()
    return cells


def row_of(model: Path, name: str, sets: Sequence[tuple[PoseDataset, bool]]) -> list[str]:
    """One row of the table."""
    cells = accuracy_of(model, sets)
    times = [call_ms(model, "fp32", avx2_only()[0]), call_ms(model, "auto", {})]
    return [name, *cells, *(f"{ms:.1f}" for ms in times), f"{model.stat().st_size / 1e6:.1f}"]


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="further model files")
    made.add_argument("--data", type=Path, required=True, help="folder of the packs")
    made.add_argument("--wheel", type=Path, metavar="FILE", help="Pose2Sim's, of four_cameras.py")
    return made


def main() -> None:
    """Measure all, print and keep the table."""
    arguments = build_parser().parse_args()
    data = included(arguments.data, "--data")
    sets = sets_of(data)
    names = ["everyday", "LSPET"]
    if arguments.wheel is not None:
        sets.append((FourCameras(included(arguments.wheel, "--wheel")), False))
        names.append("four cameras")
    named = [(path, f"{quality}: {path.stem}") for quality, path in QUALITIES.items()]
    named += [(path, path.stem) for path in (POSE_RESNET, *arguments.models)]
    head = [
        "network",
        *(f"{s} {f}" for s in names for f in ("@0.2", "@0.1", "AP*")),
    ]
    head += ["AVX2 fp32, ms", "native, ms", "MB"]
    rows = [row_of(path, name, sets) for path, name in named]
    text = (
        "300 everyday pictures, labelled by MoveNet Thunder in two passes (the network of best, "
        "which taught fast and balanced); LSPET 9001 to 9500, labelled by people"
        f"{', 64 of four cameras' * (len(names) > 2)}; "
        "boxes given, openvino fp32; PCK of the torso; "
        "AP*: mean over COCO's thresholds of the share of people matched; times: one thread, one "
        "crop, the fastest of 60 calls"
    )
    publish(f"{text}\n\n{table(head, rows)}", arguments.output)


if __name__ == "__main__":
    guarded(main)
