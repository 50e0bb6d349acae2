"""Encode keypoints as heatmaps, the exact inverse of the model file's decoding."""

from __future__ import annotations

import torch
from torch import Tensor


def heatmap_targets(
    xy: Tensor, is_known: Tensor, *, size_hw: tuple[int, int], sigma: float, stride: int
) -> tuple[Tensor, Tensor]:
    """Draw Gaussians around the keypoints, and mark the heatmaps that count.

    A keypoint that is known to lie outside the crop has an empty heatmap that counts:
    this teaches low scores for legs under a desk.

    Args:
        xy: (N, K, 2) float32 crop pixels, pixel centres at integers.
        is_known: (N, K) bool.
        size_hw: Crop height and width, pixels.
        sigma: Standard deviation, heatmap cells.
        stride: Crop pixels per cell.

    Returns:
        (N, K, H/stride, W/stride) float32 targets with peak 1, and (N, K) float32 weights, 0 or 1.

    Source:
        Tompson et al. 2014 (arXiv:1406.2984), section 3.1; cell i lies at
        (i + 0.5) * stride - 0.5 crop pixels ("half" cells of ``models.decoding.Decode``).
    """
    h, w = size_hw[0] // stride, size_hw[1] // stride
    cells = (xy.to(torch.float32) + 0.5) / stride - 0.5
    x, y = cells[..., 0:1], cells[..., 1:2]
    across = torch.arange(w, device=xy.device, dtype=torch.float32)
    down = torch.arange(h, device=xy.device, dtype=torch.float32)
    gx = torch.exp(-((across - x) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((down - y) ** 2) / (2 * sigma**2))
    is_inside = (x >= -0.5) & (x <= w - 0.5) & (y >= -0.5) & (y <= h - 0.5)
    gy = torch.where(is_inside & is_known[..., None], gy, torch.zeros_like(gy))
    return gy[..., :, None] * gx[..., None, :], is_known.to(torch.float32)
