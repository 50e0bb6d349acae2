"""One person in one frame, as the library hands them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.realtime.datatypes import FloatArray, State
from steadypose.realtime.smooth.angles import NAMES

_STATES = {State.LOST: "lost", State.PREDICTED: "predicted", State.MEASURED: "measured"}


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


class Behind(Protocol):
    """What is only worked out when somebody asks for it, for all people of a frame."""

    def covariances(self) -> Sequence[FloatArray]:
        """(K, 2, 2) of each person, read-only; the same arrays every time."""
        ...

    def angles(self) -> Sequence[FloatArray]:
        """(J, 2) of each person: angle and standard deviation, NaN where not known."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The same of people who left their tracker behind, as in another process."""

    _covariances: Sequence[FloatArray]
    _angles: Sequence[FloatArray]

    def covariances(self) -> Sequence[FloatArray]:
        """See ``Behind``."""
        return self._covariances

    def angles(self) -> Sequence[FloatArray]:
        """See ``Behind``."""
        return self._angles


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
    """

    id: int
    names: tuple[str, ...]
    xy: FloatArray
    raw_xy: FloatArray
    score: FloatArray
    state: NDArray[np.int8]
    _row: int
    _behind: Behind

    def __repr__(self) -> str:
        x1, y1, x2, y2 = (round(side) if side == side else side for side in self.box)  # noqa: PLR0124 - NaN
        here = int((self.state != State.LOST).sum())
        return f"<Person {self.id}: {here} of {len(self.names)} keypoints in {x1, y1, x2, y2}>"

    def __reduce__(self) -> tuple[Any, ...]:
        known = [self.covariance], [self._behind.angles()[self._row]]
        arrays = self.xy, self.raw_xy, self.score, self.state
        return _restored, (self.id, self.names, arrays, known)

    @property
    def covariance(self) -> FloatArray:
        """(K, 2, 2) float64 of ``xy``, pixels²; NaN while lost, or if the filter does not know it.

        How honest it is: docs/smoothing.md.
        """
        return self._behind.covariances()[self._row]

    @property
    def angles(self) -> Mapping[str, Angle]:
        """Of ``left_elbow``, ``right_knee``, shoulders, hips and ``trunk``: those that are known.

        They are measured when they are asked for, and go on from the frame asked last: ask
        every frame, in order. ``Frame.at`` has none.
        """
        pairs = zip(NAMES, self._behind.angles()[self._row].tolist(), strict=True)
        return {name: Angle(*pair) for name, pair in pairs if pair[0] == pair[0]}

    def __getitem__(self, keypoint: str) -> tuple[float, float]:
        """Filtered position of a keypoint, pixels; (NaN, NaN) while it is lost.

        Raises:
            UsageError: There is no such keypoint.
        """
        x, y = self.xy[self._find(keypoint)]
        return float(x), float(y)

    def state_of(self, keypoint: str) -> str:
        """``measured``, ``predicted`` or ``lost``.

        Raises:
            UsageError: There is no such keypoint.
        """
        return _STATES[State(int(self.state[self._find(keypoint)]))]

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
                name: None if np.isnan(x) else [float(x), float(y), float(score), _STATES[state]]
                for name, (x, y), score, state in zip(
                    self.names, self.xy, self.score, map(State, self.state.tolist()), strict=True
                )
            },
        }

    def _find(self, keypoint: str) -> int:
        if keypoint not in self.names:
            raise UsageError(
                f"there is no keypoint {keypoint!r:.60}", fix=f"one of {', '.join(self.names)}"
            )
        return self.names.index(keypoint)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, read-only from now on."""
    array.flags.writeable = False
    return array


def _restored(number: int, names: tuple[str, ...], arrays: Any, known: Any) -> Person:
    """A person from another process: arrays come out of a pickle writable."""
    covariances, angles = known
    behind = Kept([frozen(covariances[0])], angles)
    xy, raw_xy, score, state = map(frozen, arrays)
    return Person(number, names, xy, raw_xy, score, state, 0, behind)
