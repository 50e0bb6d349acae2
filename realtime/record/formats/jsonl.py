"""JSON lines: a header object, then one object per frame, also where nobody is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from steadypose.engines.skeletons.skeleton import Skeleton
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
from steadypose.realtime.smooth.angles import NAMES


def jsonl_sink(path: Path, skeleton: Skeleton) -> LineSink[Entry]:
    """Open a JSON lines file.

    The first line describes the file; each other line is ``{"frame", "time_s",
    "persons": [{"id", "score", "keypoints": [[x, y, score], ...], "raw": [[x, y] or
    null, ...], "state": ["measured", ...]}]}``. A lost keypoint is ``[null, null, score]``.
    Where angles are recorded, a person has ``"angles": {"left_elbow": [degrees, std], ...}``.

    Args:
        path: Replaced at once.
        skeleton: Gives the order of the keypoints.

    Raises:
        RecordError: The file cannot be written.
    """
    return LineSink(path, _json(description(skeleton)), frame_line)


def frame_line(entry: Entry) -> tuple[str]:
    """The line of a frame."""
    return (_json(frame_object(entry)) + "\n",)


def frame_object(entry: Entry, *, places: int = 2) -> dict[str, Any]:
    """The object of a frame; positions have so many decimal places."""
    people = [_person(pose, places) for pose in entry.poses]
    for person, angles in zip(people, entry.angles, strict=False):
        person["angles"] = _angles(angles)
    return {"frame": entry.frame, "time_s": round_time(entry.time_s), "persons": people}


def _person(pose: Pose, decimals: int) -> dict[str, Any]:
    places = round_px(pose.xy, decimals).tolist()
    scores = nulls(round_score(pose.score))
    raw = round_px(pose.raw_xy, decimals).tolist()
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


def _angles(angles: FloatArray) -> dict[str, list[float | None] | None]:
    """By name: degrees and standard deviation."""
    pairs = map(nulls, round_px(angles))
    return {
        name: pair if pair[0] is not None else None for name, pair in zip(NAMES, pairs, strict=True)
    }


def nulls(values: FloatArray) -> list[float | None]:
    """Numbers for JSON, which has no NaN."""
    return [value if value == value else None for value in values.tolist()]  # noqa: PLR0124


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
