"""Compute COCO keypoint AP and AR through pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from steadypose.engines.base import Engine
from steadypose.engines.errors import SourceError
from training.datasets.coco import CocoDataset, corners, read_json
from training.measures.measure import crop_of, in_batches, infer_crops

STATISTICS = ("AP", "AP50", "AP75", "AP (M)", "AP (L)", "AR", "AR50", "AR75", "AR (M)", "AR (L)")
_LEAST_SCORE = 0.2  # keypoints that count for a pose's score, as in Xiao et al. 2018


class _Job(NamedTuple):
    """One box to find a pose in: of a labelled row, or a detector's."""

    image_id: int
    row: int | None
    bbox: NDArray[np.float32] | None
    score: float


def load_detections(path: Path, *, category: int) -> list[dict[str, Any]]:
    """Load a detector's person boxes, in COCO's results format.

    Args:
        path: JSON list of ``image_id``, ``category_id``, ``bbox`` (x, y, w, h), ``score``.
        category: Keep this category.

    Raises:
        SourceError: The file is missing or has another format.
    """
    data = read_json(path)
    try:
        return [
            {"image_id": int(d["image_id"]), "bbox": d["bbox"], "score": float(d["score"])}
            for d in data
            if int(d["category_id"]) == category and _has_area(d["bbox"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} is no COCO list of detections: {error!r}",
            fix="it must be a JSON list of image_id, category_id, bbox and score",
        ) from error


def _has_area(bbox_xywh: Sequence[float]) -> bool:
    """Check a box: four numbers, or ValueError."""
    _, _, w, h = (float(v) for v in bbox_xywh)
    return min(w, h) > 0


def find_poses(
    engine: Engine,
    dataset: CocoDataset,
    detections: Sequence[dict[str, Any]] | None = None,
    *,
    batch: int = 32,
    is_flip_tested: bool = False,
) -> list[dict[str, Any]]:
    """Find poses, in COCO's results format.

    Args:
        engine: Any backend, with the data set's skeleton.
        dataset: Pictures and labels.
        detections: Boxes of ``load_detections``; None: the labelled boxes.
        batch: Crops at a time.
        is_flip_tested: See ``infer_crops``.

    Returns:
        One entry per box; its score is the box's times the mean of the keypoints'
        scores above 0.2.
    """
    todo = _labelled(dataset) if detections is None else _detected(dataset, detections)
    spec = engine.spec
    results = []
    for numbers in in_batches(range(len(todo)), batch):
        jobs = [todo[n] for n in numbers]
        cuts = [
            crop_of(
                *_picture_and_box(dataset, job), size_hw=spec.input_hw, padding=spec.box_padding
            )
            for job in jobs
        ]
        crops = np.stack([crop for crop, _ in cuts])
        found = infer_crops(engine, crops, is_flip_tested=is_flip_tested)
        for job, (_, place), points in zip(jobs, cuts, found, strict=True):
            xy, score = place.to_frame(points[:, :2]), points[:, 2]
            sure = score[score > _LEAST_SCORE]
            flat = np.column_stack((xy, score)).ravel()
            results.append(
                {
                    "image_id": job.image_id,
                    "category_id": dataset.category_id,
                    "keypoints": [float(v) for v in flat],
                    "score": job.score * float(sure.mean() if sure.size else 0.0),
                }
            )
    return results


def _picture_and_box(
    dataset: CocoDataset, job: _Job
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    if job.row is None:
        assert job.bbox is not None
        return dataset.image(job.image_id), job.bbox
    sample = dataset.sample(job.row)
    return sample.image_bgr, sample.bbox


def _labelled(dataset: CocoDataset) -> list[_Job]:
    return [_Job(dataset.image_id(row), row, None, 1.0) for row in range(len(dataset))]


def _detected(dataset: CocoDataset, detections: Sequence[dict[str, Any]]) -> list[_Job]:
    """Boxes in any image of the file: those without labels can hold false positives."""
    known = set(dataset.image_ids)
    return [
        _Job(found["image_id"], None, corners(found["bbox"]), found["score"])
        for found in detections
        if found["image_id"] in known
    ]


def ground_truth(dataset: CocoDataset) -> dict[str, Any]:
    """The labels in pycocotools' form: every entry present, ids from 1, one category.

    (It treats an annotation with id 0 as unmatched, and needs boxes and areas.)
    """
    annotations = []
    for number, row in enumerate(dataset.annotations_of_category(), start=1):
        keypoints = np.array(row.get("keypoints") or [0] * (3 * len(dataset.skeleton)), float)
        seen = keypoints.reshape(-1, 3)
        bbox = row.get("bbox") or _tight_xywh(seen)
        annotations.append(
            {
                "id": number,
                "image_id": int(row["image_id"]),
                "category_id": 1,
                "keypoints": [float(v) for v in keypoints],
                "num_keypoints": int((seen[:, 2] > 0).sum()),
                "bbox": [float(v) for v in bbox],
                "area": float(row.get("area") or bbox[2] * bbox[3]),
                "iscrowd": int(row.get("iscrowd") or 0),
            }
        )
    return {
        "images": [{"id": i} for i in dataset.image_ids],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "category"}],
    }


def _tight_xywh(keypoints: NDArray[np.float64]) -> tuple[float, float, float, float]:
    known = keypoints[keypoints[:, 2] > 0, :2]
    if not len(known):
        return (0.0, 0.0, 1.0, 1.0)
    (x1, y1), (x2, y2) = known.min(axis=0), known.max(axis=0)
    return float(x1), float(y1), float(max(x2 - x1, 1.0)), float(max(y2 - y1, 1.0))


def average_precision(
    dataset: CocoDataset, results: Sequence[dict[str, Any]], *, sigmas: Sequence[float]
) -> dict[str, float]:
    """OKS AP and AR as the COCO server reports them, over all pictures of the file.

    Args:
        dataset: The labels.
        results: Of ``find_poses``.
        sigmas: Of the skeleton, one per keypoint.

    Returns:
        The ten ``STATISTICS``; -1 where no label belongs to a size class.
    """
    if not results:
        return dict.fromkeys(STATISTICS, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth = COCO()
        truth.dataset = ground_truth(dataset)
        truth.createIndex()
        found = truth.loadRes([{**result, "category_id": 1} for result in results])
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(v) for name, v in zip(STATISTICS, evaluation.stats, strict=True)}
