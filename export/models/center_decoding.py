"""Decode MoveNet's four maps: the person in the middle, and others roughly."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from steadypose.export.models.movenet import Heads, SparseHeads
from steadypose.export.models.registry import PUBLISHED_SOFTNESS

PEAK_SCORE = (1.0, 0.0, 0.0)
"""MoveNet's published score: the heatmap's peak."""

OTHERS = 3
"""Further people in the output for a crop."""

_NO_CENTER = -30.0  # logit of a cell that is no centre
_REACH = 2  # cells around a centre that belong to it


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
    """Convert heads to keypoints in crop pixels, for the person whose centre is most central.

    The centre's peak, divided by its distance from the grid's middle, selects the person;
    the regression there locates each keypoint roughly; the heatmap's peak, divided by its
    distance from there, is the keypoint's cell, and the offset its position in the cell.

    Args:
        keypoints: K.
        grid_hw: Height and width of the maps, cells.
        stride: Crop pixels per cell.
        softness: Cells added to a distance before dividing; more makes the distance count
            less. The published graph is for whole images and has 1.8; a crop around one
            person can trust its heatmaps more.
        score: Weight of the heatmap's logit, of the centre's logit, and a constant: their
            sum is the logit of the score.
        others: Number of further people to return, placed roughly by the regressions.

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
        others: int = 0,
    ) -> None:
        super().__init__()
        height, width = grid_hw
        self._keypoints, self._height, self._width = keypoints, height, width
        self._stride, self._score, self._softness, self._others = stride, score, softness, others
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        self.register_buffer("x", x.flatten().float().view(1, 1, -1))
        self.register_buffer("y", y.flatten().float().view(1, 1, -1))
        far = torch.hypot(self.y - height / 2, self.x - width / 2) + PUBLISHED_SOFTNESS
        self.register_buffer("nearness", 1.0 / far)
        step = torch.arange(-1.0, 2.0)
        self.register_buffer("dx", step.repeat(3))
        self.register_buffer("dy", step.repeat_interleave(3))

    def forward(self, heads: Heads | SparseHeads) -> Tensor:
        """Maps to (N, K * (1 + others), 3): x, y in crop pixels, score in [0, 1]."""
        found = self.find(heads)
        people = [torch.cat((found.xy, self._scores(found.heatmap, found.center)), 2)]
        if self._others:
            people.append(self._further(heads, found.center_xy))
        return torch.cat(people, 1)

    def _scores(self, heatmap: Tensor, center: Tensor) -> Tensor:
        of_heatmap, of_center, constant = self._score
        logit = heatmap * of_heatmap + constant
        return torch.sigmoid(logit + center * of_center if of_center else logit)

    def _further(self, heads: Heads | SparseHeads, center_xy: Tensor) -> Tensor:
        """(N, others * K, 3): people at the highest centre peaks except the first."""
        around, size = 2 * _REACH + 1, (self._height, self._width)
        center = heads.center.float()
        is_peak = functional.max_pool2d(center, around, 1, _REACH) == center
        far = torch.maximum(
            torch.abs(self.x - center_xy[..., :1]), torch.abs(self.y - center_xy[..., 1:])
        )
        is_other = is_peak & (far > _REACH).unflatten(2, size)
        peaks = torch.where(is_other, center, _NO_CENTER).flatten(2)
        likelihood, cells = torch.topk(peaks, self._others, dim=2)
        rough = heads.regress_at(cells[:, 0])
        x0, y0 = self._cell(cells)
        x, y = x0 + rough[..., 1], y0 + rough[..., 0]
        column = torch.clamp(torch.round(x)[..., None] + self.dx, 0, self._width - 1)
        row = torch.clamp(torch.round(y)[..., None] + self.dy, 0, self._height - 1)
        near = (row * self._width + column).to(torch.int64).flatten(2)
        evidence = heads.heatmap.float().flatten(2).gather(2, near).unflatten(2, (self._others, 9))
        score = self._scores(evidence.amax(3), likelihood)
        if not self._score[1]:  # a score that ignores the person's logit
            score = score * torch.sigmoid(likelihood)
        found = torch.stack((x, y), 3) + 0.5
        # (N, K, others, 3) to (N, others * K, 3).
        people = torch.cat((found * self._stride - 0.5, score[..., None]), 3)
        return people.transpose(1, 2).flatten(1, 2)

    def find(self, heads: Heads | SparseHeads) -> Person:
        """The most central person of each crop, and the evidence for each keypoint."""
        logits, center = heads.heatmap.float().flatten(2), heads.center.float().flatten(2)
        _, person = torch.topk(torch.sigmoid(center) * self.nearness, 1, dim=2)
        x0, y0 = self._cell(person)
        rough = heads.regress_at(person[:, 0])[:, :, 0]
        dx, dy = self.x - (x0 + rough[..., 1:]), self.y - (y0 + rough[..., :1])
        weighted = torch.sigmoid(logits) / (torch.sqrt(dx * dx + dy * dy) + self._softness)
        _, cell = torch.topk(weighted, 1, dim=2)
        x, y = self._cell(cell)
        offset = heads.offset_at(cell[..., 0])
        # Cell c begins at pixel edge c * stride, half a pixel before a pixel's centre.
        xy = torch.cat((x + offset[..., 1:], y + offset[..., :1]), 2) * self._stride - 0.5
        center_xy = torch.cat((x0, y0), 2)
        return Person(xy, logits.gather(2, cell), center.gather(2, person), center_xy)

    def _cell(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """X and y of a flat index; in floats, because integer division differs between backends."""
        cell = index.to(torch.float32)
        y = torch.floor((cell + 0.5) / self._width)
        return cell - y * self._width, y
