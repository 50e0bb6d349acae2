"""A frame that has left the engine and is not yet shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.app.draw import draw_poses, mirrored
from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.record.video import Paint
from steadypose.realtime.tracking.pipeline import Crops, Pipeline


@dataclass(slots=True)
class FrameInFlight:
    """A frame that has left the engine, to be shown and recorded."""

    crops: Crops
    found: FloatArray
    poses: list[Pose] | None = None
    drawn: list[Pose] | None = None

    def complete(self, pipeline: Pipeline, *, is_smooth: bool) -> None:
        """Track the people in this frame; only the first call has an effect."""
        if self.poses is None:
            begin_s = time.perf_counter()
            pipeline.complete(self.crops, self.found)
            self.poses = pipeline.poses(is_smooth=is_smooth)
            self.crops.track_ms = (time.perf_counter() - begin_s) * 1e3

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
        poses = (self.drawn if is_predicted else None) or self.poses or []

        def paint() -> NDArray[np.uint8]:
            canvas = mirrored(image) if is_mirrored else image.copy()
            draw_poses(canvas, poses, is_mirrored=is_mirrored)
            if hud is not None:
                hud(canvas)
            return canvas

        return paint
