"""Outputs that hold coordinates: which numbers of them are x, y and a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.wrap.network import Network, try_on_noise
from steadypose.export.wrap.options import WrapOptions
from steadypose.export.wrap.output.reading import PointsReading

_FIX = "see docs/foreign_models.md, Coordinates"
_BOX = 4  # numbers of a candidate's box, before its confidence
_MOST_CLASSES = 8
_FEW = 32  # rows: TensorFlow's MoveNet for several people has six, grids have hundreds
_SHARES_UP_TO = 4.0  # places that are shares of the crop lie near 0 to 1, also on noise


@dataclass(frozen=True, slots=True)
class _Rows:
    """Candidates: how many numbers a point has, and where in a row which number is."""

    width: int
    first: int
    confidences: tuple[int, ...]
    is_last: bool


def are_points(shape: tuple[int, ...], k: int) -> bool:
    """Whether a shape is that of x, y (and a score), of one person or of many candidates."""
    return _as_one(shape, k, (2, 3)) is not None or _as_many(shape, k) is not None


def choose_points(
    name: str, network: Network, skeleton: Skeleton, options: WrapOptions, guesses: list[str]
) -> PointsReading:
    """Decide how an output is read as coordinates.

    Args:
        name: Of the output.
        network: For its sizes, and to see how large its numbers are.
        skeleton: Its keypoints are the first ones of the output.
        options: The user's options.
        guesses: Decisions are appended, one line each.

    Raises:
        UsageError: The output has not enough numbers, or an option does not fit it.
    """
    shape, k = network.shapes[name], len(skeleton)
    point = options.point
    many = _as_many(shape, k) if point is None or len(point) in {2, 3} else None
    is_box_last = many is not None and _is_box_last(many, shape, network)
    if many is not None:
        if is_box_last:
            many = replace(many, first=0, confidences=(k * many.width + _BOX,))
        width, first = many.width, many.first
        guesses.append(
            f"output {name!r} holds {shape[1 if many.is_last else 2]} candidates: the most certain "
            f"is taken, its keypoints begin at number {first} (--points)"
        )
    else:
        first = 0
        widths = (2, 3) if point is None else (len(point),)
        found = _as_one(shape, k, widths, is_exact=point is None)
        if found is None:
            raise UsageError(
                f"output {name!r} of {'x'.join(map(str, shape))} does not hold {k} points of "
                f"{' or '.join(map(str, widths))} numbers",
                fix=f"give --point, such as xys, yxs or xy--s, and --skeleton; {_FIX}",
            )
        width = found
        guesses.append(f"output {name!r} holds the coordinates of {k} keypoints (--points)")
    values = try_on_noise(network)
    guess = "pixels" if network.finds_people else _unit(values[name], width, first, k, many)
    unit = options.unit or guess  # there may be nobody in noise
    if point is None:
        is_tensorflow = is_box_last or (many is None and unit == "share" and shape[-1] == 3)
        point = {2: "xy", 3: "yxs" if is_tensorflow else "xys"}[width]
        guesses.append(f"the numbers of a point are {point} (--point)")
    if options.unit is None:
        guesses.append(
            f"coordinates are {'shares of the crop' if unit == 'share' else 'pixels'} (--unit)"
        )
    _check_person(options.person_score, values)
    point_scores = options.point_scores or _found_scores(point, values, name, k, many, guesses)
    if point_scores is not None and values[point_scores].size != k:
        raise UsageError(
            f"output {point_scores!r} has {values[point_scores].size} numbers for {k} keypoints",
            fix="give another --point-scores, or leave it out",
        )
    height, width_px = network.input_hw
    is_share = unit == "share"
    return PointsReading(
        name=name,
        keypoints=k,
        point=point,
        candidates=None if many is None else ("last" if many.is_last else "middle"),
        first=first,
        confidences=() if many is None else many.confidences,
        person=options.person_score,
        point_scores=point_scores,
        scale_xy=(float(width_px), float(height)) if is_share else (1.0, 1.0),
        # Shares begin at the edge of the first pixel, ours at its middle.
        offset=-0.5 if is_share else 0.0,
        is_logit=options.activation == "sigmoid",
    )


def _as_one(
    shape: tuple[int, ...], k: int, widths: tuple[int, ...], *, is_exact: bool = True
) -> int | None:
    """Numbers of a point, where a shape is that of one person; more points may follow."""
    count = int(np.prod(shape[1:])) if len(shape) > 1 else 0
    sides = [side for side in shape[1:] if side != 1]
    for width in widths:
        if count == k * width and sides in ([k * width], [k, width]):
            return width
        if not is_exact and count % width == 0 and count // width >= k and len(sides) <= 2:
            return width
    return None


def _as_many(shape: tuple[int, ...], k: int) -> _Rows | None:
    """How rows of candidates are read, if a shape holds any.

    A row is a box, its confidence, perhaps a class, and the points; where rows stand in the
    middle (YOLO since its eighth version), a confidence for each class.
    """
    if len(shape) != 3 or shape[0] != 1 or shape[1] == k:
        return None
    for width in (3, 2):
        for is_last, (rows, row) in ((True, shape[1:]), (False, shape[:0:-1])):
            first = row - k * width
            if is_last and first in {_BOX + 1, _BOX + 2} and rows > 1:
                return _Rows(width, first, (_BOX,), is_last=True)
            if not is_last and 0 < first - _BOX <= _MOST_CLASSES and rows > 1:
                return _Rows(width, first, tuple(range(_BOX, first)), is_last=False)
    return None


def _is_box_last(many: _Rows, shape: tuple[int, ...], network: Network) -> bool:
    """Whether rows are those of TensorFlow's MoveNet for several people: points first."""
    return many.is_last and network.is_nhwc and shape[1] <= _FEW and many.first == _BOX + 1


def _found_scores(
    point: str,
    values: Mapping[str, NDArray[Any]],
    name: str,
    k: int,
    many: _Rows | None,
    guesses: list[str],
) -> str | None:
    """The only other output with a number from 0 to 1 for each keypoint."""
    if "s" in point or many is not None:
        return None
    fits = [n for n, v in values.items() if n != name and v.size == k and v.dtype.kind == "f"]
    if len(fits) != 1 or not ((values[fits[0]] >= 0) & (values[fits[0]] <= 1)).all():
        return None
    guesses.append(f"output {fits[0]!r} holds the scores of the keypoints (--point-scores)")
    return fits[0]


def _unit(
    values: NDArray[Any],
    width: int,
    first: int,
    k: int,
    many: _Rows | None,
) -> str:
    """``share`` where all places lie near 0 to 1."""
    if many is not None:
        rows = values[0] if many.is_last else values[0].T
        points = rows[:, first : first + k * width].reshape(len(rows), k, width)[..., :2]
    else:
        points = values.reshape(-1, width)[:, :2]
    return "share" if np.abs(points).max(initial=0.0) <= _SHARES_UP_TO else "pixels"


def _check_person(name: str | None, values: Mapping[str, NDArray[Any]]) -> None:
    if name is None:
        return
    if name not in values:
        raise UsageError(
            f"there is no output {name!r}", fix=f"--person-score: one of {', '.join(values)}"
        )
    if values[name].size != 1:
        raise UsageError(
            f"output {name!r} has {values[name].size} numbers for a crop, not a person's one score",
            fix="give another --person-score, or leave it out",
        )
