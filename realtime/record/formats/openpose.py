"""Recordings as OpenPose writes them: a JSON per frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.record.formats.entry import Entry, round_px, round_score
from steadypose.realtime.record.formats.tables import SUFFIXES, listed

Order = Literal["coco17", "body25"]
OPENPOSE_END = "_keypoints.json"
ORDERS: tuple[Order, ...] = ("coco17", "body25")

# OpenPose, doc/02_output.md, "Keypoint Ordering BODY_25"; two names: the middle of both.
BODY_25: tuple[tuple[str, ...], ...] = (
    ("nose",),
    ("left_shoulder", "right_shoulder"),
    *(("right_shoulder",), ("right_elbow",), ("right_wrist",)),
    *(("left_shoulder",), ("left_elbow",), ("left_wrist",)),
    ("left_hip", "right_hip"),
    *(("right_hip",), ("right_knee",), ("right_ankle",)),
    *(("left_hip",), ("left_knee",), ("left_ankle",)),
    *(("right_eye",), ("left_eye",), ("right_ear",), ("left_ear",)),
    *((),) * 6,  # toes and heels, which the model does not know
)
_MOST_FILES = 10_000_000  # 92 hours at 30 frames a second
# Two hours with nobody at 30 frames a second, and more where there are people as well.
_MOST_EMPTY, _MOST_EMPTY_PER_REAL = 216_000, 100
_OTHERS = (
    *("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d"),
    *("pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d"),
    "hand_right_keypoints_3d",
)


def write_openpose(folder: Path, stem: str, entries: Iterable[Entry], order: Order) -> int:
    """Write ``<stem>_000000000000_keypoints.json`` and so on.

    Frames that the recording does not have are written as frames with nobody, up to
    the last one it has.

    Args:
        folder: Exists.
        stem: Begins each name.
        entries: In the order of their frames.
        order: ``coco17``: as recorded; ``body25``: the 25 keypoints of BODY_25.

    Returns:
        How many files were written.

    Raises:
        UsageError: ``body25`` of a skeleton that is not COCO's.
        RecordError: The number of a frame is negative or beyond all recordings, or nearly all
            files would be empty.
        OSError: A file cannot be written.
    """
    files = empty = 0
    for real, entry in enumerate(entries, start=1):
        if not 0 <= entry.frame < _MOST_FILES:
            raise RecordError(
                f"frame {entry.frame} has no place among OpenPose's files, which are numbered from "
                f"0 to {_MOST_FILES - 1} without a gap",
                fix=f"convert to {listed(SUFFIXES)}",
            )
        empty += entry.frame - files
        if empty > _MOST_EMPTY + _MOST_EMPTY_PER_REAL * real:
            raise RecordError(
                f"OpenPose's format has a file for every frame, and up to frame {entry.frame:,} "
                f"{empty:,} of them would be empty, {real:,} not",
                fix=f"convert to {listed(SUFFIXES)}",
            )
        for frame in range(files, entry.frame + 1):
            people = [_person(pose, order) for pose in entry.poses] if frame == entry.frame else []
            text = json.dumps({"version": 1.3, "people": people}, separators=(",", ":"))
            (folder / f"{stem}_{frame:012d}{OPENPOSE_END}").write_text(text + "\n")
        files = entry.frame + 1
    return files


def _person(pose: Pose, order: Order) -> dict[str, list[float]]:
    rows = np.column_stack((round_px(pose.xy), round_score(pose.score)))
    if order == "body25":
        rows = body25(rows, pose.skeleton.keypoints)
    rows[np.isnan(rows).any(axis=1)] = 0.0  # OpenPose's way to say that one is missing
    person: dict[str, list[float]] = {
        "person_id": [pose.track_id],
        "pose_keypoints_2d": rows.ravel().tolist(),
    }
    return person | {name: [] for name in _OTHERS}


def body25(rows: FloatArray, keypoints: tuple[str, ...]) -> FloatArray:
    """Reorder to BODY_25: neck and middle of the hips are means, with the lower score.

    Args:
        rows: (17, 3) x, y, score.
        keypoints: Their names.

    Returns:
        (25, 3), NaN where there is nothing.

    Raises:
        UsageError: The names are not COCO's.
    """
    if keypoints != COCO17.keypoints:
        raise UsageError(
            "--order body25 needs the 17 keypoints of COCO, which this recording does not have",
            fix="leave out --order",
        )
    found = np.full((len(BODY_25), 3), np.nan)
    for index, names in enumerate(BODY_25):
        if names:
            parts = rows[[keypoints.index(name) for name in names]]
            found[index, :2] = round_px(parts[:, :2].mean(axis=0))
            found[index, 2] = parts[:, 2].min()
    return found
