"""Object keypoint similarity: how similar two poses are, from 0 to 1."""

from __future__ import annotations

import numpy as np

from steadypose.realtime.datatypes import FloatArray


def oks_matrix(
    a_xy: FloatArray, b_xy: FloatArray, b_weight: FloatArray, area: FloatArray, sigmas: FloatArray
) -> FloatArray:
    """Compare every pose of one set with every pose of another.

    Args:
        a_xy: (A, K, 2) pixels; NaN keypoints count as dissimilar.
        b_xy: (B, K, 2) pixels.
        b_weight: (B, K) weight of each keypoint, for example its score.
        area: (A,) area of each person of ``a``, square pixels, above 0.
        sigmas: (K,) the skeleton's OKS sigmas.

    Returns:
        (A, B) in [0, 1]; 0 where no keypoint has weight.

    Source:
        COCO keypoint evaluation, cocodataset.org/#keypoints-eval: the mean of
        exp(-d² / (2 area (2 sigma)²)) over keypoints, here weighted.
    """
    offset = a_xy[:, None] - b_xy[None]
    squared = np.sum(offset * offset, axis=-1)
    tolerance = 2.0 * area[:, None] * (2.0 * sigmas) ** 2
    with np.errstate(under="ignore"):
        alike = np.exp(-squared / tolerance[:, None])
    alike = np.where(np.isfinite(squared), alike, 0.0)
    total = b_weight.sum(axis=1)
    weighted = np.sum(alike * b_weight[None], axis=-1)
    result: FloatArray = np.zeros_like(weighted)
    return np.divide(weighted, total, out=result, where=total > 0)
