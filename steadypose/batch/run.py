"""From the first frame of a clip to its last: the loop of the app without a screen or a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from steadypose.realtime.app.tracked_frame import tracked
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.smooth.live_angles import LiveAngles
from steadypose.realtime.sources.base import Source
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.stream import Stream


@dataclass(slots=True)
class Run:
    """One clip. Its video shows people and angles, and no times: it is the same each time.

    Attributes:
        source: The clip.
        pipeline: With the worker's engine.
        outputs: What is written.
        is_smooth: Record filtered positions.
        max_frames: Stop after this many.
        angles: Measures joint angles.
        beat: Called with each frame.
        frames: How many were recorded.
    """

    source: Source
    pipeline: Pipeline
    outputs: Outputs
    is_smooth: bool
    max_frames: int | None
    angles: LiveAngles | None
    beat: Callable[[], object]
    frames: int = 0

    def follow(self) -> None:
        """Find, track and record, to the end.

        Raises:
            SteadyposeError: The clip broke, or a file cannot be written; what came before is kept.
        """
        take = partial(
            tracked, pipeline=self.pipeline, is_smooth=self.is_smooth, angles=self.angles
        )
        stream = Stream(self.source, self.pipeline, take, limit=self.max_frames)
        for result in stream.run():
            if result is None:
                continue
            frame = result.crops.frame
            self.outputs.write_poses(frame, result.poses, result.angles)
            if self.outputs.wants_video:
                self.outputs.write_picture(result.painter(), frame.time_s)
            self.frames += 1
            self.beat()
