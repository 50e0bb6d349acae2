"""Benchmark TensorRT on this machine's GPU: build, parity, latency, and the whole loop.

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
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.measuring import ROUNDS, measure, parity, run_loop, torch_baselines
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
from benchmarks.gpu.table import to_table
from steadypose.engines.backends.tensorrt.api import TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver, Device, load_driver
from steadypose.engines.backends.tensorrt.cuda_memory import open_memory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.file_io import replace_text
from steadypose.engines.spec import ModelSpec
from steadypose.export.trt.builder import Job
from steadypose.realtime.model.places import ROOT

FOLDER = ROOT / "benchmarks" / "cache" / "gpu"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The machine the benchmark runs on; simulated with ``--fake``."""

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
    """Load the engine that was built."""
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


def run(
    gpu: Gpu, *, depths: tuple[int, ...], rounds: int, save: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Run all combinations; one that fails is recorded and the rest continue.

    ``save`` gets all results so far after each one, so that an interrupted run keeps them.
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


def fake_gpu() -> Gpu:
    """Make a simulated machine; see tests/support/fake_cuda.py."""
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


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepare-only", action="store_true", help="only make the model files")
    parser.add_argument("--depths", type=int, nargs="+", default=list(DEPTHS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--fake", action="store_true", help="a made-up GPU, to test this script")
    parser.add_argument("--output", type=Path, help="table; the JSON goes beside it")
    return parser


def main() -> int:
    """Prepare what is missing, run, print and write."""
    arguments = build_parser().parse_args()
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
                replace_text(arguments.output, to_table(found) + "\n")
                replace_text(arguments.output.with_suffix(".json"), json.dumps(found))

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
