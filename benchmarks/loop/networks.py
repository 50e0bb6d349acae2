"""Compare all networks: cost, speed on this machine, and engine builds.

    python -m benchmarks.loop.networks [--only NAME ...]

Weights are random (seeded): times and sizes do not depend on them, accuracies are the published
ones. Each network alternates with PoseResNet-50, so that a noisy machine affects both, and the loop
runs it on the demo. Engines are built by TensorRT for RTX, which needs no GPU for that.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import require

if __name__ == "__main__":
    require("torch", "onnx", "onnxscript", "onnxruntime", requirements="requirements-train.txt")

import argparse
import contextlib
import importlib
import importlib.util
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import guarded, parser, publish, table
from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.export.build_trt import main as build_main
from steadypose.export.export_onnx import main as export_main
from steadypose.export.models.registry import NETWORKS, make_network
from steadypose.export.weights.building import build_model
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.recipe import Recipe
from steadypose.export.weights.stored import store_half
from steadypose.realtime.cli import main as run_main
from steadypose.realtime.model.zoo import MODELS

REFERENCE = "pose_resnet50"
BACKENDS = ("openvino", "onnxruntime")
BUDGET_S = 4.0
# Crops of the published weights, else of the paper.
CROPS = {"hourglass52": (256, 256), "tompson": (256, 256)} | {
    f"hourglass{stacks}": (256, 256) for stacks in (1, 2, 8)
}
# Sun et al. 2019, arXiv:1902.09212, tables 1 (COCO val2017) and 4 (MPII test).
OTHERS_SAY = {"hourglass8": "PCKh 90.9 (2)", "cpn50": "AP 0.686 (2)"}
WORST_PX = 1e-3
HEAD = (
    "network", "paper", "crop", "parameters, M", "GMACs", "file, MB",
    *(f"{backend}: ms, ratio" for backend in BACKENDS),
    "torch - ORT, px", "RTX fp32 / fp16", "demo loop", "published",
)  # fmt: skip


def lively(network: nn.Module, *, seed: int) -> nn.Module:
    """Random weights that keep the signal's variance at any depth, and non-trivial batch norms."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() > 1:
                value.copy_(noise / float(value[0].numel()) ** 0.5)
            elif name.endswith(("running_var", "weight")):
                value.copy_(0.75 + 0.1 * noise.clamp(-2, 2))
            else:
                value.copy_(0.3 * noise)
    return network


def _bring_inside(network: Any, input_hw: tuple[int, int]) -> None:
    """Scale the last layer so that coordinates lie in the crop, as a trained network's do."""
    with torch.inference_mode():
        spread = float(network.eval()(torch.randn(1, 3, *input_hw)).std())
    with torch.no_grad():
        network.fc.weight.mul_(0.2 / spread)
        network.fc.bias.mul_(0.2 / spread).add_(0.5)


class Subject:
    """One network as a model file, with its engines.

    Args:
        name: Its name in the registry.
        folder: Folder for its files.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        height, width = CROPS.get(name, (256, 192))
        convention = "movenet" if NETWORKS[name].gives == "heads" else "openmmlab"
        fields = {**CONVENTIONS[convention], "network": name, "input_hw": (height, width)}
        self.recipe = Recipe(**fields)
        made = make_network(name, keypoints=17, options=self.recipe.options)
        self.network = lively(made, seed=0)
        if NETWORKS[name].gives == "coordinates":
            _bring_inside(self.network, self.recipe.input_hw)
        self.file = folder / f"{name}.onnx"
        weights = folder / f"{name}.pth"
        torch.save(self.network.state_dict(), weights)
        given = ["--weights", str(weights), "--network", name, "--convention", convention]
        given += ["--input", f"{height}x{width}", "--name", name, "--check-crops", "1"]
        given += ["--store", "fp32"]
        quietly(export_main, [*given, "--output", str(self.file)])
        # Rounded to fp16, random weights move the peak of a flat heatmap: only the size counts.
        model = onnx.load(self.file)
        store_half(model)
        self.megabytes = model.ByteSize() / 1e6
        weights.unlink()
        rng = np.random.default_rng(0)
        self.crops: NDArray[np.uint8] = rng.integers(0, 256, (2, height, width, 3), np.uint8)

    def open(self, backend: str) -> Engine:
        """Open it on a CPU backend, in the backend's default precision."""
        options = EngineOptions(threads=default_threads())
        return open_engine(self.file, backend=backend, options=options).engine

    def costs(self) -> tuple[float, float]:
        """Parameters in millions, and 10^9 multiply-adds per crop."""
        height, width = self.recipe.input_hw
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            self.network.eval()(torch.zeros(1, 3, height, width))
        count = sum(p.numel() for p in self.network.parameters())
        return count / 1e6, counter.get_total_flops() / 2e9

    def difference_px(self) -> float:
        """Largest distance between torch's keypoints and ONNX Runtime's, crop pixels.

        Raises:
            EngineError: It exceeds the limit, or the test could not fail.
        """
        with torch.inference_mode():
            wanted = build_model(self.recipe, self.network)(torch.from_numpy(self.crops)).numpy()
        options = EngineOptions("fp32", default_threads())
        engine = open_engine(self.file, backend="onnxruntime", options=options).engine
        found = engine.infer(self.crops)
        engine.close()
        wanted = wanted[:, : found.shape[1]]  # MoveNet's further people follow
        worst = float(np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1).max())
        if not worst < WORST_PX or np.ptp(wanted[..., :2]) < 8:
            raise EngineError(
                f"{self.name}: torch and ONNX Runtime differ by {worst} px, or all keypoints lie "
                "in one place",
                fix="look at the export",
            )
        return worst

    def build(self) -> str:
        """Build it with TensorRT for RTX in fp32 and fp16; a failure ends the benchmark."""
        if importlib.util.find_spec("tensorrt_rtx") is None:
            return "not installed"
        results = []
        for precision in ("fp32", "fp16"):
            output = self.file.with_suffix(f".{precision}.engine")
            given = ["--flavor", "tensorrt-rtx", "--onnx", str(self.file), "--output", str(output)]
            quietly(build_main, [*given, "--precision", precision])
            results.append("built")
            output.unlink()
        return " / ".join(results)

    def loop(self) -> str:
        """Check that the app runs it on the demo."""
        given = ["--model", str(self.file), "--source", "demo", "--headless", "--max-frames", "6"]
        quietly(run_main, given)
        return "runs"


def quietly(main: Any, arguments: list[str]) -> str:
    """Run one of our commands; a failure raises an error with the reason."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = main(arguments)
    if code:
        raise EngineError(output.getvalue().strip()[-300:], fix="run it by hand")
    return output.getvalue()


def timed(engine: Engine, other: Engine, crop: NDArray[np.uint8], crop2: Any) -> tuple[str, str]:
    """Median ms of a call, and its ratio to the other engine's, alternating."""
    ours: list[float] = []
    theirs: list[float] = []
    end = time.perf_counter() + BUDGET_S
    while len(ours) < 5 or time.perf_counter() < end:
        for one, picture, found in ((engine, crop, ours), (other, crop2, theirs)):
            begin = time.perf_counter()
            one.infer(picture)
            found.append(time.perf_counter() - begin)
    median = float(np.median(ours))
    return f"{median * 1e3:.1f}", f"{median / float(np.median(theirs)):.2f}"


def published(network: str) -> str:
    """Accuracy of the smallest published COCO file, with its source."""
    for model in MODELS.values():
        if model.network == network and "-coco-256x" in model.name:
            return f"{model.accuracy} (1)"
    return OTHERS_SAY.get(network, "-")


def row(name: str, reference: Subject, folder: Path) -> tuple[str, ...]:
    """All measurements of one network."""
    subject = reference if name == REFERENCE else Subject(name, folder)
    times = []
    for backend in BACKENDS:
        engine, other = subject.open(backend), reference.open(backend)
        ms, ratio = timed(engine, other, subject.crops[:1], reference.crops[:1])
        times.append(f"{ms}, {ratio}")
        engine.close()
        other.close()
    parameters, gmacs = subject.costs()
    height, width = subject.recipe.input_hw
    found = (
        name, NETWORKS[name].paper.partition(":")[2].strip() or NETWORKS[name].paper,
        f"{height}x{width}", f"{parameters:.1f}", f"{gmacs:.2f}", f"{subject.megabytes:.1f}",
        *times, f"{subject.difference_px():.5f}", subject.build(), subject.loop(),
        published(name),
    )  # fmt: skip
    if subject is not reference:
        subject.file.unlink()
    return found


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--only", nargs="*", choices=NETWORKS, metavar="NAME")
    return made


def main() -> None:
    """Measure all networks of the registry."""
    arguments = build_parser().parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = Subject(REFERENCE, folder)
        engine = reference.open(BACKENDS[0])
        label = engine.label
        engine.close()
        for network in arguments.only or NETWORKS:
            rows.append(row(network, reference, folder))
            print(" | ".join(rows[-1]), flush=True)
    notes = (
        "ms: median of a call with one crop; ratio: to pose_resnet50 taking turns. File: weights "
        "stored as fp16. Published with the flip test, which doubles the work: (1) OpenMMLab, COCO "
        "val2017; (2) Sun et al. 2019, tables 1 (COCO val2017) and 4 (MPII test); -: not known "
        "or never published."
    )
    publish(
        f"random weights; {label}; TensorRT for RTX without a GPU\n\n"
        f"{table(HEAD, rows)}\n\n{notes}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
