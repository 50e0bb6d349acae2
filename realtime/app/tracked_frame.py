"""A frame whose people are tracked, and which is not yet shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.tracking.pipeline import Crops


@dataclass(slots=True)
class TrackedFrame:
    """A frame to be shown and recorded.

    Attributes:
        crops: The frame itself, and how long its stages took.
        poses: Its people, as they are recorded.
        angles: Of each, degrees and standard deviation, where they are measured.
        drawn: As they are drawn in the window, if otherwise.
    """

    crops: Crops
    poses: list[Pose]
    angles: Sequence[FloatArray] = ()
    drawn: list[Pose] | None = None
