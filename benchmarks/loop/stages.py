"""What the loop's own thread spends outside the engine, on frames that are kept in memory.

A device that needs no time (``--fake``: the real TensorRT backend on a made-up GPU) shows what is
left; ``--free-crops`` leaves cutting out as well, as if the GPU did it for nothing.

    python -m benchmarks.loop.stages --fake --free-crops --size 1280x720
    python -m benchmarks.loop.stages --size 640x360
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine
from steadypose.realtime.app.clock import STAGES
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.pipeline import Pipeline

_KEPT = 45
_WARM = 15


class KeptFrames:
    """Frames of the demo that were drawn before; forth and back, so that nobody jumps."""

    label, is_live, is_paced, fps, dropped, trouble = "kept frames", False, False, 30.0, 0, None

    def __init__(self, size_hw: tuple[int, int], frames: int) -> None:
        scene = DemoScene(size_hw=size_hw)
        kept = [scene.draw(index) for index in range(_KEPT)]
        self._pictures: list[NDArray[np.uint8]] = kept + kept[-2:0:-1]
        self._given, self.frame_count = 0, frames

    @property
    def is_over(self) -> bool:
        """Whether all were given."""
        return self._given >= self.frame_count

    def read(self, timeout_s: float) -> Frame | None:
        """Give the next one."""
        del timeout_s
        if self.is_over:
            return None
        index, self._given = self._given, self._given + 1
        return Frame(self._pictures[index % len(self._pictures)], index, index / 30, 0.0)

    def close(self) -> None:
        """Nothing to close."""


def run_on_kept_frames(engine: Engine, size_hw: tuple[int, int], *, frames: int) -> dict[str, Any]:
    """Run the app's loop, headless and without files.

    Returns:
        Frames, frame rate, ``frame_ms``, ``outside_ms`` (CPU time of the loop's thread outside
        engine and source) as p50 and p95, and ``stages_ms`` p50 of each stage.
    """
    source = KeptFrames(size_hw, frames + _WARM)
    outputs = Outputs(engine.spec.skeleton, source.fps, False)  # noqa: FBT003
    app = App(source, Pipeline(engine), NullDisplay(), outputs)
    app.run()
    clock = app.clock
    rows = slice(_WARM, None)

    def both(column: NDArray[np.float32]) -> list[float]:
        return [float(value) for value in np.percentile(column[rows], (50, 95))]

    engine_ms = clock.column("engine")
    overhead = clock.column("overhead")
    return {
        "frames": frames,
        "fps": clock.fps,
        "frame_ms": both(engine_ms + overhead),
        "outside_ms": both(overhead),
        "stages_ms": {name: float(np.median(clock.column(name)[rows])) for name in STAGES},
    }
