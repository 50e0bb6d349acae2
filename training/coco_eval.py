"""COCO keypoint AP and AR through pycocotools."""

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

from engines.base import Engine
from engines.errors import SourceError
from training.datasets.coco import CocoDataset, read_json
from training.measure import crop_of, in_batches, infer_crops

STATISTICS = ("AP", "AP50", "AP75", "AP (M)", "AP (L)", "AR", "AR50", "AR75", "AR (M)", "AR (L)")
_LEAST_SCORE = 0.2  # keypoints that count for a pose's score, as in Xiao et al. 2018


class _Job(NamedTuple):
    """One box to look into; the labelled one where ``bbox`` is None."""

    row: int
    bbox: NDArray[np.float32] | None
    score: float


def load_detections(path: Path, *, category: int) -> list[dict[str, Any]]:
    """Person boxes of a detector, in COCO's results format.

    Args:
        path: JSON list of ``image_id``, ``category_id``, ``bbox`` (x, y, w, h), ``score``.
        category: Keep this category.

    Raises:
        SourceError: The file is missing or something else.
    """
    data = read_json(path)
    try:
        return [
            {"image_id": int(d["image_id"]), "bbox": d["bbox"], "score": float(d["score"])}
            for d in data
            if int(d["category_id"]) == category and min(d["bbox"][2:]) > 0
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} is no COCO list of detections: {error!r}",
            fix="it must be a JSON list of image_id, category_id, bbox and score",
        ) from error


def find_poses(
    engine: Engine,
    dataset: CocoDataset,
    detections: Sequence[dict[str, Any]] | None = None,
    *,
    batch: int = 32,
    is_flip_tested: bool = False,
) -> list[dict[str, Any]]:
    """Poses in COCO's results format.

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
        samples = [dataset.sample(job.row) for job in jobs]
        cuts = [
            crop_of(
                s,
                s.bbox if job.bbox is None else job.bbox,
                size_hw=spec.input_hw,
                padding=spec.box_padding,
            )
            for s, job in zip(samples, jobs, strict=True)
        ]
        crops = np.stack([crop for crop, _ in cuts])
        found = infer_crops(engine, crops, is_flip_tested=is_flip_tested)
        for job, (_, place), points in zip(jobs, cuts, found, strict=True):
            xy, score = place.to_frame(points[:, :2]), points[:, 2]
            sure = score[score > _LEAST_SCORE]
            flat = np.column_stack((xy, score)).ravel()
            results.append(
                {
                    "image_id": dataset.image_id(job.row),
                    "category_id": dataset.category_id,
                    "keypoints": [float(v) for v in flat],
                    "score": job.score * float(sure.mean() if sure.size else 0.0),
                }
            )
    return results


def _labelled(dataset: CocoDataset) -> list[_Job]:
    return [_Job(row, None, 1.0) for row in range(len(dataset))]


def _detected(dataset: CocoDataset, detections: Sequence[dict[str, Any]]) -> list[_Job]:
    """Boxes in the data set's pictures; any row of a picture loads that picture."""
    row_of = {dataset.image_id(row): row for row in range(len(dataset))}
    jobs = []
    for found in detections:
        if found["image_id"] in row_of:
            x, y, w, h = found["bbox"]
            bbox = np.array((x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5), np.float32)
            jobs.append(_Job(row_of[found["image_id"]], bbox, found["score"]))
    return jobs


def average_precision(
    annotations: Path, results: Sequence[dict[str, Any]], *, sigmas: Sequence[float]
) -> dict[str, float]:
    """OKS AP and AR as the COCO server reports them.

    Args:
        annotations: The COCO keypoint file.
        results: Of ``find_poses``.
        sigmas: Of the skeleton, one per keypoint.

    Returns:
        The ten ``STATISTICS``; -1 where no label belongs to a size class.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth = COCO(str(annotations))
        for annotation in truth.anns.values():
            annotation.setdefault("iscrowd", 0)
            annotation.setdefault("area", float(np.prod(annotation.get("bbox", (0, 0, 0, 0))[2:])))
            annotation.setdefault(
                "num_keypoints", sum(v > 0 for v in annotation.get("keypoints", ())[2::3])
            )
        evaluation = COCOeval(truth, truth.loadRes(list(results)), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.params.imgIds = sorted({r["image_id"] for r in results})
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(v) for name, v in zip(STATISTICS, evaluation.stats, strict=True)}
