"""From the pipeline's poses to what the library hands out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from steadypose.api.frame import Frame, people_of
from steadypose.api.person import Kept, Person, frozen
from steadypose.engines.errors import UsageError
from steadypose.realtime import datatypes
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.smooth.angles import NAMES
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.tracking.pipeline import Pipeline

_MOST_AHEAD_S = 0.5


class HandOut:
    """Makes frames of a pipeline's, in their order.

    Args:
        pipeline: Asked for the frame that it has just completed.
        is_smooth: Hand out filtered positions.
    """

    def __init__(self, pipeline: Pipeline, *, is_smooth: bool) -> None:
        self._pipeline = pipeline
        self._is_smooth = is_smooth
        self._meter = LiveAngles(pipeline.engine.spec.skeleton.keypoints)

    def __call__(self, frame: datatypes.Frame, found: Sequence[Pose]) -> Frame:
        """The frame that the pipeline has just completed, and whom it found."""
        pipeline, poses = self._pipeline, tuple(found)
        is_known = self._is_smooth and poses
        certainty = pipeline.covariances_later() if is_known else _unknown(poses)
        behind = _WhenAsked(self._meter, poses, certainty, frame.time_s)
        image = frozen(frame.image_bgr.view())
        people = people_of(poses, behind)
        ahead = partial(self._ahead, pipeline.completed, poses, frame.time_s)
        return Frame(image, frame.index, frame.time_s, people, poses, behind, ahead)

    def _ahead(
        self, number: int, poses: tuple[Pose, ...], taken_s: float, time_s: float
    ) -> tuple[Person, ...]:
        """See ``Frame.at``.

        Args:
            number: Of the frame: how many were completed with it.
            poses: Of the frame.
            taken_s: When it was taken.
            time_s: When the people are wanted.
        """
        if self._pipeline.completed != number:
            raise UsageError(
                "this frame is not the newest any more", fix="ask a frame before fetching the next"
            )
        if self._is_smooth:
            poses = tuple(self._pipeline.poses_ahead(min(time_s, taken_s + _MOST_AHEAD_S)))
        nothing = np.full((len(NAMES), 2), np.nan)
        return people_of(poses, Kept(list(map(frozen, _unknown(poses)())), [nothing] * len(poses)))


class _WhenAsked:
    """Covariances and angles of a frame's people, worked out when the first is asked for."""

    __slots__ = ("_angles", "_covariances", "_later", "_meter", "_poses", "_time_s")

    def __init__(
        self,
        meter: LiveAngles,
        poses: Sequence[Pose],
        later: Callable[[], list[FloatArray]],
        time_s: float,
    ) -> None:
        self._meter, self._poses, self._later, self._time_s = meter, poses, later, time_s
        self._covariances: Sequence[FloatArray] | None = None
        self._angles: Sequence[FloatArray] | None = None

    def covariances(self) -> Sequence[FloatArray]:
        """See ``Behind``."""
        if self._covariances is None:
            self._covariances = [frozen(each.copy()) for each in self._later()]
        return self._covariances

    def angles(self) -> Sequence[FloatArray]:
        """See ``Behind``."""
        if self._angles is None:
            self._angles = self._meter.of_poses(self._poses, self.covariances(), self._time_s)
        return self._angles


def _unknown(poses: Sequence[Pose]) -> Callable[[], list[FloatArray]]:
    return lambda: [np.full((len(pose.xy), 2, 2), np.nan) for pose in poses]
