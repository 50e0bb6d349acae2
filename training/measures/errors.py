"""Why keypoints are wrong: the classes of Ronchi and Perona 2017 (arXiv:1707.05388).

The similarity of a found and a true place is COCO's, ``exp(-d^2 / (2 s^2 k^2))``, with ``s^2``
the person's area and ``k`` twice the keypoint's sigma. From 0.85 a keypoint is good, from 0.5 it
jitters. Below, it lies on something else with a similarity of at least 0.5, the most similar one
counting: on its own mirror twin (an inversion), or on the same keypoint or its twin of another
person (a swap); or on nothing (a miss).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.datasets import Remapped
from training.datasets.coco import CocoDataset
from training.datasets.table import table_of
from training.examples.sample import PoseDataset
from training.measures.measure import Found
from training.measures.metrics import Bools, Floats
from training.measures.results import table

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, JITTER, INVERSION, SWAP, MISS = range(len(KINDS))
_GOOD, _NEAR = 0.85, 0.5


def similarity(xy: Floats, truth: Floats, area: Floats, sigmas: Floats) -> NDArray[np.float64]:
    """COCO's similarity of single keypoints, 0 to 1; 0 where a place is not finite.

    Args:
        xy: (..., 2) found, pixels.
        truth: (..., 2) labelled, pixels.
        area: (...) of the person, square pixels.
        sigmas: (...) of the keypoint.
    """
    squared = ((np.asarray(xy, np.float64) - truth) ** 2).sum(axis=-1)
    scale = 2.0 * np.maximum(area, np.finfo(np.float64).eps) * (2.0 * np.asarray(sigmas)) ** 2
    alike: NDArray[np.float64] = np.exp(-np.where(np.isfinite(squared), squared, np.inf) / scale)
    return alike


def classify(found: Found, pictures: Sequence[Hashable], area: Floats) -> NDArray[np.int8]:
    """Tell for every counted keypoint what it is.

    Args:
        found: Of ``training.measures.measure.measure``: N people.
        pictures: N names; people of one picture have the same.
        area: (N,) square pixels.

    Returns:
        (N, K) indices of ``KINDS``; -1 where no label counts.
    """
    area = np.asarray(area, np.float64)
    sigmas = np.asarray(found.skeleton.sigmas, np.float64)
    own = similarity(found.xy, found.truth, area[:, None], sigmas)
    kinds = np.where(own >= _GOOD, GOOD, np.where(own >= _NEAR, JITTER, MISS)).astype(np.int8)
    twins = np.asarray(found.skeleton.flip_order)
    beside = _people_of(pictures)
    for n, k in np.argwhere((kinds == MISS) & found.is_counted):
        twin = int(twins[k])
        others = [m for m in beside[pictures[n]] if m != n]
        on_twin = _alike(found, n, k, [n], [twin], area) if twin != k else 0.0
        on_others = _alike(found, n, k, others, sorted({int(k), twin}), area)
        if max(on_twin, on_others) >= _NEAR:
            kinds[n, k] = INVERSION if on_twin >= on_others else SWAP
    kinds[~found.is_counted] = -1
    return kinds


def classify_found(found: Found, dataset: PoseDataset) -> NDArray[np.int8]:
    """Classify what was found in a data set, with its labelled areas, or else its boxes'."""
    inner = dataset.inner if isinstance(dataset, Remapped) else dataset
    table = table_of(inner)
    area = (table.bbox[:, 2:] - table.bbox[:, :2]).prod(axis=1).astype(np.float64)
    if isinstance(inner, CocoDataset):
        labelled = np.array([row.area or 0.0 for row in inner.rows])
        area = np.where(labelled > 0, labelled, area)
    where = np.where(table.is_known[..., None], table.xy, np.nan)
    with np.errstate(invalid="ignore"):
        extent = np.nanmax(where, axis=1) - np.nanmin(where, axis=1)
    area = np.where(area > 0, area, np.maximum(extent, 1.0).prod(axis=1))
    pictures = [table.pictures[row] or table.names[row] for row in found.rows]
    return classify(found, pictures, area[found.rows])


def _people_of(pictures: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    people: dict[Hashable, list[int]] = {}
    for n, picture in enumerate(pictures):
        people.setdefault(picture, []).append(n)
    return people


def _alike(
    found: Found, n: int, k: int, people: Sequence[int], keypoints: Sequence[int], area: Floats
) -> float:
    """The largest similarity of a found keypoint with labels of these people."""
    if not people:
        return 0.0
    at = np.ix_(people, keypoints)
    sigmas = np.asarray(found.skeleton.sigmas)[list(keypoints)]
    alike = similarity(found.xy[n, k], found.truth[at], area[list(people), None], sigmas)
    known: Bools = found.is_known[at]
    return float(np.where(known, alike, 0.0).max())


def shares(kinds: NDArray[np.int8]) -> NDArray[np.float64]:
    """(K + 1, 5) shares of ``KINDS`` for each keypoint and, last, all; NaN without labels.

    Args:
        kinds: (N, K) of ``classify``.
    """
    counts = np.stack([(kinds == kind).sum(axis=0) for kind in range(len(KINDS))], axis=1)
    counts = np.concatenate((counts, counts.sum(axis=0, keepdims=True)))
    with np.errstate(invalid="ignore"):
        part: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return part


def error_table(kinds: NDArray[np.int8], names: Sequence[str]) -> list[str]:
    """A Markdown table, per cent of the labels of each keypoint."""
    rows = [
        (name, *(f"{100 * v:.1f}" for v in row))
        for name, row in zip((*names, "all"), shares(kinds), strict=True)
        if np.isfinite(row).all()
    ]
    title = "errors by keypoint, per cent of its labels (Ronchi and Perona 2017)"
    return [title, "", *table(("keypoint", *KINDS), rows).split("\n")]
