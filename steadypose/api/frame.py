"""A frame with its people, as the library hands them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadypose.api import elsewhere
from steadypose.engines.errors import UsageError
from steadypose.realtime.app.draw import draw_angles, draw_poses
from steadypose.realtime.datatypes import FloatArray, Pose, State

if TYPE_CHECKING:
    from supervision import KeyPoints

_NAMES = {State.LOST: "lost", State.PREDICTED: "predicted", State.MEASURED: "measured"}


class Angle(NamedTuple):
    """A joint's angle in the picture plane.

    Attributes:
        degrees: 180 is a straight elbow, knee or hip, 0 a hanging arm or an upright trunk; it
            goes on to 181 where a joint passes through straight, and below 0 where it folds over.
        std: Standard deviation, degrees, from the covariance of the keypoints; NaN if the filter
            does not know it.
    """

    degrees: float
    std: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
    _angles: Callable[[], Mapping[str, Angle]]

    def __repr__(self) -> str:
        x1, y1, x2, y2 = (round(side) if side == side else side for side in self.box)  # noqa: PLR0124 - NaN
        here = int((self.state != State.LOST).sum())
        return f"<Person {self.id}: {here} of {len(self.names)} keypoints in {x1, y1, x2, y2}>"

    @property
    def angles(self) -> Mapping[str, Angle]:
        """Of ``left_elbow``, ``right_knee``, shoulders, hips and ``trunk``: those that are known.

        They are measured when they are asked for, and go on from the frame asked last: ask
        every frame, in order. ``Frame.at`` has none.
        """
        return self._angles()

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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """One frame and the people in it.

    Attributes:
        image_bgr: (H, W, 3) uint8, read-only.
        index: 0 for the first frame of the source; dropped frames are counted too.
        time_s: When it was taken: seconds since the first frame of a live source, the
            presentation time of a file, or what a ``Tracker`` was told.
        persons: In order of their ids.
        source: Number of the source in ``sp.open([...])``; 0 for a single one.
    """

    image_bgr: NDArray[np.uint8]
    index: int
    time_s: float
    persons: tuple[Person, ...]
    _poses: tuple[Pose, ...]
    _angles: Callable[[], Sequence[FloatArray]]
    _predict: Callable[[float], tuple[Person, ...]]
    source: int = 0

    def __repr__(self) -> str:
        height, width = self.image_bgr.shape[:2]
        people = ", ".join(map(repr, self.persons)) or "nobody"
        return f"<Frame {self.index} at {self.time_s:.3f} s, {width}x{height}: {people}>"

    def __iter__(self) -> Iterator[Person]:
        return iter(self.persons)

    def at(self, time_s: float) -> tuple[Person, ...]:
        """The same people as they are likely to be a little later; their covariance is not known.

        Args:
            time_s: On the clock of ``time_s``; meant for up to a tenth of a second ahead.

        Raises:
            UsageError: A later frame was taken in: ask the newest one.
        """
        return self._predict(time_s)

    def draw(self, *, angles: bool = False) -> NDArray[np.uint8]:
        """A copy of the picture with the skeletons on it, and joint angles if they are wanted."""
        canvas = self.image_bgr.copy()
        draw_poses(canvas, self._poses)
        if angles:
            draw_angles(canvas, self._poses, self._angles())
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        people = [person.to_dict() for person in self.persons]
        return {"frame": self.index, "time_s": self.time_s, "persons": people}

    def to_supervision(self) -> KeyPoints:
        """Its people for ``supervision``'s annotators; lost keypoints are (0, 0) there.

        ``data["tracker_id"]`` has the ids.

        Raises:
            Error: supervision is not installed.
        """
        people = self.persons
        return elsewhere.to_supervision(
            [one.id for one in people], [one.xy for one in people], [one.score for one in people]
        )

    def to_rerun(self, entity: str = "camera", *, recording: Any = None) -> None:
        """Show it in Rerun's viewer: picture, keypoints and limbs, at its time.

        Args:
            entity: Path of the picture; people lie below it.
            recording: A ``RecordingStream``; None: that of ``rr.init``.

        Raises:
            Error: rerun-sdk is not installed.
        """
        viewer = elsewhere.Rerun(entity, recording)
        viewer.begin(self.image_bgr, self.index, self.time_s)
        for person in self.persons:
            viewer.add(person.id, person.names, person.xy, self.limbs)

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keypoints that are drawn as lines; empty where nobody is."""
        return self._poses[0].skeleton.limbs if self._poses else ()
