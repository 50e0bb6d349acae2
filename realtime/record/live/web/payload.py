"""What goes to a page or a program over the WebSocket: JSON objects with a ``type``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from steadypose.engines.skeletons.sides import side_of
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.record.formats.entry import (
    STATE_NAMES,
    recorded_score,
    round_px,
    round_score,
    round_time,
)
from steadypose.realtime.record.formats.jsonl import nulls
from steadypose.realtime.record.live.message import Message
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.smooth.angles import NAMES


def hello_text(
    skeleton: Skeleton,
    *,
    has_picture: bool,
    takes_camera: bool,
    source: str = "",
    sources: Sequence[str] = (),
) -> str:
    """The first object: what will not change.

    Of several sources it says which one this is, and ``sources``: who asks for another adds
    ``source=NAME`` to the address. Whichever is watched, ``takes_camera`` says whether the run
    wants the page's camera.
    """
    several = {"source": source, "sources": list(sources)} if sources else {}
    return _json(
        {
            "type": "hello",
            "skeleton": skeleton.name,
            "names": list(skeleton.keypoints),
            "sides": [side_of(name) for name in skeleton.keypoints],
            "limbs": [list(limb) for limb in skeleton.limbs],
            "has_picture": has_picture,
            "takes_camera": takes_camera,
            **several,
        }
    )


def frame_text(message: Message, *, has_picture: bool, source: str = "") -> str:
    """The object of a frame.

    A person is what TensorFlow.js' pose-detection makes of one, ``{id, score, keypoints: [{x, y,
    score, name}]}``, and more: each keypoint has its ``state``, and a person ``angles``. A lost
    keypoint's ``x`` and ``y`` are null.

    Args:
        message: Positions in pixels or in shares of the sides.
        has_picture: A binary message with the picture follows.
        source: Which of several it is from; empty: there is one.
    """
    places = 5 if message.is_normalized else 2
    people = [_person(pose, places) for pose in message.poses]
    for person, angles in zip(people, message.angles, strict=False):
        person["angles"] = _angles(angles)
    return _json(
        {
            "type": "frame",
            **({"source": source} if source else {}),
            "frame": message.frame,
            "time_s": round_time(message.time_s),
            "unix_s": round_time(message.unix_s()),
            "size_wh": list(message.size_wh),
            "unit": "share" if message.is_normalized else "px",
            "has_picture": has_picture,
            "persons": people,
        }
    )


def state_text(state: RunState, files: list[dict[str, Any]], more: int) -> str:
    """The object of a run's state.

    Args:
        state: What the run says.
        files: Each has a name and a size in bytes.
        more: Files that are not among them.
    """
    said = {field.name: getattr(state, field.name) for field in fields(state)}
    return _json({"type": "state", **said, "files": files, "more_files": more})


def _person(pose: Pose, places: int) -> dict[str, Any]:
    columns = (
        pose.skeleton.keypoints,
        round_px(pose.xy, places).tolist(),
        nulls(round_score(pose.score)),
        pose.state.tolist(),
    )
    return {
        "id": pose.track_id,
        "score": recorded_score(pose.score),
        "keypoints": [
            {
                "x": x if x == x else None,  # noqa: PLR0124 - NaN
                "y": y if y == y else None,  # noqa: PLR0124
                "score": score,
                "name": name,
                "state": STATE_NAMES[state],
            }
            for name, (x, y), score, state in zip(*columns, strict=True)
        ],
    }


def _angles(angles: FloatArray) -> dict[str, list[float | None]]:
    pairs = map(nulls, round_px(angles))
    return {name: pair for name, pair in zip(NAMES, pairs, strict=True) if pair[0] is not None}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
