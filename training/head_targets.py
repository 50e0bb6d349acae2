"""What MoveNet's four maps should say: a teacher's maps, corrected where labels know better."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from export.center_decoding import DecodeCenter
from export.models.movenet import Heads

# How the published heatmaps fall off around a keypoint, at 0, 1, 2 ... cells.
_PROFILE = (1.0, 0.66, 0.28, 0.12, 0.06, 0.03, 0.0, 0.0)
_PEAK_BY_PEOPLE, _PEAK_BY_TEACHER = 0.75, 0.6  # of a corrected heatmap
_WRONG_BY_PEOPLE, _WRONG_BY_TEACHER = 0.2, 0.3  # torsos; nearer, the maps are the preciser
_EMPTIED = 5.0  # cells around a place where the teacher saw the keypoint wrongly
_NEAR = 3.0  # cells in which a corrected keypoint has an offset
_TORSO_SHARE = 0.25  # of the crop's height, where no torso is labelled


class HeadTargets(NamedTuple):
    """Targets for ``Heads``; coordinates are (N, K, 2, h, w), y before x.

    Attributes:
        heatmap: (N, K, h, w) probabilities.
        center: (N, 1, h, w) probabilities.
        regress: Cells from a centre here to the keypoint.
        offset: Cells from this cell's corner to the keypoint.
    """

    heatmap: Tensor
    center: Tensor
    regress: Tensor
    offset: Tensor


def head_targets(
    teacher: Heads,
    xy: Tensor,
    is_known: Tensor,
    is_by_people: Tensor,
    torso_px: Tensor,
    *,
    stride: int,
) -> HeadTargets:
    """A teacher's answer for a crop, corrected by labels that it contradicts.

    Maps say more than coordinates: how sure, and what else it could be (Hinton et al. 2015,
    arXiv:1503.02531). So they stand, neighbours included, where the teacher's own keypoint
    agrees with the label. Elsewhere the keypoint is emptied there and drawn at the label.

    Args:
        teacher: Its heads on the same crops.
        xy: (N, K, 2) crop pixels.
        is_known: (N, K) bool, inside the picture and labelled.
        is_by_people: (N, K) bool, labelled by people: believed sooner.
        torso_px: (N,) crop pixels, NaN where unknown.
        stride: Crop pixels per cell.
    """
    n, k, h, w = teacher.heatmap.shape
    decode = DecodeCenter(keypoints=k, grid_hw=(h, w), stride=stride).to(xy.device)
    said, _, _ = decode.find(teacher)
    torso = torch.where(torso_px > 0, torso_px, _TORSO_SHARE * h * stride)[:, None]
    wrong = torch.where(is_by_people, _WRONG_BY_PEOPLE, _WRONG_BY_TEACHER)
    corners = (xy + 0.5) / stride  # cell c lies from c to c + 1
    limit = torch.tensor((w, h), device=xy.device)
    is_inside = ((corners >= 0) & (corners < limit)).all(dim=2)
    is_wrong = is_known & is_inside & ((said - xy).norm(dim=2) / torso > wrong)
    heatmap = teacher.heatmap.float().sigmoid()
    of_label, of_teacher = (
        _distances(corners - 0.5, h, w),
        _distances((said + 0.5) / stride - 0.5, h, w),
    )
    peak = torch.where(is_by_people, _PEAK_BY_PEOPLE, _PEAK_BY_TEACHER)[..., None, None]
    emptied = heatmap * (of_teacher / _EMPTIED).clamp(max=1.0) ** 2
    corrected = torch.maximum(emptied, _profile(of_label) * peak)
    at = is_wrong[..., None, None]
    across, down = torch.arange(w, device=xy.device), torch.arange(h, device=xy.device)
    to_label = torch.stack(
        (
            (corners[..., 1, None, None] - down[:, None]).expand(n, k, h, w),
            (corners[..., 0, None, None] - across).expand(n, k, h, w),
        ),
        2,
    )
    regress = teacher.regress.float().view(n, k, 2, h, w)
    offset = teacher.offset.float().view(n, k, 2, h, w)
    return HeadTargets(
        torch.where(at, corrected, heatmap),
        teacher.center.float().sigmoid(),
        torch.where(at[:, :, None], to_label, regress),
        torch.where((at & (of_label < _NEAR))[:, :, None], to_label, offset),
    )


def _distances(cells: Tensor, h: int, w: int) -> Tensor:
    """(N, K, 2) places in cell indices to (N, K, h, w) distances of every cell, cells."""
    across = torch.arange(w, device=cells.device) - cells[..., 0:1]
    down = torch.arange(h, device=cells.device) - cells[..., 1:2]
    return torch.hypot(down[..., :, None], across[..., None, :])


def _profile(distance: Tensor) -> Tensor:
    table = torch.tensor(_PROFILE, device=distance.device)
    at = distance.clamp(max=len(_PROFILE) - 2)
    below = at.floor().long()
    return torch.lerp(table[below], table[below + 1], at - below)
