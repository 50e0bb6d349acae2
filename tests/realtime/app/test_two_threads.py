"""The window on one thread, the loop on another: whatever holds the window, nothing else stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.realtime import cli
from steadypose.realtime.app import two_threads
from steadypose.realtime.app.display import Seen, Window
from steadypose.realtime.app.loop import App
from steadypose.realtime.app.two_threads import ApartDisplay, LoopThread
from steadypose.realtime.command.engine_opening import open_for
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.command.summary import summary
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.opening import SourceOptions
from tests.realtime.app.test_loop import ScriptedDisplay, gray_source, make_app, rows
from tests.realtime.app.test_window import Screen


class Camera:
    """Thirty pictures a second."""

    label, fps = "30 fps camera", 30.0

    def __init__(self) -> None:
        self.next_s = time.perf_counter()

    def read(self) -> tuple[NDArray[np.uint8], float]:
        self.next_s += 1 / 30
        time.sleep(max(0.0, self.next_s - time.perf_counter()))
        return np.full((120, 160, 3), 200, np.uint8), time.perf_counter()

    def close(self) -> None:
        pass


class HeldDisplay(ScriptedDisplay):
    """A window that is busy while somebody holds it: ``hold`` is called at its tenth look."""

    def __init__(self, hold: Callable[[], object], keys: dict[int, str] | None = None) -> None:
        super().__init__(keys)
        self.hold = hold

    def pressed(self) -> list[str]:
        keys = super().pressed()
        if self.polls == 10:
            self.hold()
        return keys


def run_apart(app: App, display: ScriptedDisplay) -> ApartDisplay:
    apart = ApartDisplay(display, LoopThread(is_apart=True))
    app.display = apart
    apart.run(app.run, end=app.quit)
    return apart


def until(is_so: Callable[[], bool], most_s: float = 20.0) -> bool:
    end_s = time.monotonic() + most_s
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.005)
    return is_so()


def test_a_window_that_is_held_does_not_keep_the_loop_from_recording(tmp_path: Path) -> None:
    held: list[tuple[bool, int]] = []

    def hold() -> None:  # until everything is recorded: on one thread that never happens
        held.append((until(lambda: app.clock.frames == 300), len(display.shown)))

    display = HeldDisplay(hold)
    app = make_app(gray_source(300), display, tmp_path / "a.csv", latency_s=0.001)
    run_apart(app, display)
    app.outputs.close()
    assert held
    assert held[0][0], "the loop stood still"
    assert [int(row["frame"]) for row in rows(tmp_path / "a.csv")] == list(range(300))
    assert len(display.shown) - held[0][1] <= 1  # and then the newest picture alone


@pytest.mark.slow
def test_a_window_held_for_three_seconds_leaves_no_hole_in_a_camera_s_recording(
    tmp_path: Path,
) -> None:
    display = HeldDisplay(lambda: time.sleep(3.0))
    source = LiveSource(Camera)
    app = make_app(source, display, tmp_path / "a.csv", max_frames=120)
    run_apart(app, display)
    app.outputs.close()
    source.close()
    times = [float(row["time_s"]) for row in rows(tmp_path / "a.csv")]
    assert len(times) == 120
    assert np.diff(times).max() < 0.5  # a busy machine may lose a frame, the window none


def test_a_picture_waits_for_one_look_at_the_keys_at_most_and_the_loop_for_none() -> None:
    """On macOS OpenCV sleeps 10 ms in each look; ``benchmarks.loop.window`` measures its cost."""
    looks: list[str] = []
    at_show: list[int] = []

    class Cocoa(ScriptedDisplay):
        def pressed(self) -> list[str]:
            looks.append(threading.current_thread().name)
            time.sleep(0.01)
            return super().pressed()

        def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
            at_show.append(len(looks))
            super().show(image_bgr, seen)

    display, waited = Cocoa(), list[int]()

    def shows(number: int) -> bool:
        return len(display.shown) == number

    def loop() -> None:
        for number in range(1, 21):
            before = len(looks)
            apart.show(np.zeros((4, 4, 3), np.uint8))
            apart.pressed()
            assert until(partial(shows, number))
            waited.append(at_show[-1] - before)

    apart = ApartDisplay(display, LoopThread(is_apart=True))
    apart.run(loop, end=lambda: None)
    assert set(looks) == {threading.main_thread().name}
    assert len(waited) == 20
    assert max(waited) <= 1


def test_the_main_thread_looks_at_the_window_twenty_times_a_second_and_wakes_for_what_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    display, waits = ScriptedDisplay(), list[float]()
    apart = ApartDisplay(display, LoopThread(is_apart=True))
    wait, is_done = apart._news.wait, threading.Event()

    def long(timeout: float) -> bool:
        waits.append(timeout)
        return wait(10.0)

    monkeypatch.setattr(apart._news, "wait", long)

    def loop() -> None:
        assert until(lambda: len(waits) == 1)
        apart.show(np.zeros((4, 4, 3), np.uint8))
        assert until(lambda: len(display.shown) == 1 and len(waits) == 2, 5.0)
        is_done.set()

    begin_s = time.monotonic()
    apart.run(loop, end=lambda: None)
    assert is_done.is_set()
    assert waits == [0.05, 0.05]
    assert time.monotonic() - begin_s < 5.0, "it waits neither for a picture nor for the end"


def test_keys_arrive_and_end_the_run() -> None:
    display = ScriptedDisplay({3: "q"})
    app = make_app(gray_source(2000), display, latency_s=0.002)
    run_apart(app, display)
    assert len(display.shown) >= 3
    assert app.clock.frames < 1000


def test_an_interrupt_on_the_main_thread_ends_the_loop_after_the_frame_in_flight(
    tmp_path: Path,
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt("SIGINT")

    display = HeldDisplay(interrupt)
    app = make_app(gray_source(20_000), display, tmp_path / "a.csv")
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        run_apart(app, display)
    done = app.clock.frames
    app.outputs.close()
    assert 0 < done < 20_000
    assert len(rows(tmp_path / "a.csv")) == done  # nobody writes any more
    assert app.clock.cpu_ms_per_frame > 0.0  # the loop itself has ended


def test_after_an_interrupt_the_main_thread_sleeps_until_the_loop_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(ScriptedDisplay):
        def pressed(self) -> list[str]:
            raise KeyboardInterrupt("SIGINT")

    is_asleep = threading.Event()
    monkeypatch.setattr(two_threads, "_wait", lambda _: is_asleep.set())
    apart = ApartDisplay(Interrupted(), LoopThread(is_apart=True))
    found: list[bool] = []
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        apart.run(lambda: found.append(is_asleep.wait(5)), end=lambda: None)
    assert found == [True]


def test_what_the_loop_raises_is_raised_where_the_window_is(tmp_path: Path) -> None:
    display = ScriptedDisplay()
    app = make_app(gray_source(12, fails=True), display, tmp_path / "a.csv")
    with pytest.raises(SourceError, match="broken in the end"):
        run_apart(app, display)
    app.outputs.close()
    assert len(rows(tmp_path / "a.csv")) == 12


def test_where_the_screen_goes_within_a_call_the_loop_is_waited_for_from_there(
    tmp_path: Path,
) -> None:
    """Qt ends the process within its call; ``Links.guard`` goes on from there."""

    class Ended(BaseException):
        pass

    def go() -> None:
        display.is_lost, display.is_window = True, False
        apart.run(app.run, end=app.quit)
        raise Ended  # os._exit

    said: list[str] = []
    display = HeldDisplay(go)
    app = make_app(gray_source(200), display, tmp_path / "a.csv", say=said.append, latency_s=0.001)
    apart = app.display = ApartDisplay(display, LoopThread(is_apart=True))
    with pytest.raises(Ended):
        apart.run(app.run, end=app.quit)
    app.outputs.close()
    assert len(rows(tmp_path / "a.csv")) == 200
    assert said == ["the screen is gone; the recording goes on without a window"]


def test_a_picture_has_the_age_at_which_it_was_seen_and_one_never_seen_has_none() -> None:
    class Slow(ScriptedDisplay):
        def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
            if not self.shown:
                until(lambda: app.clock.frames == 40)
                time.sleep(0.1)
            super().show(image_bgr, seen)

    display = Slow()
    app = make_app(gray_source(40), display)
    run_apart(app, display)
    ages, shows = app.clock.column("age"), app.clock.column("show")
    (known,) = np.nonzero(~np.isnan(ages))
    assert 1 <= len(known) == len(display.shown) <= 2
    assert ages[known[0]] >= shows[known[0]] > 100.0
    assert "frame age p50" in summary(app)[1]


def test_where_nothing_was_seen_no_age_is_told() -> None:
    class Blind(ScriptedDisplay):
        def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
            super().show(image_bgr)

    app = make_app(gray_source(5), Blind())
    app.run()
    assert summary(app)[1].startswith("no frame came on the screen;")


@pytest.mark.parametrize("is_apart", [False, True])
def test_the_engine_s_whole_life_is_on_the_thread_of_the_loop(
    monkeypatch: pytest.MonkeyPatch, *, is_apart: bool
) -> None:
    """TensorRT's context belongs to the thread that has opened it."""
    seen: dict[str, int] = {}

    def opened(settings: Settings) -> Taken:
        taken = open_for(settings)
        engine = taken.opened.engine
        seen["open"] = threading.get_ident()
        for name in ("start", "finish", "close"):
            real = getattr(engine, name)

            def spy(*arguments: object, name: str = name, real: Callable[..., object] = real):  # type: ignore[no-untyped-def]
                seen[name] = threading.get_ident()
                return real(*arguments)

            monkeypatch.setattr(engine, name, spy)
        return taken

    display = ScriptedDisplay({3: "q"})
    monkeypatch.setattr(cli, "open_for", opened)
    monkeypatch.setattr(cli, "open_display", lambda **_: (display, None))
    monkeypatch.setattr(cli, "why_headless", lambda: None if is_apart else "no display")
    settings = replace(Settings(), source=SourceOptions("demo"), max_frames=500)
    assert cli.run(settings, Stop()) == 0
    assert len(display.shown) >= 3
    assert sorted(seen) == ["close", "finish", "open", "start"]
    assert len(set(seen.values())) == 1
    assert (threading.get_ident() in seen.values()) != is_apart


def test_a_window_in_the_dock_of_a_mac_is_no_closed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    window = Window()
    window.show(np.zeros((48, 64, 3), np.uint8))
    screen.is_open = False
    assert window.pressed() == ["close"]
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert window.pressed() == []
