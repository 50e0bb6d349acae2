"""TensorRT on this machine's GPU: build, parity, latency, and the whole loop.

    python -m benchmarks.gpu                  # everything, where torch and TensorRT share a Python
    python -m benchmarks.gpu --prepare-only   # with the Python that has torch and onnx ...
    python -m benchmarks.gpu --output FILE    # ... then with the one that has TensorRT

``--fake`` runs it against a made-up GPU, to test the script itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.models import (
    BATCHES,
    DEPTHS,
    INPUT_HW,
    PRECISIONS,
    file_of,
    is_prepared,
    prepare,
    read_manifest,
)
from steadypose.engines.backends.tensorrt.api import TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver, Device, load_driver
from steadypose.engines.backends.tensorrt.cuda_memory import open_memory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.spec import ModelSpec
from steadypose.export.trt.builder import Job
from steadypose.realtime.model.places import ROOT

FOLDER = ROOT / "benchmarks" / "cache" / "gpu"
_WARM, _ROUNDS = 20, 200


@dataclass(frozen=True, slots=True)
class Gpu:
    """The machine as the benchmark uses it; made up with ``--fake``."""

    api: TensorRt
    driver: CudaDriver
    device: Device
    is_fake: bool = False

    def title(self) -> str:
        """First line of the result."""
        warning = "MADE-UP GPU, NO FIGURE BELOW MEANS ANYTHING: " if self.is_fake else ""
        return (
            f"{warning}{self.device.name}, compute capability {self.device.capability}, driver for "
            f"CUDA {self.device.driver}, {self.api.title}, Python {platform.python_version()}, "
            f"numpy {np.__version__}"
        )


def build(gpu: Gpu, depth: int, precision: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Build one engine in a child process; returns the builder's report with the plan."""
    if gpu.is_fake:
        return {"plan": b"plan", "build_s": 0.0, "layers": 0, "built": {}, "version": "fake"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        job = Job(
            onnx=str(file_of(FOLDER, depth, precision)),
            plan=str(place / "plan"),
            result=str(place / "result.json"),
            flavor=gpu.api.flavor,
            precision=precision,
            min_batch=1,
            best_batch=1,
            max_batch=max(BATCHES),
            input_hw=INPUT_HW,
            convolutions=tuple(manifest["convolutions"][f"{depth} {precision}"]),
        )
        (place / "job.json").write_text(job.to_json(), encoding="utf-8")
        child = [sys.executable, "-m", "steadypose.export.trt.builder", str(place / "job.json")]
        done = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, check=False)
        if not Path(job.result).exists():
            return {"error": f"the builder died ({done.returncode}): {done.stderr[-300:]}"}
        result: dict[str, Any] = json.loads(Path(job.result).read_text(encoding="utf-8"))
        if "error" not in result:
            result["plan"] = Path(job.plan).read_bytes()
        return result


def open_built(gpu: Gpu, spec: ModelSpec, precision: str, report: dict[str, Any]) -> TensorRtEngine:
    """Load what was built."""
    info = EngineInfo(
        spec, "", "", gpu.api.flavor, gpu.api.version, precision, report["built"], max(BATCHES),
        gpu.device.name, (gpu.device.capability,),
    )  # fmt: skip
    return TensorRtEngine(
        report["plan"],
        info,
        api=gpu.api,
        driver=gpu.driver,
        memory=open_memory(gpu.device.index),
        gpu=gpu.device.name,
    )


def times_ms(work: Callable[[], None], *, rounds: int = _ROUNDS) -> tuple[float, float]:
    """Median and 95th percentile of one call, milliseconds."""
    for _ in range(min(_WARM, rounds)):
        work()
    took = []
    for _ in range(rounds):
        begin_s = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin_s) * 1e3)
    p50, p95 = np.percentile(took, (50, 95))
    return float(p50), float(p95)


def measure(engine: TensorRtEngine, crops: NDArray[np.uint8], *, rounds: int) -> dict[str, Any]:
    """Latencies of one batch size: queued one by one, replayed as a graph, through infer."""
    batch = len(crops)
    engine.infer(crops)
    lane, memory = engine._lanes[batch], engine._memory  # noqa: SLF001 - what is measured
    driver = engine._driver  # noqa: SLF001

    def enqueue() -> None:
        engine._enqueue(lane.context, batch)  # noqa: SLF001
        memory.synchronize()

    def replay() -> None:
        assert lane.graph is not None
        driver.launch(lane.graph, memory.stream)
        memory.synchronize()

    def infer() -> None:
        engine.infer(crops)

    found: dict[str, Any] = {"batch": batch, "enqueue_ms": times_ms(enqueue, rounds=rounds)}
    if lane.graph is not None:
        found["graph_ms"] = times_ms(replay, rounds=rounds)
    found["infer_ms"] = times_ms(infer, rounds=rounds)
    if lane.graph is not None:  # again: a clock that changed meanwhile would favour one
        found["graph_again_ms"] = times_ms(replay, rounds=rounds)
        graph = min(found["graph_ms"][0], found["graph_again_ms"][0])
        found["infer_over_graph"] = found["infer_ms"][0] / max(graph, 1e-9)
    found["gpu_ms"] = engine.took_ms
    return found


def parity(engine: TensorRtEngine, crops: NDArray[np.uint8], wanted: NDArray[np.float32]) -> Any:
    """Keypoint differences from the CPU, crop pixels."""
    parts = [engine.infer(crops[i : i + 8]).copy() for i in range(0, len(crops), 8)]
    distance = np.linalg.norm(np.concatenate(parts)[..., :2] - wanted[..., :2], axis=-1)
    distance = distance[wanted[..., 2] > 0.2] if (wanted[..., 2] > 0.2).any() else distance
    p50, p95 = np.percentile(distance, (50, 95))
    return {"p50": float(p50), "p95": float(p95), "max": float(distance.max())}


def run_loop(engine: TensorRtEngine, *, frames: int) -> dict[str, Any]:
    """The app's own loop on the demo source, headless."""
    try:
        import cv2  # noqa: F401, PLC0415

        from steadypose.realtime.sources.opening import (  # noqa: PLC0415
            SourceOptions,
            open_source,
        )
        from steadypose.realtime.tracking.pipeline import Pipeline  # noqa: PLC0415
    except ImportError as error:
        return {"not_run": f"{error.name} is not installed"}
    source, pipeline = open_source(SourceOptions("demo")), Pipeline(engine)
    took: list[float] = []
    inside: list[float] = []
    while not source.is_over and len(took) < frames:
        frame = source.read(5.0)
        if frame is None:
            continue
        begin_s = time.perf_counter()
        pipeline.process(frame)
        took.append((time.perf_counter() - begin_s) * 1e3)
        inside.append(engine.took_ms)
    source.close()
    outside = np.array(took) - np.array(inside)
    return {
        "frames": len(took),
        "frame_ms": [float(v) for v in np.percentile(took, (50, 95))],
        "outside_gpu_ms": [float(v) for v in np.percentile(outside, (50, 95))],
    }


def torch_baselines(depth: int) -> dict[str, Any]:
    """PyTorch eager and as a CUDA graph, fp16, batch 1, network alone."""
    try:
        import torch  # noqa: PLC0415

        from steadypose.export.models.pose_resnet import PoseResNet  # noqa: PLC0415
    except ImportError:
        return {"not_run": "torch is not installed in this Python"}
    if not torch.cuda.is_available():
        return {"not_run": "torch sees no CUDA device"}
    network = PoseResNet(depth, deconv_filters=(256, 256, 256)).cuda().half().eval()
    network = network.to(memory_format=torch.channels_last)
    x = torch.zeros(1, 3, *INPUT_HW, device="cuda", dtype=torch.float16)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():

        def eager() -> None:
            network(x)
            torch.cuda.synchronize()

        found = {"eager_ms": times_ms(eager)}
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            network(x)

        def replay() -> None:
            graph.replay()
            torch.cuda.synchronize()

        found["graph_ms"] = times_ms(replay)
    return {**found, "torch": torch.__version__}


def run(
    gpu: Gpu, *, depths: tuple[int, ...], rounds: int, save: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Everything; a combination that fails is recorded and the rest goes on.

    ``save`` gets all results so far after each: a run that is cut off keeps them.
    """
    manifest = read_manifest(FOLDER)
    spec = ModelSpec.from_json(json.dumps(manifest["spec"]))
    crops = np.load(FOLDER / "crops.npy")
    results: list[dict[str, Any]] = []
    found = {"machine": gpu.title(), "is_fake": gpu.is_fake, "results": results}
    for depth in depths:
        baselines = {} if gpu.is_fake else torch_baselines(depth)
        for precision in PRECISIONS:
            entry: dict[str, Any] = {"depth": depth, "precision": precision, "torch": baselines}
            results.append(entry)
            engine = None
            try:
                report = build(gpu, depth, precision, manifest)
                if "error" in report:
                    entry["error"] = report["error"]
                    continue
                plan = report["plan"]
                entry |= {k: report[k] for k in ("build_s", "layers", "built")}
                entry["plan_mb"] = len(plan) / 1e6
                engine = open_built(gpu, spec, precision, report)
                entry["parity"] = parity(engine, crops, np.load(FOLDER / f"wanted{depth}.npy"))
                entry["latency"] = [measure(engine, crops[:n], rounds=rounds) for n in BATCHES]
                entry["loop"] = run_loop(engine, frames=rounds)
            except Exception as error:
                entry["error"] = f"{type(error).__name__}: {error}"[:300]
            finally:
                if engine is not None:
                    engine.close()
            print(json.dumps(entry), file=sys.stderr, flush=True)
            save(found)
    return found


def to_table(found: dict[str, Any]) -> str:
    """Markdown; latencies are p50 / p95 in milliseconds."""
    lines = [
        found["machine"],
        "",
        "| network | precision | built | build s | MB | batch | enqueue | graph | infer | "
        "infer / graph | parity p95 px | loop frame | outside GPU |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for entry in found["results"]:
        name = f"PoseResNet-{entry['depth']} | {entry['precision']}"
        if "error" in entry:
            lines.append(f"| {name} | {entry['error'][:80]} |" + " |" * 10)
            continue
        built = " ".join(f"{n} {kind}" for kind, n in entry["built"].items())
        loop = entry["loop"]
        for latency in entry["latency"]:
            cells = [
                *(name, built, f"{entry['build_s']:.1f}", f"{entry['plan_mb']:.1f}"),
                *(str(latency["batch"]), _pair(latency["enqueue_ms"])),
                *(_pair(latency.get("graph_ms")), _pair(latency["infer_ms"])),
                f"{latency['infer_over_graph']:.2f}" if "infer_over_graph" in latency else "",
                f"{entry['parity']['p95']:.3f}",
                *(_pair(loop.get("frame_ms")), _pair(loop.get("outside_gpu_ms"))),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += _baseline_row(entry)
    return "\n".join(lines)


def _baseline_row(entry: dict[str, Any]) -> list[str]:
    torch = entry["torch"]
    if entry["precision"] != PRECISIONS[-1] or "eager_ms" not in torch:
        return []
    name = f"PoseResNet-{entry['depth']} | fp16"
    how = f"torch {torch['torch']}: eager {_pair(torch['eager_ms'])}"
    return [f"| {name} | {how} | | | 1 | | {_pair(torch['graph_ms'])} |" + " |" * 5]


def _pair(values: Any) -> str:
    return "" if values is None else f"{values[0]:.3f} / {values[1]:.3f}"


def fake_gpu() -> Gpu:
    """A made-up machine; see tests/support/fake_cuda.py."""
    from steadypose.engines.backends.tensorrt.api import Log  # noqa: PLC0415
    from tests.support.fake_cuda import FakeCuda, fake_pycuda, fake_tensorrt  # noqa: PLC0415

    cuda = FakeCuda()
    sys.modules.update(fake_pycuda(cuda))
    manifest = read_manifest(FOLDER)
    module = fake_tensorrt(cuda, ModelSpec.from_json(json.dumps(manifest["spec"])))
    driver = CudaDriver(cuda.library)
    return Gpu(
        TensorRt(module, "tensorrt", module.__version__, Log(module)),
        driver,
        replace(driver.device(), name="made-up GPU"),
        is_fake=True,
    )


def main() -> int:
    """Prepare what is missing, run, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepare-only", action="store_true", help="only make the model files")
    parser.add_argument("--depths", type=int, nargs="+", default=list(DEPTHS))
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--fake", action="store_true", help="a made-up GPU, to test this script")
    parser.add_argument("--output", type=Path, help="table; the JSON goes beside it")
    arguments = parser.parse_args()
    depths = tuple(arguments.depths)
    try:
        if not is_prepared(FOLDER, depths):
            prepare(FOLDER, depths=depths)
        if arguments.prepare_only:
            print(f"model files are in {FOLDER}")
            return 0
        if arguments.fake:
            gpu = fake_gpu()
        else:
            driver = load_driver()
            gpu = Gpu(load_tensorrt(), driver, driver.device())

        def save(found: dict[str, Any]) -> None:
            if arguments.output is not None:
                arguments.output.write_text(to_table(found) + "\n", encoding="utf-8")
                arguments.output.with_suffix(".json").write_text(json.dumps(found))

        found = run(gpu, depths=depths, rounds=max(1, arguments.rounds), save=save)
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(
            f"error: making the model files needs {error.name}\n  fix: run --prepare-only with a "
            "Python that has torch, onnx and onnxruntime",
            file=sys.stderr,
        )
        return 2
    print(to_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
