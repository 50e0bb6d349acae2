"""Run a tracker without camera or network: a test defines who is seen, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import BBox, FloatArray, Pose
from steadypose.realtime.smooth.base import Smoother
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.tracking.roster import CANDIDATES
from steadypose.realtime.tracking.tracker import ACCEPT_PEAKS, Tracker

HW = (360, 640)
FPS = 30.0
K = len(COCO17)
AT = {name: i for i, name in enumerate(COCO17.keypoints)}
HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")

# A standing adult with arms a little away from the body, standing height 1, measured from the
# floor between the feet; the person's left is at x > 0. Nose, eyes, ears, then left of each pair.
_MIDDLE = {"nose": (0.0, -0.925)}
_LEFT = {
    "eye": (0.019, -0.94),
    "ear": (0.044, -0.935),
    "shoulder": (0.115, -0.815),
    "elbow": (0.165, -0.635),
    "wrist": (0.195, -0.49),
    "hip": (0.085, -0.53),
    "knee": (0.09, -0.285),
    "ankle": (0.09, -0.04),
}


def figure() -> FloatArray:
    """(K, 2) a standing adult in standing heights, origin on the floor."""
    xy = np.zeros((K, 2))
    for name, at in _MIDDLE.items():
        xy[AT[name]] = at
    for name, (x, y) in _LEFT.items():
        xy[AT[f"left_{name}"]], xy[AT[f"right_{name}"]] = (x, y), (-x, y)
    return xy


def person(
    x: float, *, height: float = 260.0, floor: float = 330.0, score: float = 0.8
) -> FloatArray:
    """(K, 3) a person standing at ``x``, all keypoints with one score."""
    xy = figure() * height + (x, floor)
    return np.column_stack((xy, np.full(K, score)))


def without(pose: FloatArray, *names: str) -> FloatArray:
    """The same pose with some keypoints not seen."""
    changed = pose.copy()
    changed[[AT[name] for name in names], 2] = 0.0
    return changed


def mirrored(pose: FloatArray, width: int) -> FloatArray:
    """(K, 3) mirrored: left is right."""
    turned = pose[list(COCO17.flip_order)].copy()
    turned[:, 0] = width - 1 - turned[:, 0]
    return turned


def nobody(box: BBox) -> FloatArray:
    """(K, 3) output for a crop without a person: arbitrary positions, low scores."""
    return np.column_stack((np.tile(box.center_xy, (K, 1)), np.full(K, 0.05)))


def see(box: BBox, people: Sequence[FloatArray]) -> FloatArray:
    """(K, 3) output for a crop around a box: the person nearest its middle, if any."""
    best, found = 0.5 * max(box.width, box.height), nobody(box)
    for pose in people:
        middle = (pose[:, :2].min(axis=0) + pose[:, :2].max(axis=0)) / 2
        away = float(np.hypot(*(middle - box.center_xy)))
        if away < best:
            best, found = away, pose
    return found


class Stage:
    """A tracker that is shown frames, 30 a second unless a test sets their times."""

    def __init__(
        self,
        persons: int = 1,
        *,
        accept: float = ACCEPT_PEAKS,
        hw: tuple[int, int] = HW,
        smoother: Smoother | None = None,
    ) -> None:
        chosen = smoother or make_smoother("balanced", persons + CANDIDATES, K)
        self.tracker = Tracker(persons, COCO17, chosen, accept=accept)
        self.hw = hw
        self.time_s = 0.0
        self._is_begun = False

    def show(
        self,
        people: Sequence[FloatArray],
        *,
        windows: Sequence[FloatArray] = (),
        after_s: float = 1.0 / FPS,
    ) -> dict[int, Pose]:
        """One frame: each track's crop is cut around its box; scan windows show given poses."""
        boxes = self.step(after_s)
        return self.give([see(box, people) for box in boxes], windows)

    def answer(
        self, crops: Sequence[FloatArray], *, windows: Sequence[FloatArray] = ()
    ) -> dict[int, Pose]:
        """One frame with given network outputs, regardless of the boxes."""
        self.step()
        return self.give(crops, windows)

    def step(self, after_s: float = 1.0 / FPS) -> list[BBox]:
        """Go to the next frame; returns the boxes around which it would be cut."""
        self.time_s += after_s if self._is_begun else 0.0
        self._is_begun = True
        return self.tracker.boxes(self.time_s, self.hw)

    def give(
        self, crops: Sequence[FloatArray], windows: Sequence[FloatArray] = ()
    ) -> dict[int, Pose]:
        """Update with given network outputs for the crops of all tracks and for windows."""
        looked = list(self.tracker.tracks)
        self.tracker.update(
            self.time_s,
            looked,
            np.array(crops).reshape(-1, K, 3),
            np.array(windows).reshape(-1, K, 3),
        )
        return {pose.track_id: pose for pose in self.tracker.poses(is_smooth=True)}

    def wait(
        self,
        seconds: float,
        people: Sequence[FloatArray] = (),
        *,
        windows: Sequence[FloatArray] = (),
    ) -> dict[int, Pose]:
        """Show the same for a while, at 30 frames a second."""
        poses: dict[int, Pose] = {}
        for _ in range(round(seconds * FPS)):
            poses = self.show(people, windows=windows)
        return poses

    def meet(self, *people: FloatArray) -> None:
        """Confirm people one after the other: each is found by a window and gets an id."""
        for count in range(1, len(people) + 1):
            self.show(people[: count - 1], windows=[people[count - 1]])
            self.wait(0.3, people[:count])
        assert self.ids == list(range(1, len(people) + 1))

    @property
    def ids(self) -> list[int]:
        """Ids of the tracked people."""
        return [track.track_id for track in self.tracker.confirmed]

    def box(self, track_id: int) -> BBox:
        """The crop's box of a tracked person, as of the last frame."""
        return next(t.box for t in self.tracker.confirmed if t.track_id == track_id)


def place(pose: Pose) -> float:
    """Position of a pose: x of the middle of the hips, pixels."""
    return float(pose.xy[[AT["left_hip"], AT["right_hip"]], 0].mean())
