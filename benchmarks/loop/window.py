"""What the window costs the loop: on the loop's own thread, and with a thread of its own.

Both show the same simulated camera in a real window, in turns; then somebody holds the window.

    xvfb-run python -m benchmarks.loop.window [--runs 5] [--seconds 8] [--output FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from benchmarks.common import guarded, open_network, parser, publish, table
from benchmarks.loop.age import SimulatedCamera
from benchmarks.loop.stages import KeptFrames
from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.realtime.app.display import Display, Window, why_headless
from steadypose.realtime.app.loop import App
from steadypose.realtime.app.two_threads import ApartDisplay, LoopThread
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.turns import take_short_turns

_CAMERA_HZ = 30.0
_HELD_S = 3.0
_SLICE, _SLICE_S = 90, 1.0  # frames of a run without a camera, and about how long that takes


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


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has told.

    Attributes:
        app: Its loop.
        dropped: What the camera had given up when the loop ended, frames.
        cpu_ms: CPU time of all threads, milliseconds a frame.
    """

    app: App
    dropped: int
    cpu_ms: float


def shown(engine: Engine, source: Source, display: Display, *, is_apart: bool, limit: int) -> Run:
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
    dropped = 0

    def loop() -> None:
        nonlocal dropped
        app.run()
        dropped = source.dropped  # the window may still be held

    begin_s = time.process_time()
    if is_apart:
        apart = app.display = ApartDisplay(display, LoopThread(is_apart=True))
        apart.run(loop, end=app.quit)
    else:
        loop()
    cpu_s = time.process_time() - begin_s
    source.close()
    return Run(app, dropped, 1e3 * cpu_s / app.clock.frames)


def camera() -> Source:
    """A camera as fast as most."""
    return LiveSource(partial(SimulatedCamera, _CAMERA_HZ))


class Pairs:
    """A figure of both ways, measured in turns so that the machine's moods meet both."""

    def __init__(self, name: str, figure: Callable[[Run], float]) -> None:
        self.name, self._figure = name, figure
        self._found: dict[bool, list[float]] = {False: [], True: []}

    def add(self, run: Run, *, is_apart: bool) -> None:
        """Take the figure of a run."""
        self._found[is_apart].append(self._figure(run))

    def row(self) -> list[str]:
        """Both medians, and the median of the differences within pairs with its quartiles."""
        alone, apart = np.array(self._found[False]), np.array(self._found[True])
        low, middle, high = np.percentile(apart - alone, (25, 50, 75))
        share = 100 * np.median(apart / alone - 1)
        both = [f"{np.median(found):.2f}" for found in (alone, apart)]
        difference = f"{middle:+.2f} ({low:+.2f} to {high:+.2f}), {share:+.1f} %"
        return [self.name, *both, difference]


def compare(
    engine: Engine,
    window: Window,
    make: Callable[[], Source],
    pairs: list[Pairs],
    *,
    runs: int,
    limit: int,
) -> None:
    """Run both ways in turns, the first one changing.

    Args:
        engine: Of all runs.
        window: Stays open.
        make: Opens a source.
        pairs: Take the figures.
        runs: Of each way.
        limit: Frames of a run.
    """
    for number in range(runs):
        for is_apart in (False, True) if number % 2 else (True, False):
            run = shown(engine, make(), window, is_apart=is_apart, limit=limit)
            for pair in pairs:
                pair.add(run, is_apart=is_apart)


def _age_ms(percent: float, run: Run) -> float:
    return run.app.clock.percentile("age", percent)


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=5, help="of each way, with the camera")
    made.add_argument("--seconds", type=float, default=8.0, help="of each")
    made.add_argument("--threads", type=int, default=1, help="of the network on the CPU")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    reason = why_headless()
    if reason is not None:
        raise UsageError(f"no window: {reason}", fix="xvfb-run python -m benchmarks.loop.window")
    cv2.setNumThreads(1)
    take_short_turns()  # as the app does
    engine = open_network(threads=arguments.threads)
    window = HeldWindow()
    ages = [
        Pairs(
            f"age on screen, 30 Hz camera, ms p{percent}",
            partial(_age_ms, percent),
        )
        for percent in (50, 95)
    ]
    speeds = [
        Pairs("frames a second, no camera", lambda run: run.app.clock.fps),
        Pairs("CPU time of all threads, ms a frame", lambda run: run.cpu_ms),
    ]
    frames = int(arguments.seconds * _CAMERA_HZ)
    compare(engine, window, camera, ages, runs=arguments.runs, limit=frames)
    kept = partial(KeptFrames, (360, 640), _SLICE)
    slices = max(2, round(2 * arguments.runs * arguments.seconds / _SLICE_S))
    compare(engine, window, kept, speeds, runs=slices, limit=_SLICE)
    lost = []
    for is_apart in (False, True):
        window.hold()
        run = shown(engine, camera(), window, is_apart=is_apart, limit=int(6 * _CAMERA_HZ))
        lost.append(f"{run.dropped} of {run.app.clock.frames + run.dropped}")
    window.close()
    label = engine.label
    engine.close()
    rows = [pair.row() for pair in (*ages, *speeds)]
    rows.append([f"frames lost while the window is held for {_HELD_S:g} s", *lost, ""])
    head = ("", "one thread", "the loop on its own", "difference in pairs: median (quartiles)")
    publish(
        f"{label}, in turns: {arguments.runs} runs each with the camera, {slices} of {_SLICE} "
        f"frames without\n\n{table(head, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
