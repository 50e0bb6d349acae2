"""Run an engine over a data set, cropped as in the app, and collect its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop
from training.examples.sample import PoseDataset, Sample, usable, usable_from
from training.examples.strengths import LEAST_PX
from training.measures.metrics import limb_joints, pck, relative_error, torso_px

# Skeletons without shoulders and hips are measured against their box instead: about the
# torso's share of a standing person's box.
BOX_SHARE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Predictions and labels of N people, picture pixels.

    Attributes:
        skeleton: Of K keypoints.
        rows: Row of each person in the data set.
        xy: (N, K, 2) predicted.
        score: (N, K).
        truth: (N, K, 2) labelled; meaningless where not known.
        is_known: (N, K).
        is_counted: (N, K) labels to measure with.
        reference_px: (N,) length that PCK is relative to; NaN: the person is left out.
        head_px: (N,) head size for PCKh, NaN where unknown.
        is_hidden: (N, K) labelled although occluded; false if not specified.
    """

    skeleton: Skeleton
    rows: NDArray[np.int64]
    xy: NDArray[np.float64]
    score: NDArray[np.float32]
    truth: NDArray[np.float32]
    is_known: NDArray[np.bool_]
    is_counted: NDArray[np.bool_]
    reference_px: NDArray[np.float64]
    head_px: NDArray[np.float64]
    is_hidden: NDArray[np.bool_]

    @property
    def error(self) -> NDArray[np.float64]:
        """(N, K) distances in reference lengths."""
        return relative_error(self.xy, self.truth, self.reference_px)

    def pck(self, threshold: float = 0.2, *, keypoints: Sequence[int] | None = None) -> float:
        """PCK over some keypoints; default: all but the face."""
        chosen = limb_joints(self.skeleton) if keypoints is None else list(keypoints)
        return pck(self.error[:, chosen], self.is_counted[:, chosen], threshold)


def crop_of(
    image_bgr: NDArray[np.uint8],
    bbox: NDArray[np.float32],
    *,
    size_hw: tuple[int, int],
    padding: float,
) -> tuple[NDArray[np.uint8], CropTransform]:
    """Cut one person out exactly as the app does."""
    box = BBox(*(float(v) for v in bbox))
    (x, y), sides = box.center_xy, (box.width, box.height)
    half_w, half_h = (max(side, LEAST_PX) / 2 for side in sides)
    box = BBox(x - half_w, y - half_h, x + half_w, y + half_h)
    crop = np.empty((*size_hw, 3), np.uint8)
    place = place_crop(box, size_hw=size_hw, padding=padding)
    cut(image_bgr, place, crop)
    return crop, place


def crops_of(samples: Sequence[Sample], spec: ModelSpec) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 crops of people for a model."""
    return np.stack(
        [
            crop_of(s.image_bgr, s.bbox, size_hw=spec.input_hw, padding=spec.box_padding)[0]
            for s in samples
        ]
    )


def infer_crops(
    engine: Engine, crops: NDArray[np.uint8], *, is_flip_tested: bool = False
) -> NDArray[np.float32]:
    """Find the keypoints of crops, in crop pixels.

    Args:
        engine: Any backend.
        crops: (N, H, W, 3) uint8 BGR.
        is_flip_tested: Also run the mirrored crops and average both positions by score.
            (A model file exported with ``--flip-test`` averages heatmaps instead.)

    Returns:
        (N, K, 3) float32.
    """
    straight = engine.infer(crops).copy()
    if not is_flip_tested:
        return straight
    mirrored = engine.infer(np.ascontiguousarray(crops[:, :, ::-1])).copy()
    mirrored[..., 0] = crops.shape[2] - 1 - mirrored[..., 0]
    mirrored = mirrored[:, list(engine.spec.skeleton.flip_order)]
    weight = np.maximum(np.stack((straight[..., 2], mirrored[..., 2])), 1e-3)[..., None]
    both = np.stack((straight[..., :2], mirrored[..., :2]))
    is_near = np.linalg.norm(both[0] - both[1], axis=-1, keepdims=True) < crops.shape[1] / 16
    # Two predictions far apart have no meaningful mean: the one with the higher score is used.
    surer = np.where(weight[0] >= weight[1], both[0], both[1])
    xy = np.where(is_near, (both * weight).sum(0) / weight.sum(0), surer)
    score = (straight[..., 2:] + mirrored[..., 2:]) / 2
    return np.concatenate((xy, score), axis=-1).astype(np.float32)


def find_evenly(
    engine: Engine, dataset: PoseDataset, *, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops of evenly spaced people and the keypoints found in them: (N, H, W, 3), (N, K, 3)."""
    rows = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)
    crops = crops_of([usable_from(dataset, int(row)) for row in rows], engine.spec)
    return crops, infer_crops(engine, crops)


def in_batches(rows: Sequence[int], batch: int = 32) -> Iterator[Sequence[int]]:
    """Split rows into slices of at most ``batch``."""
    for first in range(0, len(rows), batch):
        yield rows[first : first + batch]


def measure(engine: Engine, dataset: PoseDataset, *, is_flip_tested: bool = False) -> Found:
    """Find every labelled person of a data set, with the labelled box.

    Raises:
        UsageError: The engine's skeleton is not the data set's.
        SteadyposeError: A picture cannot be read, or the engine fails.
    """
    spec = engine.spec
    if spec.skeleton.keypoints != dataset.skeleton.keypoints:
        raise UsageError(
            f"model {spec.name} finds {spec.skeleton.name}, data set {dataset.name} has "
            f"{dataset.skeleton.name}",
            fix="evaluate on data of the model's skeleton",
        )
    parts: list[tuple[int, Sample, NDArray[np.float64], NDArray[np.float32]]] = []
    nothing = np.zeros((0, 0, 3), np.uint8)
    for chunk in in_batches(range(len(dataset))):
        kept = list(usable(dataset, chunk))
        samples = [s for _, s in kept]
        if not samples:
            continue
        cuts = [
            crop_of(s.image_bgr, s.bbox, size_hw=spec.input_hw, padding=spec.box_padding)
            for s in samples
        ]
        found = infer_crops(
            engine, np.stack([crop for crop, _ in cuts]), is_flip_tested=is_flip_tested
        )
        for (row, sample), (_, place), points in zip(kept, cuts, found, strict=True):
            light = replace(sample, image_bgr=nothing)  # thousands of images would not fit
            parts.append((row, light, place.to_frame(points[:, :2]), points[:, 2]))
    if not parts:
        raise SourceError(
            f"data set {dataset.name} has no person with a usable label", fix="check its labels"
        )
    labels = [sample for _, sample, _, _ in parts]
    truth = np.stack([s.xy for s in labels])
    is_known = np.stack([s.is_known for s in labels])
    reference = torso_px(truth, is_known, spec.skeleton)
    if np.isnan(reference).all():
        boxes = np.stack([s.bbox for s in labels])
        reference = BOX_SHARE * (boxes[:, 2:] - boxes[:, :2]).max(axis=1).astype(np.float64)
    return Found(
        skeleton=spec.skeleton,
        rows=np.array([row for row, _, _, _ in parts]),
        xy=np.stack([xy for _, _, xy, _ in parts]),
        score=np.stack([score for _, _, _, score in parts]),
        truth=truth,
        is_known=is_known,
        is_counted=np.stack([s.is_counted for s in labels]),
        reference_px=reference,
        head_px=np.array([s.head_px for s in labels]),
        is_hidden=np.stack(
            [np.zeros_like(s.is_known) if s.is_hidden is None else s.is_hidden for s in labels]
        ),
    )
