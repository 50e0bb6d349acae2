"""Boxes and keypoints in another form than COCO's: what the same numbers would mean there.

A form is believed where it fits nearly everybody, and the numbers as COCO means them do not fit
most people. A single odd box fits many forms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.datasets.table import Bools, Table

_NEARLY_ALL, _MANY, _SOME = 0.9, 0.5, 0.2
_SLACK = 0.02  # of the picture
_INSIDE = 0.1  # of the box: so far a keypoint may lie beside it
_MATTERS = 0.05  # of the picture: below, two forms of a box mean nearly the same
_BOXES = "write boxes as x, y, width, height in pixels"

Floats = NDArray[np.floating]


def extent(table: Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 2) smallest and largest position of known keypoints; NaN where none is known."""
    low = np.where(table.is_known[..., None], table.xy, np.inf).min(axis=1)
    high = np.where(table.is_known[..., None], table.xy, -np.inf).max(axis=1)
    is_any = np.asarray(table.is_known.any(axis=1))[:, None]
    return np.where(is_any, low, np.nan), np.where(is_any, high, np.nan)


def other_forms(table: Table) -> Iterator[tuple[Bools, str, str]]:
    """Who has numbers in another form, what they are, and the advice."""
    has_box = np.isfinite(table.bbox).all(axis=1)
    if not has_box.any():
        return
    start, side = table.bbox[:, :2] + 0.5, table.bbox[:, 2:] - table.bbox[:, :2]
    low, high = extent(table)
    size = table.size_wh

    def holds(start: Floats, stop: Floats, low: Floats, high: Floats) -> Bools:
        slack = _INSIDE * np.abs(stop - start)
        return np.asarray(((low >= start - slack) & (high <= stop + slack)).all(axis=1))

    def fits(start: Floats, stop: Floats) -> Bools:
        is_in = (stop <= size * (1 + _SLACK)) & (start >= -size * _SLACK) | np.isnan(size)
        return holds(start, stop, low, high) & (is_in & (stop > start)).all(axis=1)

    leaves, just_leaves = _leaves(start, side, size), _just_leaves(start, side, size)
    is_beside = has_box & ~holds(start, start + side, low, high)

    def told(alike: Bools, is_wrong: bool, what: str, fix: str) -> tuple[Bools, str, str]:  # noqa: FBT001
        is_other = is_wrong and alike[has_box].mean() >= _NEARLY_ALL
        return alike & has_box & is_other, what, fix

    count = len(table)
    yield told(
        fits(start, side),
        leaves.sum() >= _SOME * count or just_leaves.sum() >= _MANY * count,
        "a box that fits as x1, y1, x2, y2 and leaves the picture as x, y, width, height",
        _BOXES,
    )
    is_wrong = (is_beside | leaves).sum() >= _MANY * count
    yield told(
        fits(start - side / 2, start + side / 2),
        is_wrong and is_beside.sum() >= _SOME * count,
        "a box that holds the keypoints only if x and y are its middle",
        _BOXES,
    )
    yield told(
        fits(start[:, ::-1], (start + side)[:, ::-1]),
        is_wrong,
        "a box that fits as y, x, height, width and not as x, y, width, height",
        _BOXES,
    )
    yield told(
        holds(start, start + side, low + start, high + start) & (low + 0.5 >= 0).all(axis=1),
        is_beside.sum() >= _MANY * count,
        "keypoints that lie in the box only if they are counted from its corner",
        "write keypoints in pixels of the whole picture",
    )


def _leaves(start: Floats, side: Floats, size: Floats) -> Bools:
    return np.asarray((start + side > size * (1 + _SLACK)).any(axis=1))


def _just_leaves(start: Floats, side: Floats, size: Floats) -> Bools:
    """By a pixel or more, where another form of the box would be another box."""
    is_other = (start > _MATTERS * size).any(axis=1)
    return np.asarray((start + side > size + 0.5).any(axis=1) & is_other)


def wrong_boxes(bbox_xywh: Floats, size_wh: Floats) -> tuple[str, str] | None:
    """What is wrong with most of a detector's boxes, and the advice; None: nothing.

    Args:
        bbox_xywh: (N, 4), N above 0.
        size_wh: (N, 2) of their pictures, NaN where not known.
    """
    start, side = bbox_xywh[:, :2], bbox_xywh[:, 2:]
    if (np.abs(bbox_xywh) <= 1).all() and (size_wh > 2).any():
        return "boxes between 0 and 1: shares of the picture, not pixels", _BOXES
    leaves = _leaves(start, side, size_wh) | _just_leaves(start, side, size_wh)
    as_corners = ((side > start) & (side <= size_wh * (1 + _SLACK))).all(axis=1)
    if leaves.mean() >= _MANY and as_corners.mean() >= _NEARLY_ALL:
        return (
            "boxes that fit as x1, y1, x2, y2 and leave the picture as x, y, width, height",
            _BOXES,
        )
    return None
