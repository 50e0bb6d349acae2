"""Measure an engine's latency on the GPU, and its differences from the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.models import INPUT_HW
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine

ROUNDS = 200
_WARM = 20


def times_ms(work: Callable[[], None], *, rounds: int = ROUNDS) -> tuple[float, float]:
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
    if lane.graph is not None:  # measured twice: a clock change in between would favour one
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
