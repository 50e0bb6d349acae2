"""Model files for benchmarks/gpu, made by a Python that has torch, onnx and onnxruntime.

The Python that has TensorRT may have none of them, so everything it needs is written to a
folder: graphs in their final precision, crops, and the CPU's results for the crops.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.engines.foreign.private import private_folder
from steadypose.engines.spec import ModelSpec

DEPTHS = (18, 50, 101, 152)
PRECISIONS = ("fp32", "fp16", "int8")
INPUT_HW = (256, 192)
BATCHES = (1, 2, 4, 8)


def file_of(folder: Path, depth: int, precision: str) -> Path:
    """Path of a graph."""
    return folder / f"pose_resnet{depth}_{precision}.onnx"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The index of prepared files."""
    path = folder / "manifest.json"
    if not path.exists():
        return {"convolutions": {}}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def is_prepared(folder: Path, depths: tuple[int, ...]) -> bool:
    """Whether every graph exists."""
    known = read_manifest(folder)["convolutions"]
    wanted = [(depth, precision) for depth in depths for precision in PRECISIONS]
    files = [file_of(folder, *pair) for pair in wanted] + [folder / "crops.npy"]
    files += [folder / f"wanted{depth}.npy" for depth in depths]
    return all(f"{d} {p}" in known for d, p in wanted) and all(file.exists() for file in files)


def prepare(folder: Path, *, depths: tuple[int, ...] = DEPTHS) -> None:
    """Export every depth with seeded random weights, in every precision.

    Weights are random, since the time does not depend on them and not every depth has
    trained ones. Opset 17, so that TensorRT 8 reads the files as well.
    """
    import onnx  # noqa: PLC0415  # not in the Python that runs the engines
    import onnxruntime  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from steadypose.export.checking.real_crops import gather_crops  # noqa: PLC0415
    from steadypose.export.models.pose_resnet import PoseResNet  # noqa: PLC0415
    from steadypose.export.quantize import quantize  # noqa: PLC0415
    from steadypose.export.trt.precision import (  # noqa: PLC0415
        network_nodes,
        to_float,
        to_half,
        to_opset17,
    )
    from steadypose.export.weights.building import build_model  # noqa: PLC0415
    from steadypose.export.weights.recipe import Recipe  # noqa: PLC0415
    from steadypose.export.weights.to_onnx import to_onnx  # noqa: PLC0415

    private_folder(folder)
    spec = ModelSpec("pose_resnet", Recipe().skeleton, INPUT_HW, decoder="dark, half cells")
    crops = gather_crops("demo", spec, count=32)
    np.save(folder / "crops.npy", crops)
    manifest: dict[str, Any] = {
        "spec": asdict(spec),
        "convolutions": {},
        "torch": torch.__version__,
    }
    for depth in depths:
        network = PoseResNet(depth, deconv_filters=(256, 256, 256))
        network.init_weights(seed=depth)
        _calm(network, torch)
        recipe = Recipe(
            network=f"pose_resnet{depth}", deconv=(256, 256, 256), input_hw=INPUT_HW, sigma=2.0
        )
        model = to_opset17(to_float(to_onnx(build_model(recipe, network), recipe, opset=18)))
        made = {"fp32": model, "fp16": to_half(model), "int8": quantize(model, crops[:16])}
        for precision, graph in made.items():
            onnx.save(graph, file_of(folder, depth, precision))
            names = [n.name for n in network_nodes(graph) if n.op_type in {"Conv", "ConvTranspose"}]
            manifest["convolutions"][f"{depth} {precision}"] = names
        session = onnxruntime.InferenceSession(
            str(file_of(folder, depth, "fp32")), providers=["CPUExecutionProvider"]
        )
        np.save(folder / f"wanted{depth}.npy", session.run(None, {"crops": crops})[0])
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _calm(network: Any, torch: Any) -> None:
    """Scale random weights so that heatmaps peak in [0, 1]; one pass sets batch statistics."""
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network(torch.randn(4, 3, *INPUT_HW))
        network.eval()
        peak = network(torch.randn(2, 3, *INPUT_HW)).abs().max()
        network.final_layer.weight /= peak
        network.final_layer.bias /= peak
