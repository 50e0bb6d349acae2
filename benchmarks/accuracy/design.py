"""Cost and benefit of design choices: depth, width, crop size and decoder.

    python -m benchmarks.accuracy.design --weights models/NAME.onnx [OLDER.pt ...] --data PACKS

Times are of random weights of each design, run in turn through the default backend, so that
a noisy machine affects all equally. Accuracy is measured if trained weights exist: those
named, with their own crop size and others, and with every decoder.
"""

from __future__ import annotations

from steadypose.realtime.command.parser import require

if __name__ == "__main__":
    require("torch", "onnx", "onnxscript", "onnxruntime", requirements="requirements-train.txt")

import argparse
import contextlib
import io
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import guarded, p50_p95, parser, publish, table
from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.export.export_onnx import main as export_main
from steadypose.export.models.pose_resnet import PoseResNet
from steadypose.export.weights.recipe import find_recipe
from steadypose.realtime.model.places import ROOT
from training.config import load_config
from training.datasets import open_dataset
from training.measures.measure import measure

ROUNDS, CALLS = 8, 25
# Depth, filters of each deconvolution, crop.
DESIGNS = (
    (18, 128, "128x96"),
    (18, 128, "192x160"),
    (18, 128, "256x192"),
    (18, 64, "192x160"),
    (18, 256, "192x160"),
    (34, 128, "192x160"),
    (50, 128, "192x160"),
    (50, 256, "256x192"),
)
DECODERS = ("dark", "quarter", "none")


@dataclass
class Design:
    """A network, timed."""

    name: str
    megabytes: float
    engine: Engine
    seconds: list[float] = field(default_factory=list)

    def run(self, crop: np.ndarray) -> None:
        """Time one call."""
        begin = time.perf_counter()
        self.engine.infer(crop)
        self.seconds.append(time.perf_counter() - begin)


def exported(weights: Path, output: Path, *more: str) -> Engine:
    """Export weights and open the file on the default backend."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = export_main(["--weights", str(weights), "--output", str(output), *more])
    if code:
        raise EngineError(f"exporting {weights.name} failed", fix="run export_onnx.py on it")
    options = EngineOptions(threads=default_threads())
    return open_engine(output, backend="auto", options=options).engine


def design(depth: int, filters: int, crop: str, folder: Path) -> Design:
    """A network with random weights."""
    torch.manual_seed(0)
    deconv = (filters,) * 3
    network = PoseResNet(depth, keypoints=17, deconv_filters=deconv, final_kernel=1)
    weights, output = folder / "w.pt", folder / f"{depth}_{filters}_{crop}.onnx"
    torch.save(network.state_dict(), weights)
    text = ",".join(map(str, deconv))
    engine = exported(
        weights, output, "--network", f"pose_resnet{depth}", "--convention", "steadypose",
        "--deconv", text, "--input", crop, "--check-crops", "1",
    )  # fmt: skip
    name = f"PoseResNet-{depth}, 3x{filters}, {crop}"
    return Design(name, output.stat().st_size / 1e6, engine)


def accuracy(weights: list[Path], data: Path, folder: Path) -> str:
    """PCK of trained weights with other crops and decoders."""
    config = load_config(ROOT / "training" / "configs" / "default.toml")
    dataset = open_dataset(config.validate[0], root=data)
    rows = []
    for path in weights:
        origin = find_recipe(path)
        if origin is None:
            continue
        own = "{}x{}".format(*origin.recipe.input_hw)
        crops = dict.fromkeys((own, "128x96", "192x160", "256x192"))
        variants = [(crop, "dark", False) for crop in crops]
        variants += [(own, decoder, False) for decoder in DECODERS[1:]] + [(own, "dark", True)]
        for crop, decoder, is_flipped in variants:
            output = folder / f"{path.stem}_{crop}_{decoder}_{is_flipped}.onnx"
            flip = ("--flip-test",) if is_flipped else ()
            engine = exported(path, output, "--input", crop, "--refine", decoder, *flip)
            found = measure(engine, dataset)
            engine.close()
            note = " (as trained)" if crop == own and decoder == "dark" and not is_flipped else ""
            label = f"{path.stem}: {crop}, {decoder}{', flip test' if is_flipped else ''}{note}"
            rows.append((label, f"{found.pck(0.2):.4f}", f"{found.pck(0.5):.4f}"))
    return table(("weights, crop, decoder", "PCK@0.2", "PCK@0.5"), rows)


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--weights", type=Path, nargs="*", default=[])
    made.add_argument("--data", type=Path, help="folder of the packs; without it only times")
    return made


def main() -> None:
    """Time every design in turn, then measure the trained weights."""
    arguments = build_parser().parse_args()
    rng = np.random.default_rng(0)
    parts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        designs = [design(*made, folder) for made in DESIGNS]
        crops = [rng.integers(0, 256, (1, *d.engine.spec.input_hw, 3), np.uint8) for d in designs]
        for _ in range(ROUNDS):
            for d, crop in zip(designs, crops, strict=True):
                for _ in range(CALLS):
                    d.run(crop)
        first = float(np.median(designs[0].seconds))
        rows = [
            (d.name, f"{d.megabytes:.1f}", p50_p95(d.seconds),
             f"{float(np.median(d.seconds)) / first:.2f}")
            for d in designs
        ]  # fmt: skip
        head = (
            "network (depth, deconvolutions, crop)",
            "file, MB",
            "ms a crop, p50 / p95",
            "ratio",
        )
        label = designs[0].engine.label
        for d in designs:
            d.engine.close()
        parts.append(f"{label}\n\n{table(head, rows)}")
        if arguments.weights and arguments.data is not None:
            parts.append(accuracy(arguments.weights, arguments.data, folder))
    publish("\n\n".join(parts), arguments.output)


if __name__ == "__main__":
    guarded(main)
