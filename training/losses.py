"""What training minimises."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def heatmap_loss(
    found: Tensor | Sequence[Tensor], target: Tensor, weight: Tensor, *, hard: int = 0
) -> Tensor:
    """Mean squared error over the heatmaps that count.

    Args:
        found: (N, K, h, w) heatmaps, or one such tensor per stage of a multi-stage
            network: each stage is compared with the same target and the losses add up
            (intermediate supervision: Wei et al. 2016, arXiv:1602.00134).
        target: (N, K, h, w).
        weight: (N, K), 0 where the keypoint is unknown.
        hard: Online hard keypoint mining (Chen et al. 2018, arXiv:1711.07319): in the
            last stage only the ``hard`` worst keypoints of each person count; 0: all.

    Returns:
        A scalar: the mean over cells, then over the keypoints that count; 0 where none.

    Source:
        Tompson et al. 2014 (arXiv:1406.2984), equation 1; target weights as in
        Xiao et al. 2018 (arXiv:1804.06208).
    """
    stages = [found] if isinstance(found, Tensor) else list(found)
    total = target.new_zeros(())
    for number, stage in enumerate(stages):
        error = ((stage.float() - target) ** 2).mean(dim=(2, 3)) * weight
        counts = weight
        if hard and number == len(stages) - 1:
            error, chosen = torch.topk(error, min(hard, error.shape[1]), dim=1)
            counts = weight.gather(1, chosen)
        total = total + error.sum() / counts.sum().clamp(min=1.0)
    return total


def distillation_loss(
    found: Tensor | Sequence[Tensor], teacher: Tensor, is_inside: Tensor
) -> Tensor:
    """Mean squared error to a teacher's heatmaps, keypoints without labels included.

    Args:
        found: As for ``heatmap_loss``.
        teacher: (N, K, h, w) of the trained network on the same crops.
        is_inside: (N, K), 0 for keypoints known to lie outside the crop: there the
            label is right and the teacher may be wrong.

    Source:
        Hinton, Vinyals, Dean 2015 (arXiv:1503.02531); for heatmaps: Zhang, Zhu, Ye
        2019 (arXiv:1811.05419).
    """
    return heatmap_loss(found, teacher.float(), is_inside)
