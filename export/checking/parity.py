"""Measure the differences between two engines over real crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.export.checking.real_crops import gather_crops
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.sources.address import shown

# Largest acceptable p95 of the keypoint difference, crop pixels.
TOLERANCE_PX = {"fp32": 0.1, "tf32": 0.25, "fp16": 0.5, "int8": 2.0}
_SCORE = 0.25  # largest acceptable difference of a score


@dataclass(frozen=True, slots=True)
class Difference:
    """Differences of one engine from the reference.

    Attributes:
        p50: Median of the keypoint distances, crop pixels.
        p95: Their 95th percentile.
        largest: Their maximum; one tie between two equal cells can make it large.
        score: Largest difference of a score.
        count: Keypoints compared.
    """

    p50: float
    p95: float
    largest: float
    score: float
    count: int


def difference(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> Difference:
    """Compare two (N, K, 3) results; NaN counts as infinitely far."""
    is_seen = wanted[..., 2] > SEEN_SCORE
    distance = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)[is_seen]
    distance = np.where(np.isnan(distance), np.inf, distance)
    score = np.abs(found[..., 2] - wanted[..., 2])
    score_max = float(np.where(np.isnan(score), np.inf, score).max())
    if distance.size == 0:
        return Difference(0.0, 0.0, 0.0, score_max, 0)
    p50, p95 = np.percentile(distance, (50, 95), method="higher")
    return Difference(float(p50), float(p95), float(distance.max()), score_max, distance.size)


def run_all(engine: Engine, crops: NDArray[np.uint8], *, batch: int = 8) -> NDArray[np.float32]:
    """(N, K, 3) keypoints of all crops."""
    parts = [engine.infer(crops[i : i + batch]).copy() for i in range(0, len(crops), batch)]
    return np.concatenate(parts)


def compare_engine(
    engine_path: Path, onnx: Path, *, precision: str, source: str, count: int = 100
) -> tuple[str, bool]:
    """Compare a built engine with its model file on the CPU in fp32.

    Returns:
        A sentence, and whether the engine passes.

    Raises:
        SteadyposeError: One of the two cannot run here.
    """
    crops = gather_crops(source, read_spec(onnx), count=count)
    options = EngineOptions(precision="fp32", threads=default_threads())
    reference = open_reference(onnx, options)
    wanted = run_all(reference, crops)
    reference.close()
    engine = open_engine(engine_path, backend="tensorrt", options=EngineOptions()).engine
    got = difference(run_all(engine, crops), wanted)
    engine.close()
    text = (
        f"against {reference.label} on {len(crops)} crops of {shown(source)}: keypoints differ by "
        f"{got.p50:.3f} px p50, {got.p95:.3f} p95, {got.largest:.1f} at most, "
        f"scores by {got.score:.4f}"
    )
    # Scores must agree too: if all scores were zero, no positions would be compared.
    is_good = got.count > 0 and got.p95 <= TOLERANCE_PX[precision] and got.score < _SCORE
    return text, is_good


def open_reference(onnx: Path, options: EngineOptions) -> Engine:
    """The reference: ONNX Runtime if it is installed, else another CPU backend."""
    last: SteadyposeError | None = None
    for name in ("onnxruntime", "openvino"):
        try:
            return open_engine(onnx, backend=name, options=options).engine
        except SteadyposeError as error:
            last = error
    assert last is not None
    raise last
