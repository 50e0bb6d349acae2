"""Keypoints as CSV: one row per person and frame, or one per keypoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.printable import to_cell
from steadypose.realtime.datatypes import Pose
from steadypose.realtime.record.formats.entry import (
    STATE_NAMES,
    Entry,
    recorded_score,
    round_px,
    round_score,
)
from steadypose.realtime.record.formats.whole_file import LineSink
from steadypose.realtime.smooth.angles import NAMES

Layout = Literal["wide", "long", "angles"]

WIDE_HEAD = ("frame", "time_s", "person", "score")
LONG_HEAD = (
    *("frame", "time_s", "person", "keypoint"),
    *("x", "y", "score", "raw_x", "raw_y", "state"),
)
ANGLES_HEAD = (*LONG_HEAD, "angle", "angle_std", "trunk", "trunk_std")
"""Of a long CSV with angles: that of the joint at the keypoint, and the trunk's."""


SOURCE = "source"
"""First column of a CSV with the people of several sources: which one a row is of."""

OfSource = tuple[str, Entry]


def csv_sink(path: Path, skeleton: Skeleton, *, layout: Layout) -> LineSink[Entry]:
    """Open a CSV file. A keypoint that is lost is an empty cell.

    Args:
        path: Replaced at once.
        skeleton: Gives the columns.
        layout: ``wide``: ``frame,time_s,person,score`` and x, y, score per keypoint.
            ``long``: ``frame,time_s,person,keypoint,x,y,score,raw_x,raw_y,state``; ``angles``
            adds four columns, degrees.

    Raises:
        RecordError: The file cannot be written.
    """
    return LineSink(path, _head(skeleton, layout), _LINES[layout])


def joint_csv_sink(path: Path, skeleton: Skeleton, *, layout: Layout) -> LineSink[OfSource]:
    """Open a CSV file for people of several sources: ``SOURCE`` is its first column.

    Raises:
        RecordError: The file cannot be written.
    """

    def to_lines(item: OfSource) -> Iterator[str]:
        source, entry = item
        return (f"{to_cell(source)},{line}" for line in _LINES[layout](entry))

    return LineSink(path, f"{SOURCE},{_head(skeleton, layout)}", to_lines)


def _head(skeleton: Skeleton, layout: Layout) -> str:
    return ",".join(map(to_cell, header(skeleton, layout)))


def header(skeleton: Skeleton, layout: Layout) -> list[str]:
    """Column names of a layout, as ``to_cell`` is yet to write them."""
    if layout != "wide":
        return list(LONG_HEAD if layout == "long" else ANGLES_HEAD)
    columns = list(WIDE_HEAD)
    for name in skeleton.keypoints:
        columns += [f"{name}_x", f"{name}_y", f"{name}_score"]
    return columns


def _wide_lines(entry: Entry) -> list[str]:
    return [wide_row(entry.frame, entry.time_s, pose) for pose in entry.poses]


def _long_lines(entry: Entry) -> Iterator[str]:
    for pose in entry.poses:
        yield from long_rows(entry.frame, entry.time_s, pose)


def _angle_lines(entry: Entry) -> Iterator[str]:
    for pose, angles in zip(entry.poses, entry.angles, strict=True):
        cells = [_degrees(pair) for pair in round_px(angles).tolist()]
        trunk = cells[NAMES.index("trunk")]
        for at, row in zip(
            _joints(pose.skeleton.keypoints),
            long_rows(entry.frame, entry.time_s, pose),
            strict=True,
        ):
            yield f"{row[:-1]},{',' if at is None else cells[at]},{trunk}\n"


def wide_row(index: int, time_s: float, pose: Pose) -> str:
    """The one line of a person in a frame."""
    cells = [f"{index},{time_s:.4f},{pose.track_id},{_score(recorded_score(pose.score))}"]
    places, scores = round_px(pose.xy).tolist(), round_score(pose.score).tolist()
    cells += [f",{_xy(xy)},{_score(score)}" for xy, score in zip(places, scores, strict=True)]
    return "".join(cells) + "\n"


def long_rows(index: int, time_s: float, pose: Pose) -> Iterator[str]:
    """The lines of a person in a frame, one per keypoint."""
    head = f"{index},{time_s:.4f},{pose.track_id}"
    columns = zip(
        _cells(pose.skeleton.keypoints),
        round_px(pose.xy).tolist(),
        round_score(pose.score).tolist(),
        round_px(pose.raw_xy).tolist(),
        pose.state.tolist(),
        strict=True,
    )
    for name, xy, score, raw, state in columns:
        yield f"{head},{name},{_xy(xy)},{_score(score)},{_xy(raw)},{STATE_NAMES[state]}\n"


_LINES: dict[Layout, Callable[[Entry], Iterable[str]]] = {
    "wide": _wide_lines,
    "long": _long_lines,
    "angles": _angle_lines,
}


@lru_cache(maxsize=8)
def _cells(keypoints: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(to_cell, keypoints))


@lru_cache(maxsize=8)
def _joints(keypoints: tuple[str, ...]) -> tuple[int | None, ...]:
    """The angle at each keypoint."""
    return tuple(NAMES.index(name) if name in NAMES else None for name in keypoints)


def _degrees(pair: list[float]) -> str:
    return ",".join(f"{value:.2f}" if value == value else "" for value in pair)  # noqa: PLR0124


def _xy(xy: list[float]) -> str:
    return f"{xy[0]:.2f},{xy[1]:.2f}" if xy[0] == xy[0] else ","


def _score(score: float) -> str:
    return f"{score:.3f}" if score == score else ""  # noqa: PLR0124 - NaN
