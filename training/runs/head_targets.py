"""Make targets for MoveNet's four maps: a teacher's maps, corrected by labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadypose.export.models.center_decoding import DecodeCenter
from steadypose.export.models.movenet import Heads

# Fall-off of the published heatmaps around a keypoint, at 0, 1, 2 ... cells.
_PROFILE = (1.0, 0.66, 0.28, 0.12, 0.06, 0.03, 0.0, 0.0)
_PEAK_BY_PEOPLE, _PEAK_BY_TEACHER = 0.8, 0.65  # of a heatmap that is redrawn
_WRONG = 0.3  # torso lengths between a teacher's keypoint and its label
_EMPTIED = 5.0  # cells to clear around a wrong keypoint of the teacher
_NEAR = 3.0  # cells around a label that belong to the keypoint
_OWN = 5.0  # cells around the person's centre that belong to the person
_NEIGHBOR_SCORE = 0.1  # a teacher's heatmap above this may be a neighbour's keypoint
_TORSO_SHARE = 0.25  # of the crop's height, if no torso is labelled


class HeadTargets(NamedTuple):
    """Targets for ``Heads``; coordinates are (N, K, 2, h, w), y before x.

    Attributes:
        heatmap: (N, K, h, w) probabilities.
        weight: (N, K, h, w) 0 where a heatmap is not trained, else 1.
        center: (N, 1, h, w) probabilities.
        regress: Cells from a centre here to the keypoint.
        offset: Cells from this cell's corner to the keypoint.
    """

    heatmap: Tensor
    weight: Tensor
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
    """Correct a teacher's maps for a crop by labels.

    Maps contain more than coordinates: confidence and alternatives (Hinton et al. 2015,
    arXiv:1503.02531). So they are kept, neighbours included, if labels are not people's and
    the teacher's own keypoint is close to them. A keypoint that people labelled is drawn at
    the label with a high peak: soft targets on images that are hard for the teacher as well
    would only lower scores. The teacher's peaks for other people there are not trained away.

    Args:
        teacher: Its heads on the same crops.
        xy: (N, K, 2) crop pixels.
        is_known: (N, K) bool, labelled.
        is_by_people: (N, K) bool, labelled by people.
        torso_px: (N,) crop pixels, NaN where unknown.
        stride: Crop pixels per cell.

    Returns:
        Targets on the teacher's grid.
    """
    n, k, h, w = teacher.heatmap.shape
    decode = DecodeCenter(keypoints=k, grid_hw=(h, w), stride=stride).to(xy.device)
    person = decode.find(teacher)
    teacher_xy = person.xy
    torso = torch.where(torso_px > 0, torso_px, _TORSO_SHARE * h * stride)[:, None]
    corners = (xy + 0.5) / stride  # cell c lies from c to c + 1
    limit = torch.tensor((w, h), device=xy.device)
    is_inside = is_known & ((corners >= 0) & (corners < limit)).all(dim=2)
    is_wrong = is_inside & ((teacher_xy - xy).norm(dim=2) / torso > _WRONG)
    by_people = (is_by_people & is_inside)[..., None, None]
    wrong = is_wrong[..., None, None]
    seen = teacher.heatmap.float().sigmoid()
    of_label = _distances(corners - 0.5, h, w)
    of_teacher = _distances((teacher_xy + 0.5) / stride - 0.5, h, w)
    peak = torch.where(by_people, _PEAK_BY_PEOPLE, _PEAK_BY_TEACHER)
    drawn = _profile(of_label) * peak
    emptied = seen * (of_teacher / _EMPTIED).clamp(max=1.0) ** 2
    corrected = torch.where(by_people, drawn, torch.maximum(emptied, drawn))
    is_free = by_people & (seen > _NEIGHBOR_SCORE) & (of_label > _NEAR)
    is_free &= ~(wrong & (of_teacher < _EMPTIED))
    across, down = torch.arange(w, device=xy.device), torch.arange(h, device=xy.device)
    to_label = torch.stack(
        (
            (corners[..., 1, None, None] - down[:, None]).expand(n, k, h, w),
            (corners[..., 0, None, None] - across).expand(n, k, h, w),
        ),
        2,
    )
    at = by_people | wrong
    near = at & (of_label < _NEAR)
    # Neighbours' centres keep pointing at the neighbours' keypoints.
    is_own = (_distances(person.center_xy, h, w) < _OWN)[:, :, None]
    return HeadTargets(
        torch.where(at, corrected, seen),
        (~is_free).float(),
        teacher.center.float().sigmoid(),
        torch.where(at[:, :, None] & is_own, to_label, teacher.regress.float().view(n, k, 2, h, w)),
        torch.where(near[:, :, None], to_label, teacher.offset.float().view(n, k, 2, h, w)),
    )


def _distances(cells: Tensor, h: int, w: int) -> Tensor:
    """(N, K, 2) positions in cell indices to (N, K, h, w) distances of every cell, cells."""
    across = torch.arange(w, device=cells.device) - cells[..., 0:1]
    down = torch.arange(h, device=cells.device) - cells[..., 1:2]
    return torch.hypot(down[..., :, None], across[..., None, :])


def _profile(distance: Tensor) -> Tensor:
    table = torch.tensor(_PROFILE, device=distance.device)
    at = distance.clamp(max=len(_PROFILE) - 2)
    below = at.floor().long()
    return torch.lerp(table[below], table[below + 1], at - below)
