"""One frame on its way into a file, and the rounding that every format shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import FloatArray, Pose, State

STATES = {"lost": State.LOST, "predicted": State.PREDICTED, "measured": State.MEASURED}
STATE_NAMES = ("lost", "predicted", "measured")
UNITS = {"time_s": "s", "x": "px", "y": "px", "raw": "px", "score": "1"}

Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """The people of one frame.

    Attributes:
        frame: Index in the source.
        time_s: Capture time.
        poses: Nobody is an empty sequence.
        angles: (J, 2) degrees and standard deviation of each, in the order of ``NAMES`` of
            ``smooth.angles``; empty where angles are not recorded.
    """

    frame: int
    time_s: float
    poses: Sequence[Pose]
    angles: Sequence[FloatArray] = ()


class Sink(Protocol[Item_contra]):
    """An open file that takes items; used by one thread."""

    @property
    def rows(self) -> int:
        """How many rows, lines or pictures it has taken."""
        ...

    @property
    def size_bytes(self) -> int:
        """Bytes written and waiting."""
        ...

    @property
    def progress(self) -> int:
        """Grows while ``close`` works."""
        ...

    def add(self, item: Item_contra) -> None:
        """Take an item; it need not reach the disk yet."""
        ...

    def flush(self) -> None:
        """Bring everything to the disk, so that a kill leaves it readable."""
        ...

    def close(self) -> None:
        """Finish the file, also after a failure. Safe to call twice."""
        ...


def round_px(values: FloatArray, places: int = 2) -> FloatArray:
    """Positions and angles as they are recorded: 0.01 pixels or degrees, no negative zero."""
    rounded: FloatArray = np.round(values, places) + 0.0
    return rounded


def round_score(values: FloatArray) -> FloatArray:
    """Scores as they are recorded: 0.001."""
    rounded: FloatArray = np.round(values, 3) + 0.0
    return rounded


def recorded_score(scores: FloatArray) -> float:
    """A person's score, 0.001: the mean of the keypoints' scores as they are recorded.

    Every tool that reads a recording finds the same. NaN counts as 0.
    """
    thousandths = np.rint(np.nan_to_num(round_score(scores)) * 1000)
    return round(float(thousandths.sum()) / len(scores) / 1000, 3)


def round_time(seconds: float) -> float:
    """Times as they are recorded: 0.0001 s."""
    return round(seconds, 4)


def description(skeleton: Skeleton) -> dict[str, Any]:
    """What a file says about itself, in JSON."""
    return {
        "format": "steadypose",
        "version": 1,
        "skeleton": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "units": UNITS,
    }
