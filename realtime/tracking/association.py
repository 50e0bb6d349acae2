"""Match the poses found in a frame with existing tracks, by object keypoint similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray

SAME_PERSON = 0.5
"""OKS above which two poses are one person."""

_SAME_TRACK = 0.15  # OKS above which a pose may continue a predicted track
_SHARPNESS = 4.0  # predictions are less precise than measurements: tolerance doubled


def associate(
    predicted_xy: FloatArray,
    areas: FloatArray,
    candidates: FloatArray,
    *,
    is_good: NDArray[np.bool_],
    own: list[int | None],
    own_bonus: FloatArray,
    sigmas: FloatArray,
) -> list[int | None]:
    """Match predicted poses with found ones, best OKS first, each found pose once.

    Once a pose is matched, all poses that show the same person are excluded, so that
    two crops of one person cannot feed two tracks.

    Args:
        predicted_xy: (T, K, 2) pixels; NaN where a keypoint is lost.
        areas: (T,) of the persons, square pixels.
        candidates: (C, K, 3) x, y, score.
        is_good: (C,) whether a candidate looks like a person at all.
        own: Row of the candidate that came from each track's own crop.
        own_bonus: (T,) added to the OKS of the own candidate.
        sigmas: (K,) OKS sigmas.

    Returns:
        For each track the row of its candidate, or None.
    """
    matched: list[int | None] = [None] * len(predicted_xy)
    if not len(candidates) or not len(predicted_xy):
        return matched
    xy, score = candidates[..., :2], candidates[..., 2]
    alike = oks_matrix(predicted_xy, xy, score, _SHARPNESS * areas, sigmas)
    for row, column in enumerate(own):
        if column is not None:
            alike[row, column] += own_bonus[row]
    alike[:, ~is_good] = 0.0
    while float(alike.max()) > _SAME_TRACK:
        row, column = (int(i) for i in np.unravel_index(int(alike.argmax()), alike.shape))
        matched[row] = column
        alike[row] = 0.0
        same = oks_matrix(xy[[column]], xy, score, areas[[row]], sigmas)[0]
        alike[:, same > SAME_PERSON] = 0.0
        alike[:, column] = 0.0
    return matched


def likeliest(
    expected_xy: FloatArray, area: float, others: FloatArray, *, sigmas: FloatArray
) -> int | None:
    """Find the roughly placed pose that is most likely a lost person, or None.

    Args:
        expected_xy: (K, 2) pixels; NaN where a keypoint is lost.
        area: Of the person, square pixels.
        others: (L, K, 3) x, y, score.
        sigmas: (K,) OKS sigmas.
    """
    if not len(others):
        return None
    areas = np.array([_SHARPNESS * area])
    alike = oks_matrix(expected_xy[None], others[..., :2], others[..., 2], areas, sigmas)[0]
    row = int(alike.argmax())
    return row if alike[row] > _SAME_TRACK else None


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
