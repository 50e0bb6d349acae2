"""Replay recorded outputs of a real network; make_sequences.py records them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from steadypose.realtime.datatypes import BBox, FloatArray, Pose
from steadypose.realtime.tracking.crop import place_crop
from steadypose.realtime.tracking.tracker import ACCEPT_CALIBRATED
from tests.support.following import Stage, nobody

FOLDER = Path(__file__).parent / "data/sequences"
FPS = 30.0
STEPS = 32.0  # of a pixel

Change = Callable[[int, FloatArray], FloatArray]
"""Changes an output: from frame and (K, 3) pose to the pose to use."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """Rendered truth and network outputs, F frames of P people at 30 frames a second.

    Attributes:
        truth: (F, P, K, 2) frame pixels, including hidden keypoints and those outside the frame.
        crops: (F, P, K, 3) found in the crop around each person.
        windows: (F, W, K, 3) found in scan windows, in turn.
    """

    truth: FloatArray
    crops: FloatArray
    windows: FloatArray

    def around(self, frame: int, box: BBox, change: Change) -> FloatArray:
        """(K, 3) output for a crop around a box: the person that fits it best."""
        best, found = 0.25, nobody(box)
        place = place_crop(box, size_hw=(256, 192), padding=1.25)
        right, bottom = place.left + place.width, place.top + place.height
        for xy, pose in zip(self.truth[frame], self.crops[frame], strict=True):
            is_in = (xy > (place.left, place.top)).all(axis=1) & (xy < (right, bottom)).all(axis=1)
            x, y = (xy.min(axis=0) + xy.max(axis=0)) / 2 - box.center_xy
            fit = float(is_in.mean()) - float(np.hypot(x, y)) / place.height
            if fit > best:
                best, found = fit, change(frame, pose)
        return found


@cache
def load(name: str) -> Sequence:
    """Read one of the recorded sequences."""
    with np.load(FOLDER / f"{name}.npz") as kept:

        def poses(kind: str) -> FloatArray:
            xy = kept[f"{kind}_xy"] / STEPS
            return np.concatenate((xy, kept[f"{kind}_score"][..., None] / 255.0), axis=-1)

        return Sequence(kept["truth"] / STEPS, poses("crop"), poses("window"))


def _unchanged(_: int, pose: FloatArray) -> FloatArray:
    return pose


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The tracker's result for a sequence.

    Attributes:
        sequence: The replayed sequence.
        poses: Of each frame shown, by id.
    """

    sequence: Sequence
    poses: dict[int, dict[int, Pose]]

    def ids(self, frame: int) -> list[int]:
        """Ids of the people tracked in a frame."""
        return list(self.poses[frame])

    def every_id(self) -> set[int]:
        """Ids of the people tracked in any frame."""
        return {number for poses in self.poses.values() for number in poses}

    def off(self, frame: int, number: int, person: int) -> float:
        """Mean distance of a pose's keypoints from a person of the truth, pixels."""
        away = self.poses[frame][number].xy - self.sequence.truth[frame, person]
        return float(np.nanmean(np.hypot(away[:, 0], away[:, 1])))


def replay(
    name: str,
    *,
    persons: int = 1,
    frames: Iterable[int] | None = None,
    change: Change = _unchanged,
    pause: Callable[[int], float] = lambda _: 0.0,
    is_smooth: bool = True,
) -> Replay:
    """Track the people of a sequence; windows are searched while a person is missing.

    Args:
        name: Name of the sequence.
        persons: Number of people to track.
        frames: Frames to show; None: all.
        change: Change of the network's outputs.
        pause: Extra seconds before a frame, by its number, for a gap in time.
        is_smooth: False keeps the network's own positions.
    """
    sequence = load(name)
    stage = Stage(persons, accept=ACCEPT_CALIBRATED)
    kept: dict[int, dict[int, Pose]] = {}
    last: int | None = None
    for frame in range(len(sequence.truth)) if frames is None else frames:
        after_s = 0.0 if last is None else (frame - last) / FPS + pause(frame)
        last = frame
        is_searching = stage.tracker.roster.is_missing_someone
        boxes = stage.step(after_s)
        crops = [sequence.around(frame, box, change) for box in boxes]
        stage.give(crops, list(sequence.windows[frame]) if is_searching else [])
        kept[frame] = {p.track_id: p for p in stage.tracker.poses(is_smooth=is_smooth)}
    return Replay(sequence, kept)
