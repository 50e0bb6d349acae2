"""A frame that has left the engine and is not yet shown."""

from __future__ import annotations

import time
from dataclasses import dataclass

from steadypose.realtime.datatypes import FloatArray, Pose
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
