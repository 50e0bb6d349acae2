"""A frame whose people are tracked, and which is not yet shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.app.draw import draw_angles, draw_poses, mirrored
from steadypose.realtime.datatypes import FloatArray, Frame, Pose
from steadypose.realtime.record.picture import Paint
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.tracking.pipeline import Crops, Pipeline


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

    def painter(
        self,
        hud: Callable[[NDArray[np.uint8]], None] | None = None,
        *,
        is_predicted: bool = False,
        is_mirrored: bool = False,
    ) -> Paint:
        """Make a function that draws this frame as of now; any thread may call it.

        Args:
            hud: Draws what lies over the people.
            is_predicted: Draw where people are when it is seen, not what is recorded.
            is_mirrored: Exchange left and right.
        """
        image = self.crops.frame.image_bgr
        poses = (self.drawn if is_predicted else None) or self.poses

        def paint() -> NDArray[np.uint8]:
            canvas = mirrored(image) if is_mirrored else image.copy()
            draw_poses(canvas, poses, is_mirrored=is_mirrored)
            draw_angles(canvas, poses, self.angles, is_mirrored=is_mirrored)
            if hud is not None:
                hud(canvas)
            return canvas

        return paint


def tracked(
    crops: Crops, pipeline: Pipeline, *, is_smooth: bool, angles: LiveAngles | None
) -> TrackedFrame:
    """A frame that the pipeline has completed, with its people.

    Args:
        crops: Of the frame.
        pipeline: Has completed it.
        is_smooth: Take filtered positions.
        angles: Measures joint angles; None: they are left out.
    """
    poses = pipeline.poses(is_smooth=is_smooth)
    if angles is None:
        return TrackedFrame(crops, poses)
    certainty = pipeline.covariances() if is_smooth else None
    return TrackedFrame(crops, poses, angles.of_poses(poses, certainty, crops.frame.time_s))


def blackened(frame: Frame) -> Frame:
    """The same frame without its picture."""
    return replace(frame, image_bgr=np.zeros_like(frame.image_bgr))
