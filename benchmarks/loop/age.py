"""Frame age and memory with a 60 fps camera and a 50 ms engine.

python -m benchmarks.loop.age [--seconds 60] [--memory-frames 10000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import guarded, own_mib, parser, publish, table
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline


class SimulatedCamera:
    """Delivers frames at exact times, like a driver with its own clock.

    Args:
        fps: Frames a second.
        images: In turn; default: some of the demo.
        phase: Of the first one, frames.
    """

    label = "simulated camera"

    def __init__(
        self, fps: float, images: Sequence[NDArray[np.uint8]] = (), phase: float = 0.0
    ) -> None:
        self.fps = fps
        self._images = images or [DemoScene().draw(i) for i in range(8)]
        self._begin_s = time.perf_counter() + phase / fps
        self._count = 0

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """Wait for the next tick."""
        self._count += 1
        due_s = self._begin_s + self._count / self.fps
        time.sleep(max(0.0, due_s - time.perf_counter()))
        return self._images[self._count % len(self._images)], due_s

    def close(self) -> None:
        """Nothing to release."""


def live_run(fps: float, latency_s: float, *, seconds: float | None, frames: int | None) -> App:
    """Run the loop on a simulated camera."""
    source = LiveSource(lambda: SimulatedCamera(fps))
    engine = FakeEngine(latency_s=latency_s)
    outputs = Outputs(engine.spec.skeleton, fps, is_live=True)
    limit = frames if frames is not None else int((seconds or 0) / max(latency_s, 1 / fps)) + 1
    app = App(source, Pipeline(engine), NullDisplay(), outputs, max_frames=limit)
    app.run()
    source.close()
    return app


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=60.0)
    made.add_argument("--memory-frames", type=int, default=10_000)
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    rows = []
    app = live_run(60.0, 0.05, seconds=arguments.seconds, frames=None)
    half = app.clock.frames // 2
    ages = app.clock.column("age")
    for name, part in (("first half", ages[:half]), ("second half", ages[half:]), ("all", ages)):
        low, high, most = np.percentile(part, (50, 95, 100))
        rows.append(
            (f"frame age, {name}, ms p50 / p95 / max", f"{low:.1f} / {high:.1f} / {most:.1f}")
        )
    rows.append(("frames shown / dropped", f"{app.clock.frames} / {app.source.dropped}"))
    live_run(1000.0, 0.0, seconds=None, frames=500)
    before = own_mib()
    live_run(1000.0, 0.0, seconds=None, frames=arguments.memory_frames)
    grown = own_mib() - before
    rows.append((f"memory grown over {arguments.memory_frames} frames, MiB", f"{grown:.1f}"))
    publish(
        f"60 fps camera, 50 ms engine, {arguments.seconds:g} s\n\n{table(('', ''), rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
