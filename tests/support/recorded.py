"""Sequences that a real network saw, replayed without it; make_sequences.py made them."""

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
"""From frame and (K, 3) pose to what the network says instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """What was rendered and what the network said, F frames of P people at 30 frames a second.

    Attributes:
        truth: (F, P, K, 2) frame pixels, also of what is hidden or outside the picture.
        crops: (F, P, K, 3) found in the crop around each person.
        windows: (F, W, K, 3) found in scan windows, in turn.
    """

    truth: FloatArray
    crops: FloatArray
    windows: FloatArray

    def around(self, frame: int, box: BBox, change: Change) -> FloatArray:
        """(K, 3) what a crop around a box shows: the person whom it holds best."""
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
    """What the tracker made of a sequence.

    Attributes:
        sequence: That was replayed.
        poses: Of each frame shown, by id.
    """

    sequence: Sequence
    poses: dict[int, dict[int, Pose]]

    def ids(self, frame: int) -> list[int]:
        """Who is followed in a frame."""
        return list(self.poses[frame])

    def every_id(self) -> set[int]:
        """Whoever was followed in any frame."""
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
    """Follow the people of a sequence; windows are looked at while somebody is missing.

    Args:
        name: Of the sequence.
        persons: To follow.
        frames: Which frames come through; None: all.
        change: What the network says instead.
        pause: Seconds by which all frames from one on are late, for a gap in time.
        is_smooth: False keeps what the network said.
    """
    sequence = load(name)
    stage = Stage(persons, accept=ACCEPT_CALIBRATED)
    kept: dict[int, dict[int, Pose]] = {}
    last: int | None = None
    for frame in range(len(sequence.truth)) if frames is None else frames:
        after_s = 0.0 if last is None else (frame - last) / FPS + pause(frame)
        last = frame
        is_searching = stage.tracker.is_missing_someone
        boxes = stage.step(after_s)
        crops = [sequence.around(frame, box, change) for box in boxes]
        stage.give(crops, list(sequence.windows[frame]) if is_searching else [])
        kept[frame] = {p.track_id: p for p in stage.tracker.poses(is_smooth=is_smooth)}
    return Replay(sequence, kept)
