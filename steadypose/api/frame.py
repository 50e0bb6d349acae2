"""A frame with its people, as the library hands them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.datatypes import FloatArray, Pose, State

_NAMES = {State.LOST: "lost", State.PREDICTED: "predicted", State.MEASURED: "measured"}


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame; arrays are read-only.

    Coordinates are pixels of the frame: x right, y down, (0, 0) is the centre of the top-left
    pixel. K keypoints, in the order of ``names``.

    Attributes:
        id: Stable across frames, from 1.
        names: (K,) keypoint names.
        xy: (K, 2) float64 filtered positions, NaN while lost.
        raw_xy: (K, 2) float64 positions from the network, NaN while there is none.
        score: (K,) float64 in [0, 1].
        state: (K,) int8: 0 lost, 1 predicted, 2 measured.
        covariance: (K, 2, 2) float64 of ``xy``, pixels²; NaN while lost, or if the filter does
            not know it. How honest it is: docs/smoothing.md.
    """

    id: int
    names: tuple[str, ...]
    xy: FloatArray
    raw_xy: FloatArray
    score: FloatArray
    state: NDArray[np.int8]
    covariance: FloatArray

    def __getitem__(self, keypoint: str) -> tuple[float, float]:
        """Filtered position of a keypoint, pixels; (NaN, NaN) while it is lost.

        Raises:
            UsageError: There is no such keypoint.
        """
        x, y = self.xy[self._row(keypoint)]
        return float(x), float(y)

    def state_of(self, keypoint: str) -> str:
        """``measured``, ``predicted`` or ``lost``.

        Raises:
            UsageError: There is no such keypoint.
        """
        return _NAMES[State(int(self.state[self._row(keypoint)]))]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the keypoints that are not lost; NaN if all are."""
        here = self.xy[self.state != State.LOST]
        if not len(here):
            return (float("nan"),) * 4
        (x1, y1), (x2, y2) = here.min(axis=0), here.max(axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a recording in JSON lines has them; None for what is lost."""
        return {
            "id": self.id,
            "keypoints": {
                name: None if np.isnan(x) else [float(x), float(y), float(score), _NAMES[state]]
                for name, (x, y), score, state in zip(
                    self.names, self.xy, self.score, map(State, self.state.tolist()), strict=True
                )
            },
        }

    def _row(self, keypoint: str) -> int:
        if keypoint not in self.names:
            raise UsageError(
                f"there is no keypoint {keypoint!r}", fix=f"one of {', '.join(self.names)}"
            )
        return self.names.index(keypoint)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame and the people in it.

    Attributes:
        image_bgr: (H, W, 3) uint8, read-only.
        index: 0 for the first frame of the source; dropped frames are counted too.
        time_s: When it was taken: seconds since the first frame of a live source, the
            presentation time of a file, or what a ``Tracker`` was told.
        persons: In order of their ids.
    """

    image_bgr: NDArray[np.uint8]
    index: int
    time_s: float
    persons: tuple[Person, ...]
    _poses: tuple[Pose, ...] = field(repr=False)
    _predict: Callable[[float], list[Pose]] = field(repr=False)

    def __iter__(self) -> Iterator[Person]:
        return iter(self.persons)

    def at(self, time_s: float) -> tuple[Person, ...]:
        """The same people as they are likely to be a little later; their covariance is not known.

        Args:
            time_s: On the clock of ``time_s``; meant for up to a tenth of a second ahead.

        Raises:
            UsageError: A later frame was taken in: ask the newest one.
        """
        unknown = np.full((len(self._poses[0].xy), 2, 2), np.nan) if self._poses else np.empty(0)
        return tuple(to_person(pose, unknown) for pose in self._predict(time_s))

    def draw(self) -> NDArray[np.uint8]:
        """A copy of the picture with the skeletons on it."""
        canvas = self.image_bgr.copy()
        draw_poses(canvas, self._poses)
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        people = [person.to_dict() for person in self.persons]
        return {"frame": self.index, "time_s": self.time_s, "persons": people}


def to_person(pose: Pose, covariance: FloatArray) -> Person:
    """What the library hands out of a pose and its (K, 2, 2) covariance."""
    arrays = (pose.xy, pose.raw_xy, pose.score, pose.state, covariance)
    copies = [array.copy() for array in arrays]
    for copy in copies:
        copy.flags.writeable = False
    return Person(pose.track_id, pose.skeleton.keypoints, *copies)  # type: ignore[arg-type]
