"""Run the main loop on a simulated clock: nothing waits, and all times are exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.display import Seen
from steadypose.realtime.app.loop import App
from steadypose.realtime.datatypes import FloatArray, Frame, Pose
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.tracking.pipeline import Crops
from tests.conftest import make_pose

_ENDLESS = 20_000


@dataclass
class Clock:
    """Replaces ``time`` in the loop: it advances only when a part takes time."""

    now_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def perf_counter(self) -> float:
        return self.now_s

    def process_time(self) -> float:
        return 0.5 * self.now_s  # half a core

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def passes(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class ScriptedSource:
    """Returns a frame at each of some times; None is a timeout."""

    clock: Clock
    script: list[float | None]
    age_s: float = 0.0
    is_live: bool = True
    is_paced: bool = True
    label: str = "scripted"
    fps: float = 30.0
    dropped: int = 0
    trouble: str | None = None
    frame_count: int | None = None
    waits_s: list[float] = field(default_factory=list)
    on_read: Callable[[int], None] = lambda _: None
    given: int = 0
    looks: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        self.looks += 1
        assert self.looks < _ENDLESS, "it looks for the end without end"
        return not self.script

    def read(self, timeout_s: float) -> Frame | None:
        self.waits_s.append(timeout_s)
        assert len(self.waits_s) < _ENDLESS, "it reads without end"
        self.on_read(len(self.waits_s))
        time_s = self.script.pop(0) if self.script else None
        if time_s is None:
            self.clock.passes(timeout_s)
            return None
        self.given += 1
        image = np.full((120, 160, 3), 90, np.uint8)
        return Frame(image, self.given - 1, time_s, self.clock.now_s - self.age_s)

    def close(self) -> None:
        pass


class ScriptedPipeline:
    """One person standing still; ``ahead`` is the position drawn in the window."""

    persons = 1

    def __init__(self, clock: Clock, *, track_s: float = 0.0, prepare_s: float = 0.0) -> None:
        self.clock, self.track_s, self.prepare_s = clock, track_s, prepare_s
        self.engine = FakeEngine()
        self.asked: list[tuple[float, float]] = []
        self.ahead: list[Pose] = [make_pose(track_id=7)]
        self.now: list[Pose] = [make_pose(track_id=1)]
        self.raw: list[Pose] = [make_pose(track_id=2)]
        self._time_s = 0.0

    def prepare(self, frame: Frame) -> Crops:
        self.clock.passes(self.prepare_s)
        crops = np.empty((0, 64, 48, 3), np.uint8)
        return Crops(frame, [], [], crops, np.empty((0, 17, 3)))

    def start(self, crops: Crops) -> None:
        pass

    def finish(self, _: Crops) -> FloatArray:
        return np.empty((0, 17, 3))

    def find(self, crops: Crops) -> FloatArray:
        return self.finish(crops)

    def complete(self, crops: Crops, _: FloatArray) -> None:
        self.clock.passes(self.track_s)
        self._time_s = crops.frame.time_s

    def poses(self, *, is_smooth: bool = True) -> list[Pose]:
        return self.now if is_smooth else self.raw

    def poses_ahead(self, time_s: float) -> list[Pose]:
        self.asked.append((self._time_s, time_s))
        return self.ahead


@dataclass
class ScriptedWindow:
    """A window whose display takes time.

    Attributes:
        keys: (number, key) pressed after that number of frames, one at a time.
    """

    clock: Clock
    keys: list[tuple[int, str]] = field(default_factory=list)
    show_s: float = 0.0
    is_window: bool = True
    is_lost: bool = False
    shown: int = 0
    polled_s: list[float] = field(default_factory=list)

    def show(self, _: NDArray[np.uint8], seen: Seen | None = None) -> None:
        self.shown += 1
        self.clock.passes(self.show_s)
        if seen is not None:
            seen()

    def pressed(self) -> list[str]:
        self.polled_s.append(self.clock.now_s)
        assert len(self.polled_s) < 1000, "the loop does not end"
        is_due = self.keys and self.shown >= self.keys[0][0]
        return [self.keys.pop(0)[1]] if is_due else []

    def close(self) -> None:
        pass


@dataclass
class Loop:
    """An app of scripted parts, and its drawings: people's ids, and the texts."""

    app: App
    clock: Clock
    source: ScriptedSource
    pipeline: ScriptedPipeline
    window: ScriptedWindow
    people: list[list[int]] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)
    messages: list[str | None] = field(default_factory=list)
    mirrored: list[bool] = field(default_factory=list)
    has_help: list[bool] = field(default_factory=list)


def make_loop(
    monkeypatch: pytest.MonkeyPatch,
    script: list[float | None],
    *,
    keys: Sequence[tuple[int, str]] = (),
    age_s: float = 0.0,
    track_s: float = 0.0,
    prepare_s: float = 0.0,
    draw_s: float = 0.0,
    show_s: float = 0.0,
    **more: object,
) -> Loop:
    """Assemble the parts, and let the loop's modules read the simulated clock."""
    clock = Clock()
    source = ScriptedSource(clock, script, age_s)
    pipeline = ScriptedPipeline(clock, track_s=track_s, prepare_s=prepare_s)
    window = ScriptedWindow(clock, list(keys), show_s)
    outputs = Outputs(COCO17, 30.0, is_live=True)
    app = App(source, pipeline, window, outputs, **more)  # type: ignore[arg-type]
    loop = Loop(app, clock, source, pipeline, window)

    def draw_poses(_: object, poses: list[Pose], *, is_mirrored: bool = False) -> None:
        clock.passes(draw_s)
        loop.people.append([pose.track_id for pose in poses])
        loop.mirrored.append(is_mirrored)

    def draw_hud(_: object, **content: object) -> None:
        hud = SimpleNamespace(**content)
        loop.texts.append(hud.lines)
        loop.messages.append(hud.message)
        loop.has_help.append(hud.has_help)

    monkeypatch.setattr("steadypose.realtime.app.loop.time", clock)
    monkeypatch.setattr("steadypose.realtime.tracking.stream.time", clock)
    monkeypatch.setattr("steadypose.realtime.app.caption.time", clock)
    monkeypatch.setattr("steadypose.realtime.app.clock.time", clock)
    monkeypatch.setattr("steadypose.realtime.app.clock.busy_time_s", clock.perf_counter)
    monkeypatch.setattr("steadypose.realtime.app.tracked_frame.draw_poses", draw_poses)
    monkeypatch.setattr("steadypose.realtime.app.loop.draw_hud", draw_hud)
    return loop
