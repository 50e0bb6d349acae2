"""Keep one of several poses that a detector's overlapping boxes found of one person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def suppress(
    results: Sequence[dict[str, Any]], *, sigmas: Sequence[float], threshold: float
) -> list[dict[str, Any]]:
    """Leave out poses that are too similar to a better one of the same picture.

    The similarity is COCO's OKS, over all keypoints, with the mean of both boxes' areas.

    Args:
        results: Of ``training.measures.coco_eval.find_poses``, in any order.
        sigmas: Of the keypoints.
        threshold: OKS above which the worse one goes; published results use 0.9.

    Returns:
        What is left, in the order given.

    Source:
        Papandreou et al. 2017 (arXiv:1701.01779); as in Xiao et al. 2018.
    """
    kept: dict[Any, list[int]] = {}
    variance = (2.0 * np.asarray(sigmas, np.float64)) ** 2
    xy = [np.reshape(result["keypoints"], (-1, 3))[:, :2] for result in results]
    for n in sorted(range(len(results)), key=lambda n: -float(results[n]["score"])):
        better = kept.setdefault(results[n]["image_id"], [])
        areas = [(results[m]["area"] + results[n]["area"]) / 2 for m in better]
        if not any(
            _oks(xy[n], xy[m], area, variance) > threshold
            for m, area in zip(better, areas, strict=True)
        ):
            better.append(n)
    return [results[n] for n in sorted(n for numbers in kept.values() for n in numbers)]


def _oks(
    a: NDArray[np.float64], b: NDArray[np.float64], area: float, variance: NDArray[np.float64]
) -> float:
    squared = ((a - b) ** 2).sum(axis=1)
    return float(np.exp(-squared / (2.0 * variance * max(area, 1e-9))).mean())
