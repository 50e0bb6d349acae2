"""Keypoints of the person in the middle, from MoveNet's four maps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from export.models.movenet import Heads
from export.models.registry import PUBLISHED_SOFTNESS

PEAK_SCORE = (1.0, 0.0, 0.0)
"""MoveNet's published score: the heatmap's peak."""


class Person(NamedTuple):
    """The most central person of N crops.

    Attributes:
        xy: (N, K, 2) crop pixels.
        heatmap: (N, K, 1) logits of the heatmaps there.
        center: (N, 1, 1) logit of the person's centre.
        center_xy: (N, 1, 2) its cell.
    """

    xy: Tensor
    heatmap: Tensor
    center: Tensor
    center_xy: Tensor


class DecodeCenter(nn.Module):
    """Heads to keypoints in crop pixels: the person whose centre is most central wins.

    The centre's peak, divided by its distance from the grid's middle, names the person;
    the regression there says roughly where each keypoint is; the heatmap's peak, divided
    by its distance from there, is the keypoint's cell, and the offset its place in it.

    Args:
        keypoints: K.
        grid_hw: Height and width of the maps, cells.
        stride: Crop pixels per cell.
        softness: Cells added to a distance before it divides: how much it counts. The
            published graph looks at whole pictures and has 1.8; a crop around one person
            can trust its heatmaps more.
        score: Weight of the heatmap's logit, of the centre's logit, and a constant: their
            sum is the logit of the score.

    Source: MoveNet SinglePose v4, its published graph; scores: Platt 1999, with the person's
    logit as a second feature.
    """

    def __init__(
        self,
        *,
        keypoints: int,
        grid_hw: tuple[int, int],
        stride: int,
        softness: float = PUBLISHED_SOFTNESS,
        score: tuple[float, float, float] = PEAK_SCORE,
    ) -> None:
        super().__init__()
        height, width = grid_hw
        self._keypoints, self._width, self._stride, self._score = keypoints, width, stride, score
        self._softness = softness
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        self.register_buffer("x", x.flatten().float().view(1, 1, -1))
        self.register_buffer("y", y.flatten().float().view(1, 1, -1))
        far = torch.hypot(self.y - height / 2, self.x - width / 2) + PUBLISHED_SOFTNESS
        self.register_buffer("nearness", 1.0 / far)

    def forward(self, heads: Heads) -> Tensor:
        """Maps to (N, K, 3): x, y in crop pixels, score in [0, 1]."""
        found = self.find(heads)
        of_heatmap, of_center, constant = self._score
        logit = found.heatmap * of_heatmap + constant
        if of_center:
            logit = logit + found.center * of_center
        return torch.cat((found.xy, torch.sigmoid(logit)), 2)

    def find(self, heads: Heads) -> Person:
        """The most central person of each crop, and the evidence for each keypoint."""
        logits, center = heads.heatmap.float().flatten(2), heads.center.float().flatten(2)
        k = self._keypoints
        _, person = torch.topk(torch.sigmoid(center) * self.nearness, 1, dim=2)
        x0, y0 = self._cell(person)
        rough = heads.regress.float().flatten(2).gather(2, person.expand(-1, 2 * k, 1))
        rough = rough.reshape(-1, k, 2)
        dx, dy = self.x - (x0 + rough[..., 1:]), self.y - (y0 + rough[..., :1])
        weighted = torch.sigmoid(logits) / (torch.sqrt(dx * dx + dy * dy) + self._softness)
        _, cell = torch.topk(weighted, 1, dim=2)
        x, y = self._cell(cell)
        offset = heads.offset.float().flatten(2).reshape(-1, k, 2, self.x.shape[2])
        offset = offset.gather(3, cell[..., None].expand(-1, -1, 2, 1))[..., 0]
        # Cell c begins at pixel edge c * stride, half a pixel before a pixel's centre.
        xy = torch.cat((x + offset[..., 1:], y + offset[..., :1]), 2) * self._stride - 0.5
        center_xy = torch.cat((x0, y0), 2)
        return Person(xy, logits.gather(2, cell), center.gather(2, person), center_xy)

    def _cell(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """X and y of a flat index; by floats, as no backend's integer division is trusted."""
        cell = index.to(torch.float32)
        y = torch.floor((cell + 0.5) / self._width)
        return cell - y * self._width, y
