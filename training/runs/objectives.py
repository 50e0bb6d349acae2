"""The objective of a training step, by the kind of a network's output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.models.movenet import Heads
from training.config import StageConfig
from training.examples.batches import FAR, Batch
from training.examples.targets import heatmap_targets
from training.measures.metrics import torso_px
from training.runs.head_targets import head_targets
from training.runs.losses import distillation_loss, heads_loss, heatmap_loss


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective of a training step.

    Attributes:
        loss: Function of the network's output, the batch (on the device), and the teacher's
            output (or None).
        gradient: Norm to which a step's gradient is clipped.
    """

    loss: Callable[[Any, Batch, Any], Tensor]
    gradient: float


def heatmap_objective(stage: StageConfig, *, stride: int, teacher_share: float) -> Objective:
    """Heatmaps against Gaussians at the labels, and against a teacher's heatmaps.

    Args:
        stage: Its sigma, crop size and hard keypoints.
        stride: Crop pixels per cell.
        teacher_share: Weight of the teacher against the labels.
    """

    def loss(found: Any, batch: Batch, taught: Any) -> Tensor:
        target, weight = heatmap_targets(
            batch.xy, batch.is_known, size_hw=stage.input, sigma=stage.sigma, stride=stride
        )
        own = heatmap_loss(found, target, weight, hard=stage.hard)
        if taught is None:
            return own
        assert isinstance(taught, Tensor)  # in eval mode it returns its last stage
        is_outside = (weight > 0) & (target.amax(dim=(2, 3)) == 0)
        distilled = distillation_loss(found, taught, (~is_outside).to(torch.float32))
        return (1.0 - teacher_share) * own + teacher_share * distilled

    return Objective(loss, gradient=0.05)  # means over cells are small


def heads_objective(skeleton: Skeleton, *, stride: int) -> Objective:
    """MoveNet's maps against a teacher's, corrected by labels.

    Args:
        skeleton: Of the labels.
        stride: Crop pixels per cell.
    """

    def loss(found: Any, batch: Batch, taught: Any) -> Tensor:
        assert isinstance(taught, Heads)
        assert batch.is_by_people is not None
        # Keypoints beyond the frame lie far away and cannot define a torso.
        is_inside = batch.is_known & (batch.xy > FAR / 2).all(dim=2)
        xy, is_known = batch.xy.cpu().numpy(), is_inside.cpu().numpy()
        torso = torch.from_numpy(torso_px(xy, is_known, skeleton).astype(np.float32))
        target = head_targets(
            taught,
            batch.xy,
            is_inside,
            batch.is_by_people,
            torso.to(batch.xy.device),
            stride=stride,
        )
        return heads_loss(found, target)

    return Objective(loss, gradient=5.0)  # sums over cells
