"""Compare an exported file's keypoints with torch's."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError
from steadypose.export.models.decoding import PoseModel
from steadypose.realtime.datatypes import SEEN_SCORE

TOLERANCE_PX = 0.25
TOLERANCE_SCORE = 0.02


def keypoints_of(model: PoseModel, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute torch's keypoints, before anything is exported.

    Raises:
        ModelFileError: The network outputs numbers that are not finite.
    """
    with torch.inference_mode():
        found: NDArray[np.float32] = model(torch.from_numpy(crops)).numpy()
    _require_finite(found)
    return found


def _require_finite(keypoints: NDArray[np.float32]) -> None:
    if not np.isfinite(keypoints).all():
        raise ModelFileError(
            "the network outputs numbers that are not finite", fix="check the weights: damaged?"
        )


def check_against_torch(
    wanted: NDArray[np.float32],
    data: bytes,
    crops: NDArray[np.uint8],
    *,
    is_score_peak: bool = True,
) -> tuple[float, float, int]:
    """Compare the finished file with torch.

    Args:
        wanted: (N, K * (1 + others), 3) keypoints that torch found.
        data: The file.
        crops: (N, H, W, 3) uint8.
        is_score_peak: A score is its heatmap's maximum. Otherwise (MoveNet) rounding can tip
            the choice between two cells whose scores differ, and 99 in a hundred count.

    Returns:
        The 99th percentile of the keypoint differences, crop pixels; the largest score
        difference (or its 99th percentile); and the number of seen keypoints, whose positions
        were compared.

    Raises:
        ModelFileError: More than one in a hundred seen keypoints moved by more
            than the tolerance, or a score did. (Storing weights as fp16 can tip
            the arg-max between two equal cells, far apart.)
    """
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (got,) = session.run(["keypoints"], {"crops": crops})
    _require_finite(got)
    is_seen = wanted[..., 2] > SEEN_SCORE
    distance = np.linalg.norm(got[..., :2] - wanted[..., :2], axis=-1)
    of_scores = np.abs(got[..., 2] - wanted[..., 2])
    worst_score = float(of_scores.max() if is_score_peak else np.percentile(of_scores, 99))
    typical_px = float(np.percentile(distance[is_seen], 99)) if is_seen.any() else 0.0
    if typical_px > TOLERANCE_PX or worst_score > TOLERANCE_SCORE:
        raise ModelFileError(
            f"the exported file differs from torch by {typical_px:.3f} px, {worst_score:.4f} score",
            fix="report this with the torch and onnx versions; nothing was written",
        )
    return typical_px, worst_score, int(is_seen.sum())
