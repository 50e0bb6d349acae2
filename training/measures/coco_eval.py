"""Compute COCO keypoint AP and AR through pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from steadypose.engines.base import Engine
from steadypose.engines.errors import SourceError
from steadypose.engines.file_io import replace_text, writing
from training.datasets.box_forms import wrong_boxes
from training.datasets.coco import CocoDataset, corners
from training.datasets.coco_file import Id, as_id, as_number, read_json, reason
from training.examples.sample import usable
from training.measures.measure import crop_of, in_batches, infer_crops

STATISTICS = ("AP", "AP50", "AP75", "AP (M)", "AP (L)", "AR", "AR50", "AR75", "AR (M)", "AR (L)")
_LEAST_SCORE = 0.2  # keypoints that count for a pose's score, as in Xiao et al. 2018


class _Job(NamedTuple):
    """One box to find a pose in: of a labelled row, or a detector's."""

    image_id: Id
    row: int | None
    bbox: NDArray[np.float32] | None
    score: float


def load_detections(path: Path, *, dataset: CocoDataset) -> list[dict[str, Any]]:
    """Load a detector's person boxes, in COCO's results format.

    Args:
        path: JSON list of ``image_id``, ``category_id``, ``bbox`` (x, y, w, h), ``score``.
        dataset: Its category and pictures are kept.

    Raises:
        SourceError: The file is missing or has another format, or nothing is left.
    """
    data = read_json(path)
    try:
        found: list[dict[str, Any]] = [
            {
                "image_id": as_id(d["image_id"]),
                "bbox": _box(d["bbox"]),
                "score": as_number(d["score"]),
                "is_meant": as_id(d["category_id"]) == dataset.category_id,
            }
            for d in data
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} is no COCO list of detections: {reason(error)}",
            fix="it must be a JSON list of image_id, category_id, bbox and score",
        ) from error
    meant = [d for d in found if d.pop("is_meant")]
    listed = [d for d in meant if d["image_id"] in dataset.file.images]
    kept = [d for d in listed if min(d["bbox"][2:]) > 0]
    if not kept:
        counts = {
            f"of another category than {dataset.category_id}": len(found) - len(meant),
            f"of pictures that {dataset.name} does not list": len(meant) - len(listed),
            "without area": len(listed) - len(kept),
        }
        why = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "the list is empty"
        raise SourceError(
            f"{path} has no box to measure with: {why}",
            fix="take detections of the same pictures, with the labels' ids",
        )
    sizes = [dataset.file.images[d["image_id"]].size_hw for d in kept]
    size_wh = np.array([(np.nan, np.nan) if hw is None else hw[::-1] for hw in sizes], np.float64)
    wrong = wrong_boxes(np.array([d["bbox"] for d in kept]), size_wh)
    if wrong is not None:
        raise SourceError(f"{path} has {wrong[0]}", fix=wrong[1])
    return kept


def _box(bbox_xywh: Sequence[Any]) -> list[float]:
    """Check a box: four numbers, or ValueError."""
    x, y, w, h = (as_number(v) for v in bbox_xywh)
    return [x, y, w, h]


def find_poses(
    engine: Engine,
    dataset: CocoDataset,
    detections: Sequence[dict[str, Any]] | None = None,
    *,
    is_flip_tested: bool = False,
) -> list[dict[str, Any]]:
    """Find poses, in COCO's results format.

    Args:
        engine: Any backend, with the data set's skeleton.
        dataset: Pictures and labels.
        detections: Boxes of ``load_detections``; None: the labelled boxes.
        is_flip_tested: See ``infer_crops``.

    Returns:
        One entry per box; its score is the box's times the mean of the keypoints'
        scores above 0.2, its area the box's.
    """
    todo = _labelled(dataset) if detections is None else _detected(detections)
    spec = engine.spec
    results = []
    for numbers in in_batches(range(len(todo))):
        jobs, cuts, areas = [], [], []
        for job in (todo[n] for n in numbers):
            for image, bbox in _picture_and_box(dataset, job):
                cut = crop_of(image, bbox, size_hw=spec.input_hw, padding=spec.box_padding)
                jobs.append(job)
                cuts.append(cut)
                areas.append(float((bbox[2] - bbox[0]) * (bbox[3] - bbox[1])))
        if not cuts:
            continue
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
                    "area": areas.pop(0),
                }
            )
    return results


def save_results(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Write poses as COCO's results format, which pycocotools' ``loadRes`` reads.

    Raises:
        RecordError: The file cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        standard = [{k: v for k, v in result.items() if k != "area"} for result in results]
        replace_text(path, json.dumps(standard) + "\n")


def _picture_and_box(
    dataset: CocoDataset, job: _Job
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """One, or none for a person without a usable label."""
    if job.row is None:
        assert job.bbox is not None
        yield dataset.image(job.image_id), job.bbox
        return
    for _, sample in usable(dataset, [job.row]):
        yield sample.image_bgr, sample.bbox


def _labelled(dataset: CocoDataset) -> list[_Job]:
    return [_Job(dataset.image_id(row), row, None, 1.0) for row in range(len(dataset))]


def _detected(detections: Sequence[dict[str, Any]]) -> list[_Job]:
    """Boxes in any image of the file: those without labels can hold false positives."""
    return [
        _Job(found["image_id"], None, corners(found["bbox"]), found["score"])
        for found in detections
    ]


def ground_truth(dataset: CocoDataset, numbers: Mapping[Id, int]) -> dict[str, Any]:
    """The labels in pycocotools' form: every entry present, ids from 1, one category.

    (It treats an annotation with id 0 as unmatched, and needs boxes and areas.)

    Args:
        dataset: The labels.
        numbers: A number for every picture: ids may be words, too.
    """
    annotations = []
    listed = [row for row in dataset.all if row.image_id in numbers]
    for number, row in enumerate(listed, start=1):
        seen = np.where(np.isfinite(table := dataset.keypoints_of(row)), table, 0.0)
        bbox = row.bbox or _tight_xywh(seen)
        annotations.append(
            {
                "id": number,
                "image_id": numbers[row.image_id],
                "category_id": 1,
                "keypoints": [float(v) for v in seen.ravel()],
                "num_keypoints": int((seen[:, 2] > 0).sum()),
                "bbox": [float(v) for v in bbox],
                "area": float(row.area or bbox[2] * bbox[3]),
                "iscrowd": int(row.is_crowd),
            }
        )
    return {
        "images": [{"id": number} for number in numbers.values()],
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
    numbers = {image_id: n for n, image_id in enumerate(dataset.image_ids, start=1)}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth = COCO()
        truth.dataset = ground_truth(dataset, numbers)
        truth.createIndex()
        found = truth.loadRes(
            [{**r, "image_id": numbers[r["image_id"]], "category_id": 1} for r in results]
        )
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(v) for name, v in zip(STATISTICS, evaluation.stats, strict=True)}
