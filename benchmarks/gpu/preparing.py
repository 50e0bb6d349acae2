"""Complete the graphs of a visit, and what they should find; needs neither torch nor onnx."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.graphs import Graph, complete, read_graph
from benchmarks.gpu.plan import GRAPHS
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.private import private_folder
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.model.places import MODELS, ROOT

FOLDER = ROOT / "benchmarks" / "cache" / "gpu"
_CROPS = 32


def prepare(folder: Path) -> Iterator[str]:
    """Complete every graph and compute every reference; yields a line for each."""
    for network, precisions in GRAPHS.items():
        for precision in precisions:
            begin_s = time.perf_counter()
            path = graph_file(read_graph(network, precision), folder)
            size, took_s = path.stat().st_size / 1e6, time.perf_counter() - begin_s
            yield f"{path}: {size:.1f} MB, {took_s:.1f} s"
        wanted = reference(read_graph(network, precisions[0]), folder)
        yield f"{network}: " + (wanted if isinstance(wanted, str) else "reference computed")


def graph_file(graph: Graph, folder: Path) -> Path:
    """The completed graph; made where it is not there."""
    path = private_folder(folder) / f"{graph.name}.onnx"
    return path if path.exists() else complete(graph, folder)


def crops_of(spec: ModelSpec, folder: Path) -> NDArray[np.uint8]:
    """(32, H, W, 3) crops of the demo, or noise where OpenCV is missing and none were kept."""
    height, width = spec.input_hw
    path = private_folder(folder) / f"crops_{height}x{width}.npy"
    if path.exists():
        return np.load(path)
    try:
        from steadypose.export.checking.real_crops import gather_crops  # noqa: PLC0415
    except ImportError:  # OpenCV
        shape = (_CROPS, height, width, 3)
        return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    crops = gather_crops("demo", spec, count=_CROPS)
    _keep(path, crops)
    return crops


def reference(graph: Graph, folder: Path) -> NDArray[np.float32] | str:
    """(32, rows, 3) what the model file finds in the crops on the CPU, or why there is none."""
    if not graph.source:
        return "its weights are random, so its keypoints mean nothing"
    if not graph.has_real_weights:
        return f"{graph.source} is not here, so its weights are random"
    path = private_folder(folder) / f"wanted_{graph.network}.npy"
    if path.exists():
        return np.load(path)
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError:
        return "onnxruntime is not installed, so there is nothing to compare with"
    session = onnxruntime.InferenceSession(
        str(MODELS / graph.source), providers=["CPUExecutionProvider"]
    )
    crops = crops_of(ModelSpec.from_json(graph.spec), folder)
    wanted: NDArray[np.float32] = session.run(None, {"crops": crops})[0]
    _keep(path, wanted)
    return wanted


def _keep(path: Path, array: NDArray[np.generic]) -> None:
    def write(fresh: Path) -> None:
        with fresh.open("wb") as file:
            np.save(file, array)

    replace_file(path, write)
