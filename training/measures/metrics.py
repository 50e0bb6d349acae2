"""Metrics of keypoint accuracy. Needs only numpy.

Sources: PCK: Yang and Ramanan 2013 (here with the torso as reference, as LSP reports
it); PCKh: Andriluka et al. 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
_DIAGONALS = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
_RIGHT = 0.2  # reference lengths: the largest error of a right keypoint
_BINS = 10  # of scores, of equal width; empty ones are left out
_FACE = {"nose", "eye", "ear", "mouth", "chin"}


def torso_px(xy: Floats, is_known: Bools, skeleton: Skeleton) -> NDArray[np.float64]:
    """Torso length: left shoulder to right hip, or its mirror image if that is unknown.

    Args:
        xy: (N, K, 2) true positions, pixels.
        is_known: (N, K).
        skeleton: Of K keypoints.

    Returns:
        (N,) pixels; NaN where neither is known or the skeleton has no torso.
    """
    length = np.full(len(xy), np.nan)
    for a, b in _DIAGONALS:
        if a not in skeleton.keypoints or b not in skeleton.keypoints:
            continue
        i, j = skeleton.index(a), skeleton.index(b)
        both = is_known[:, i] & is_known[:, j] & np.isnan(length)
        length[both] = np.linalg.norm(xy[both, i] - xy[both, j], axis=-1)
    return np.where(length > 0, length, np.nan)


def relative_error(found: Floats, truth: Floats, reference_px: Floats) -> NDArray[np.float64]:
    """(N, K) distances as a share of each person's reference length.

    A keypoint that was not found (NaN) is infinitely wrong; a person without a
    reference length is NaN, and does not count.
    """
    distance = np.linalg.norm(np.asarray(found, np.float64) - truth, axis=-1)
    distance = np.where(np.isnan(distance), np.inf, distance)
    with np.errstate(invalid="ignore"):
        ratio: NDArray[np.float64] = distance / np.asarray(reference_px, np.float64)[:, None]
    return ratio


def pck(error: Floats, is_counted: Bools, threshold: float) -> float:
    """Share of counted keypoints within ``threshold`` reference lengths.

    Args:
        error: (N, K) of ``relative_error``.
        is_counted: (N, K) which labels to measure with.
        threshold: For example 0.2.

    Returns:
        0 to 1; NaN where nothing counts.
    """
    counts = is_counted & ~np.isnan(error)
    return float((error[counts] <= threshold).mean()) if counts.any() else float("nan")


def pck_per_keypoint(error: Floats, is_counted: Bools, threshold: float) -> NDArray[np.float64]:
    """(K,) PCK of every keypoint; NaN where it is never counted."""
    columns = range(error.shape[1])
    return np.array([pck(error[:, k], is_counted[:, k], threshold) for k in columns])


def limb_joints(skeleton: Skeleton) -> list[int]:
    """Indices of all keypoints but the face's: COCO-17's twelve limb joints.

    If nothing else is left (a face's own skeleton), all of them.
    """
    names = enumerate(skeleton.keypoints)
    limbs = [k for k, name in names if not _FACE & set(name.lower().split("_"))]
    return limbs or list(range(len(skeleton)))


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Calibration of scores: PCK among keypoints of similar score.

    Attributes:
        score: (B,) mean score of each bin.
        right: (B,) PCK in the bin.
        count: (B,) keypoints in the bin.
        gap: Mean distance between score and PCK, weighted by count (expected
            calibration error, Guo et al. 2017, arXiv:1706.04599).
        order: Probability that a right keypoint scores above a wrong one (area under
            the ROC curve); 0.5 is worthless.
    """

    score: NDArray[np.float64]
    right: NDArray[np.float64]
    count: NDArray[np.int64]
    gap: float
    order: float


def reliability(score: Floats, error: Floats, is_counted: Bools) -> Reliability:
    """Compare scores with the share of right keypoints.

    Args:
        score: (N, K) in [0, 1].
        error: (N, K) of ``relative_error``.
        is_counted: (N, K).
    """
    counts = is_counted & ~np.isnan(error)
    s, hit = np.asarray(score, np.float64)[counts], error[counts] <= _RIGHT
    where = np.clip((s * _BINS).astype(int), 0, _BINS - 1)
    count = np.bincount(where, minlength=_BINS)
    used = count > 0
    mean = np.bincount(where, s, _BINS)[used] / count[used]
    right = np.bincount(where, hit, _BINS)[used] / count[used]
    gap = float((np.abs(mean - right) * count[used]).sum() / max(1, count.sum()))
    return Reliability(mean, right, count[used], gap, _auc(s, hit))


def _auc(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Mann-Whitney statistic over the number of pairs; ties count a half."""
    positive, negative = int(hit.sum()), int((~hit).sum())
    if positive == 0 or negative == 0:
        return float("nan")
    _, index, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    total = float(rank[index][hit].sum())
    return (total - positive * (positive + 1) / 2) / (positive * negative)
