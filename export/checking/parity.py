"""Measure the differences between two engines over real crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.file_io import replace_file
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


@dataclass(frozen=True, slots=True, eq=False)
class Worst:
    """The crop on which two engines differ most.

    Attributes:
        index: Its number.
        crop: (H, W, 3) uint8 BGR.
        keypoint: Name of the keypoint that differs most there.
        found: (K, 3) of the engine.
        wanted: (K, 3) of the reference.
    """

    index: int
    crop: NDArray[np.uint8]
    keypoint: str
    found: NDArray[np.float32]
    wanted: NDArray[np.float32]

    def told(self) -> str:
        """Which crop and keypoint, and by how much."""
        return f"crop {self.index}, {self.keypoint}"


def worst_crop(
    crops: NDArray[np.uint8],
    found: NDArray[np.float32],
    wanted: NDArray[np.float32],
    names: Sequence[str],
) -> Worst:
    """Where two (N, K, 3) results differ most: in a place that is seen, else in a score."""
    distance = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)
    distance = np.where(wanted[..., 2] > SEEN_SCORE, distance, 0.0)
    if not np.any(distance > 0.0):
        distance = np.abs(found[..., 2] - wanted[..., 2])
    distance = np.where(np.isnan(distance), np.inf, distance)
    row, column = np.unravel_index(int(np.argmax(distance)), distance.shape)
    return Worst(int(row), crops[row], names[int(column)], found[row], wanted[row])


def write_worst(worst: Worst, engine_path: Path) -> Path:
    """Draw what both found into the worst crop, beside the engine: reference green, engine red.

    Returns:
        The PNG.
    """
    enlarged = cv2.resize(worst.crop, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    for pose, colour, radius in ((worst.wanted, (0, 200, 0), 5), (worst.found, (0, 0, 255), 2)):
        for x, y, score in np.nan_to_num(pose, nan=-1.0, posinf=-1.0, neginf=-1.0):
            if score > SEEN_SCORE or score < 0:
                cv2.circle(enlarged, (round(3 * x + 1), round(3 * y + 1)), radius, colour, -1)
    path = engine_path.with_name(f"{engine_path.name}.worst.png")
    is_made, data = cv2.imencode(".png", enlarged)
    assert is_made
    replace_file(path, lambda fresh: fresh.write_bytes(data.tobytes()))
    return path


def compare_engine(
    engine_path: Path, onnx: Path, *, precision: str, source: str, count: int = 100, device: int = 0
) -> tuple[str, Worst | None]:
    """Compare a built engine with its model file on the CPU in fp32.

    Returns:
        A sentence, and the worst crop if the engine does not pass.

    Raises:
        SteadyposeError: One of the two cannot run here.
    """
    crops = gather_crops(source, read_spec(onnx), count=count)
    options = EngineOptions(precision="fp32", threads=default_threads())
    reference = open_reference(onnx, options)
    wanted = run_all(reference, crops)
    reference.close()
    engine = open_engine(
        engine_path, backend="tensorrt", options=EngineOptions(device=device)
    ).engine
    found = run_all(engine, crops)
    got = difference(found, wanted)
    engine.close()
    text = (
        f"against {reference.label} on {len(crops)} crops of {shown(source)}: keypoints differ by "
        f"{got.p50:.3f} px p50, {got.p95:.3f} p95, {got.largest:.1f} at most, "
        f"scores by {got.score:.4f}"
    )
    # Scores must agree too: if all scores were zero, no positions would be compared.
    is_good = got.count > 0 and got.p95 <= TOLERANCE_PX[precision] and got.score < _SCORE
    names = reference.spec.skeleton.keypoints
    return text, None if is_good else worst_crop(crops, found, wanted, names)


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
