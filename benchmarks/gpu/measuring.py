"""Measure an engine's latency on the GPU, its differences from the CPU, and the whole loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.plan import BATCHES
from steadypose.engines.backends.tensorrt.batches import bucket_of
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine

ROUNDS = 200
TOLERANCE_PX = {"fp32": 0.1, "fp16": 0.5, "int8": 2.0}
"""As export/checking/parity.py, which needs more than a bare machine has; a test compares them."""
_WARM = 20
_SEEN = 0.2


def times_ms(work: Callable[[], None], *, rounds: int = ROUNDS) -> tuple[float, float]:
    """Median and 95th percentile of one call, milliseconds."""
    for _ in range(min(_WARM, rounds)):
        work()
    return spread([_time_s(work) for _ in range(rounds)])


def spread(seconds: list[float]) -> tuple[float, float]:
    """Median and 95th percentile, milliseconds."""
    p50, p95 = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return float(p50), float(p95)


def _time_s(work: Callable[[], None]) -> float:
    begin_s = time.perf_counter()
    work()
    return time.perf_counter() - begin_s


def measure(engine: TensorRtEngine, crops: NDArray[np.uint8], *, rounds: int) -> dict[str, Any]:
    """Latencies of one batch size: the first, queued one by one, as a graph, through infer."""
    lanes, memory = engine.lanes, engine._memory  # noqa: SLF001 - what is measured
    driver, batch = engine._driver, len(crops)  # noqa: SLF001
    gpu: list[float] = []

    def infer() -> None:
        engine.infer(crops)
        gpu.append(engine.took_ms)

    found: dict[str, Any] = {"batch": batch, "first_ms": 1e3 * _time_s(infer)}
    lane = lanes._lane(bucket_of(batch, lanes.sizes))  # noqa: SLF001

    def enqueue() -> None:
        lanes.enqueue(lane)
        memory.synchronize()

    def replay() -> None:
        assert lane.graph is not None
        driver.launch(lane.graph, memory.stream)
        memory.synchronize()

    found["enqueue_ms"] = times_ms(enqueue, rounds=rounds)
    if lane.graph is not None:
        found["graph_ms"] = times_ms(replay, rounds=rounds)
    gpu.clear()
    found["infer_ms"] = times_ms(infer, rounds=rounds)
    found["gpu_ms"] = float(np.median(gpu))
    if lane.graph is not None:  # measured twice: a clock change in between would favour one
        found["graph_again_ms"] = times_ms(replay, rounds=rounds)
        graph = min(found["graph_ms"][0], found["graph_again_ms"][0])
        found["infer_over_graph"] = found["infer_ms"][0] / max(graph, 1e-9)
    return found


def parity(
    engine: TensorRtEngine, crops: NDArray[np.uint8], wanted: NDArray[np.float32]
) -> dict[str, Any]:
    """Keypoint differences from the CPU of the most central people, crop pixels."""
    most = max(BATCHES)
    k = engine.spec.keypoint_count
    parts = [engine.infer(crops[i : i + most]).copy() for i in range(0, len(crops), most)]
    found, wanted = np.concatenate(parts), wanted[:, :k]
    distance = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)
    distance = np.where(np.isnan(distance), np.inf, distance)
    is_seen = wanted[..., 2] > _SEEN
    if not is_seen.any():
        return {"why": "the reference sees nobody"}
    row, column = np.unravel_index(int(np.argmax(np.where(is_seen, distance, -1.0))), is_seen.shape)
    p50, p95 = np.percentile(distance[is_seen], (50, 95))
    return {
        "p50": float(p50), "p95": float(p95), "max": float(distance[is_seen].max()),
        "score": float(np.abs(found[..., 2] - wanted[..., 2]).max()),
        "worst": f"crop {row}, {engine.spec.skeleton.keypoints[column]}",
        "count": int(is_seen.sum()),
    }  # fmt: skip


def wrong(found: dict[str, Any], precision: str) -> str:
    """What is wrong with a parity; empty: nothing."""
    if "p95" not in found:
        return ""
    limit = TOLERANCE_PX[precision]
    if found["p95"] <= limit:
        return ""
    return f"wrong: {found['p95']:.3f} px p95 (limit {limit}), worst is {found['worst']}"


def paced(engine: TensorRtEngine, crops: NDArray[np.uint8], *, rounds: int) -> dict[str, Any]:
    """Latency at 30 calls a second, as of a camera: clocks may fall between two."""
    took, gpu = [], []
    due_s = time.perf_counter()
    for _ in range(rounds):
        due_s += 1 / 30
        time.sleep(max(0.0, due_s - time.perf_counter()))
        took.append(_time_s(lambda: _infer(engine, crops)))
        gpu.append(engine.took_ms)
    return {"hz": 30, "infer_ms": spread(took), "gpu_ms": float(np.median(gpu))}


def run_loop(engine: TensorRtEngine, size_hw: tuple[int, int], *, frames: int) -> dict[str, Any]:
    """The app's own loop, headless, on kept frames of the demo: no decoder takes its time."""
    try:
        from benchmarks.loop.stages import run_on_kept_frames  # noqa: PLC0415 - needs OpenCV
    except ImportError as error:
        return {"why": f"{error.name} is not installed"}
    return run_on_kept_frames(engine, size_hw, frames=frames)


def _infer(engine: TensorRtEngine, crops: NDArray[np.uint8]) -> None:
    engine.infer(crops)
