"""The losses of training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from steadypose.export.models.movenet import Heads
from training.runs.head_targets import HeadTargets


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


def heads_loss(found: Heads, target: HeadTargets) -> Tensor:
    """Distance of MoveNet's maps from their targets.

    Heatmaps and centres: the Kullback-Leibler divergence of every cell, weighted by the
    larger of the two there, since thousands of nearly empty cells would outweigh all
    keypoints. Regressions count near centres, offsets near keypoints, by L1.

    Args:
        found: The network's.
        target: See ``training.runs.head_targets``.

    Source:
        CenterNet, Zhou et al. 2019 (arXiv:1904.07850), section 4, with soft targets.
    """
    n, k, h, w = target.heatmap.shape
    heatmap = (_divergence(found.heatmap.float(), target.heatmap) * target.weight).sum() / (n * k)
    center = _divergence(found.center.float(), target.center).sum() / n
    near_center = torch.where(target.center > 0.1, target.center**2, 0.0)[:, :, None]
    near_keypoint = torch.where(target.heatmap > 0.1, target.heatmap, 0.0)[:, :, None]
    regress = (found.regress.float().view(n, k, 2, h, w) - target.regress).abs().clamp(max=12.0)
    offset = (found.offset.float().view(n, k, 2, h, w) - target.offset).abs().clamp(max=3.0)
    return (
        heatmap
        + 0.2 * center
        + 0.3 * (regress * near_center).sum() / (near_center.sum() * 2 * k + 1.0)
        + 2.0 * (offset * near_keypoint).sum() / (near_keypoint.sum() * 2 + 1.0)
    )


def _divergence(logits: Tensor, target: Tensor) -> Tensor:
    cross = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    sure = target.clamp(1e-6, 1.0 - 1e-6)
    own = -(target * sure.log() + (1.0 - target) * (1.0 - sure).log())
    return (cross - own) * (0.02 + 6.0 * torch.maximum(target, logits.detach().sigmoid()))
