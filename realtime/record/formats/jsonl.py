"""JSON lines: a header object, then one object per frame, also where nobody is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from steadypose.engines.skeleton import Skeleton
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.record.formats.entry import (
    STATE_NAMES,
    Entry,
    description,
    recorded_score,
    round_px,
    round_score,
    round_time,
)
from steadypose.realtime.record.formats.whole_file import LineSink


def jsonl_sink(path: Path, skeleton: Skeleton) -> LineSink:
    """Open a JSON lines file.

    The first line describes the file; each other line is ``{"frame", "time_s",
    "persons": [{"id", "score", "keypoints": [[x, y, score], ...], "raw": [[x, y] or
    null, ...], "state": ["measured", ...]}]}``. A lost keypoint is ``[null, null, score]``.

    Args:
        path: Replaced at once.
        skeleton: Gives the order of the keypoints.

    Raises:
        RecordError: The file cannot be written.
    """
    return LineSink(path, _json(description(skeleton)), frame_line)


def frame_line(entry: Entry) -> tuple[str]:
    """The line of a frame."""
    people = [_person(pose) for pose in entry.poses]
    line = {"frame": entry.frame, "time_s": round_time(entry.time_s), "persons": people}
    return (_json(line) + "\n",)


def _person(pose: Pose) -> dict[str, Any]:
    places = round_px(pose.xy).tolist()
    scores = nulls(round_score(pose.score))
    raw = round_px(pose.raw_xy).tolist()
    return {
        "id": pose.track_id,
        "score": recorded_score(pose.score),
        "keypoints": [
            [x, y, score] if x == x else [None, None, score]  # noqa: PLR0124 - NaN
            for (x, y), score in zip(places, scores, strict=True)
        ],
        "raw": [xy if xy[0] == xy[0] else None for xy in raw],
        "state": [STATE_NAMES[state] for state in pose.state.tolist()],
    }


def nulls(values: FloatArray) -> list[float | None]:
    """Numbers for JSON, which has no NaN."""
    return [value if value == value else None for value in values.tolist()]  # noqa: PLR0124


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
