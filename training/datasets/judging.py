"""Judge labels before anything is learnt from them: what cannot be, and what is unlikely.

What contradicts itself for most people of a data set is an error: training would learn it in
silence. What a few people have is a note: it may be true.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.skeleton import Skeleton
from training.datasets.box_forms import extent, other_forms
from training.datasets.table import Bools, Table

_MOST = 0.5  # of the people: then it is the file that is wrong, not a label
_SLACK = 0.02  # of the picture; as in training.examples.sample
_TINY_PX = 10.0
_FEW = 5  # people or keypoints below which a share says nothing


def judge(table: Table, skeleton: Skeleton, *, name: str) -> list[str]:
    """Look at all labels of a data set.

    Args:
        table: Its labels.
        skeleton: Of its keypoints, in the labels' order.
        name: Of the data set or its file, for messages.

    Returns:
        Notes, each with the number of people and one of them.

    Raises:
        SourceError: The labels contradict themselves.
    """
    if not len(table):
        return []
    _refuse_outside(table, skeleton, name)
    notes = []
    findings = (
        (_shares_of_boxes(table), "a box between 0 and 1: a share of the picture, not pixels",
         "write boxes as x, y, width, height in pixels"),
        (_shares_of_keypoints(table), "keypoints between 0 and 1: shares of the picture",
         "write keypoints in pixels"),
        (_in_one_place(table), "all keypoints in one place", "check the export of the keypoints"),
        *other_forms(table),
        (_without_area(table), "a box without area", "write boxes as x, y, width, height"),
        (_beside_box(table), "a box that does not hold half of the keypoints",
         "check boxes and keypoints: are they of the same people and of pictures of one size?"),
    )  # fmt: skip
    for found, what, fix in findings:
        if found.mean() >= _MOST:
            raise SourceError(f"{name}: {_counted(found, table)} {what}", fix=fix)
        if found.any():
            notes.append(f"{name}: {_counted(found, table)} {what}")
    return notes + _unlikely(table, skeleton, name)


def _counted(found: Bools, table: Table) -> str:
    first = table.names[int(np.flatnonzero(found)[0])]
    has = "has" if found.sum() == 1 else "have"
    return f"{int(found.sum())} of {len(table)} people ({first}) {has}"


def _refuse_outside(table: Table, skeleton: Skeleton, name: str) -> None:
    slack = _SLACK * table.size_wh.max(axis=1)[:, None, None]
    low, high = -0.5 - slack, table.size_wh[:, None] - 0.5 + slack
    is_inside = np.asarray(((table.xy >= low) & (table.xy <= high)).all(axis=2))
    wrong = table.is_known & ~is_inside & np.isfinite(table.size_wh).all(axis=1, keepdims=True)
    if wrong.any():
        row, k = np.argwhere(wrong)[0]
        (x, y), (width, height) = table.xy[row, k], table.size_wh[row]
        raise SourceError(
            f"{name}: {int(wrong.any(axis=1).sum())} of {len(table)} people have keypoints outside "
            f"the picture: {table.names[row]}: {skeleton.keypoints[k]} at ({x:.0f}, {y:.0f}) lies "
            f"outside its picture of {width:.0f}x{height:.0f}",
            fix='correct the labels, or set outside = "drop" for this data set in the config',
        )


def _largest(table: Table) -> NDArray[np.float32]:
    """(N,) the largest number that says how many pixels a person's picture has at least."""
    numbers = np.concatenate((table.size_wh, extent(table)[1], table.bbox[:, 2:]), axis=1)
    return np.where(np.isfinite(numbers), numbers, 0).max(axis=1)


def _shares_of_boxes(table: Table) -> Bools:
    corner = table.bbox + 0.5  # as in the file
    is_share = (corner >= 0).all(axis=1) & (corner[:, 2:] <= 2).all(axis=1)
    is_share &= (corner[:, 2:] - corner[:, :2] <= 1).all(axis=1)
    return np.asarray(is_share & (_largest(table) > 2))


def _shares_of_keypoints(table: Table) -> Bools:
    low, high = extent(table)
    is_share = (low >= 0).all(axis=1) & (high <= 1).all(axis=1) & (high > 0).any(axis=1)
    return np.asarray(is_share & ((table.is_known.sum(axis=1) > 1) | (_largest(table) > 2)))


def _without_area(table: Table) -> Bools:
    return np.asarray((table.bbox[:, 2:] <= table.bbox[:, :2]).any(axis=1))


def _beside_box(table: Table) -> Bools:
    side = table.bbox[:, 2:] - table.bbox[:, :2]
    slack = np.maximum(0.25 * np.abs(side), 2.0)[:, None]
    low, high = table.bbox[:, None, :2] - slack, table.bbox[:, None, 2:] + slack
    inside = ((table.xy >= low) & (table.xy <= high)).all(axis=2) & table.is_known
    has_box = np.isfinite(table.bbox).all(axis=1) & (side > 0).all(axis=1)
    return np.asarray(has_box & (2 * inside.sum(axis=1) < table.is_known.sum(axis=1)))


def _in_one_place(table: Table) -> Bools:
    low, high = extent(table)
    return np.asarray((table.is_known.sum(axis=1) >= 3) & ((high - low).max(axis=1) < 2.0))


def _unlikely(table: Table, skeleton: Skeleton, name: str) -> list[str]:
    low, high = extent(table)
    reached, side = (high - low).max(axis=1), (table.bbox[:, 2:] - table.bbox[:, :2]).max(axis=1)
    is_many = table.is_known.sum(axis=1) >= 3
    at_zero = table.is_known & (table.xy == 0).all(axis=2)
    again = _again(table)
    notes = [
        f"{name}: {_counted(found, table)} {what}"
        for found, what in (
            (is_many & (reached < 0.1 * side), "a box ten times as large as all keypoints"),
            (side < _TINY_PX, f"a box below {_TINY_PX:g} pixels"),
            (at_zero.any(axis=1), "keypoints at exactly 0, 0: unlabelled ones need v = 0"),
            (again, "the same keypoints in the same picture as another"),
        )
        if found.any()
    ]
    never = [skeleton.keypoints[k] for k in np.flatnonzero(~table.is_known.any(axis=0))]
    if never and len(table) >= _FEW and len(never) < len(skeleton):
        notes.append(f"{name}: never labelled: {', '.join(never)}")
    reach = float(np.nanmax(high / table.size_wh)) if np.isfinite(table.size_wh).any() else 1.0
    if reach < 0.4 and len(table) >= _FEW:
        notes.append(
            f"{name}: all keypoints lie in the upper left {reach:.0%} of the pictures: "
            "were smaller copies labelled, or are these percentages?"
        )
    return notes


def _again(table: Table) -> Bools:
    seen: set[tuple[object, bytes]] = set()
    found = np.zeros(len(table), np.bool_)
    for row in range(len(table)):
        place = table.pictures[row] or table.names[row]
        what = (place, np.where(table.is_known[row][:, None], table.xy[row], -1.0).tobytes())
        found[row] = what in seen
        seen.add(what)
    return found


def shared_pictures(train: Sequence[Table], validate: Sequence[Table]) -> list[str]:
    """A note where pictures to measure with are learnt, too."""
    learnt = {path for table in train for path in table.pictures if path is not None}
    measured = {path for table in validate for path in table.pictures if path is not None}
    both = sorted(learnt & measured)
    if not both:
        return []
    return [
        f"{len(both)} of {len(measured)} pictures of [[validate]] are trained on as well, such as "
        f"{both[0].name}: the measured accuracy will be too good"
    ]
