"""What the window costs the loop: on the loop's own thread, and with a thread of its own.

Both show the same simulated camera in a real window, in turns; then somebody holds the window.

    xvfb-run python -m benchmarks.loop.window [--runs 5] [--seconds 8]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from benchmarks.common import guarded, parser, publish, table
from benchmarks.loop.age import SimulatedCamera
from benchmarks.loop.stages import KeptFrames
from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.app.display import Display, Window, why_headless
from steadypose.realtime.app.loop import App
from steadypose.realtime.app.two_threads import ApartDisplay, LoopThread
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline

_CAMERA_HZ = 30.0
_HELD_S = 3.0


class HeldWindow(Window):
    """A window that somebody holds by its title bar, two seconds after ``hold``."""

    _from_s = float("inf")

    def hold(self) -> None:
        """Somebody will."""
        self._from_s = time.perf_counter() + 2.0

    def pressed(self) -> list[str]:
        """See ``Display.pressed``."""
        if time.perf_counter() > self._from_s:
            self._from_s = float("inf")
            time.sleep(_HELD_S)
        return super().pressed()


def shown(engine: Engine, source: Source, display: Display, *, is_apart: bool, limit: int) -> App:
    """Run the loop with a display.

    Args:
        engine: Not closed.
        source: Closed.
        display: Not closed: a screen without ``-noreset`` starts over when its last window goes.
        is_apart: The loop gets a thread of its own.
        limit: Frames.
    """
    outputs = Outputs(engine.spec.skeleton, source.fps, source.is_live)
    app = App(source, Pipeline(engine), display, outputs, max_frames=limit)
    if is_apart:
        apart = app.display = ApartDisplay(display, LoopThread(is_apart=True))
        apart.run(app.run, end=app.quit)
    else:
        app.run()
    source.close()
    return app


def camera() -> Source:
    """A camera as fast as most."""
    return LiveSource(partial(SimulatedCamera, _CAMERA_HZ))


def median(runs: list[float]) -> str:
    """The middle one of several runs, and how far they spread."""
    return f"{np.median(runs):.2f} ({min(runs):.2f} to {max(runs):.2f})"


def main() -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=5)
    made.add_argument("--seconds", type=float, default=8.0)
    made.add_argument("--threads", type=int, default=1, help="of the network on the CPU")
    arguments = made.parse_args()
    reason = why_headless()
    if reason is not None:
        raise UsageError(f"no window: {reason}", fix="xvfb-run python -m benchmarks.loop.window")
    cv2.setNumThreads(1)
    engine = open_engine(
        DEFAULT_MODEL, backend="auto", options=EngineOptions(threads=arguments.threads)
    ).engine
    frames = int(arguments.seconds * _CAMERA_HZ)
    figures: dict[str, tuple[Callable[[], Source], Callable[[App], float]]] = {
        "age on screen, 30 Hz camera, ms p50": (camera, lambda a: a.clock.percentile("age", 50)),
        "age on screen, 30 Hz camera, ms p95": (camera, lambda a: a.clock.percentile("age", 95)),
        "frames a second, no camera": (
            lambda: KeptFrames((360, 640), frames),
            lambda a: a.clock.fps,
        ),
    }
    found: dict[tuple[str, bool], list[float]] = {}
    window = HeldWindow()
    for number in range(arguments.runs):
        for is_apart in (False, True) if number % 2 else (True, False):
            for name, (source, figure) in figures.items():
                app = shown(engine, source(), window, is_apart=is_apart, limit=frames)
                found.setdefault((name, is_apart), []).append(figure(app))
    rows = [
        [name, *(median(found[name, is_apart]) for is_apart in (False, True))] for name in figures
    ]
    lost = []
    for is_apart in (False, True):
        filmed = camera()
        window.hold()
        app = shown(engine, filmed, window, is_apart=is_apart, limit=frames)
        lost.append(f"{filmed.dropped} of {app.clock.frames + filmed.dropped}")
    rows.append([f"frames lost while the window is held for {_HELD_S:g} s", *lost])
    window.close()
    label = engine.label
    engine.close()
    publish(
        f"{label}, {arguments.runs} runs in turns: median (least to most)\n\n"
        + table(("", "one thread", "the loop on its own"), rows),
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
