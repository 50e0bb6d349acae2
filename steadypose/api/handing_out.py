"""From the pipeline's poses to what the library hands out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.api.frame import Angle, Frame, Person
from steadypose.engines.errors import UsageError
from steadypose.realtime import datatypes
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.smooth.angles import NAMES
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.tracking.pipeline import Pipeline


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

    def __call__(self, frame: datatypes.Frame) -> Frame:
        """The frame that the pipeline has just completed."""
        pipeline, number = self._pipeline, self._pipeline.completed
        poses = tuple(pipeline.poses(is_smooth=self._is_smooth))
        image = frame.image_bgr.view()
        image.flags.writeable = False

        def predict(time_s: float) -> tuple[Person, ...]:
            if pipeline.completed != number:
                raise UsageError(
                    "this frame is not the newest any more",
                    fix="ask a frame before fetching the next",
                )
            ahead = pipeline.poses_ahead(time_s) if self._is_smooth else list(poses)
            return tuple(to_person(pose, _unknown(pose), dict) for pose in ahead)

        certainty = pipeline.covariances() if self._is_smooth else list(map(_unknown, poses))
        angles = _Angles(self._meter, poses, certainty, frame.time_s)
        people = tuple(
            to_person(pose, covariance, lambda row=row: angles.of_person(row))  # type: ignore[misc]
            for row, (pose, covariance) in enumerate(zip(poses, certainty, strict=True))
        )
        return Frame(image, frame.index, frame.time_s, people, poses, angles.all, predict)


class _Angles:
    """The angles of a frame's people, measured when the first is asked for."""

    def __init__(
        self,
        meter: LiveAngles,
        poses: Sequence[Pose],
        covariances: Sequence[FloatArray],
        time_s: float,
    ) -> None:
        self._given = (meter, poses, covariances, time_s)
        self._found: Sequence[FloatArray] | None = None

    def all(self) -> Sequence[FloatArray]:
        """(J, 2) of each person."""
        if self._found is None:
            meter, poses, covariances, time_s = self._given
            self._found = meter.of_poses(poses, covariances, time_s)
        return self._found

    def of_person(self, row: int) -> Mapping[str, Angle]:
        """By name, those that are known."""
        pairs = zip(NAMES, self.all()[row].tolist(), strict=True)
        return {name: Angle(*pair) for name, pair in pairs if pair[0] == pair[0]}


def to_person(
    pose: Pose, covariance: FloatArray, angles: Callable[[], Mapping[str, Angle]]
) -> Person:
    """What the library hands out of a pose, its (K, 2, 2) covariance, and its angles."""
    return Person(
        id=pose.track_id,
        names=pose.skeleton.keypoints,
        xy=_read_only(pose.xy),
        raw_xy=_read_only(pose.raw_xy),
        score=_read_only(pose.score),
        state=_read_only(pose.state),
        covariance=_read_only(covariance),
        _angles=angles,
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _unknown(pose: Pose) -> FloatArray:
    return np.full((len(pose.xy), 2, 2), np.nan)
