"""What a run's times are said to be, on a clock that the test turns."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from steadypose.realtime.app import clock
from steadypose.realtime.app.clock import Clock, busy_time_s


class Hands:
    """What the clocks say."""

    def __init__(self) -> None:
        self.wall_s, self.thread_s, self.process_s = 100.0, 10.0, 20.0

    def perf_counter(self) -> float:
        return self.wall_s

    def thread_time(self) -> float:
        return self.thread_s

    def process_time(self) -> float:
        return self.process_s


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(clock, "time", made)
    monkeypatch.setattr(clock, "sys", SimpleNamespace(platform="linux"))
    return made


def begun(hands: Hands) -> Clock:
    made = Clock()
    made.begin()
    hands.wall_s += 2.0
    return made


def test_windows_whose_cpu_time_has_coarse_steps_takes_the_wall_clock(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert busy_time_s() == 10.0
    monkeypatch.setattr(clock, "sys", SimpleNamespace(platform="win32"))
    assert busy_time_s() == 100.0


def test_a_frame_is_as_old_as_the_time_since_it_was_taken(hands: Hands) -> None:
    times = begun(hands)
    assert times.frame_done(captured_s=101.9, engine=0.004) == 0
    assert times.column("age") == pytest.approx([100.0], rel=1e-4)
    assert times.column("engine") == pytest.approx([4.0])
    assert times.column("show") == [0.0]


def test_a_frame_that_is_not_on_the_screen_yet_has_no_age_until_it_is(hands: Hands) -> None:
    times = begun(hands)
    for number in range(2):
        assert times.frame_done(captured_s=101.9, is_seen=False) == number
    assert np.isnan(times.column("age")).all()
    assert math.isnan(times.recent("age"))
    assert math.isnan(times.percentile("show", 50))
    hands.wall_s += 0.2
    times.seen(1, captured_s=101.9, begin_s=hands.wall_s - 0.05)
    assert np.isnan(times.column("age")).tolist() == [True, False]
    assert times.recent("age") == pytest.approx(300.0, rel=1e-4)
    assert times.percentile("show", 50) == pytest.approx(50.0, rel=1e-4)


def test_a_picture_seen_very_late_changes_no_frame_that_came_long_after_it(hands: Hands) -> None:
    times = begun(hands)
    for _ in range(65_536 + 1):
        times.add(age=1.0)
    times.seen(0, captured_s=0.0, begin_s=0.0)
    assert (times.column("age") == 1.0).all()
    times.seen(1, captured_s=hands.wall_s - 7.0, begin_s=hands.wall_s)
    assert np.flatnonzero(times.column("age") == 7000.0).tolist() == [1]


def test_the_rate_counts_from_the_first_frame_to_the_last(hands: Hands) -> None:
    times = begun(hands)
    rates = [times.fps]
    for _ in range(3):
        times.frame_done(captured_s=hands.wall_s)
        rates.append(times.fps)
        hands.wall_s += 0.5
    assert rates == [0.0, 0.0, 2.0, 2.0]
    assert times.first_frame_s == 2.0


def test_without_time_between_two_frames_there_is_no_rate(hands: Hands) -> None:
    times = begun(hands)
    for _ in range(2):
        times.frame_done(captured_s=hands.wall_s)
    assert times.fps == 0.0


def test_the_overhead_is_what_the_loop_worked_but_for_engine_and_source(hands: Hands) -> None:
    times = begun(hands)
    for apart_s in (0.020, 0.0):
        hands.thread_s += 0.005
        with times.apart():
            hands.thread_s += apart_s
        times.frame_done(captured_s=hands.wall_s)
    assert times.column("overhead") == pytest.approx([5.0, 5.0], abs=1e-3)


def test_the_cpu_time_of_a_frame_is_that_of_all_threads(hands: Hands) -> None:
    times = begun(hands)
    hands.process_s += 0.3
    times.end()
    assert times.cpu_ms_per_frame == pytest.approx(300.0)
    for _ in range(10):
        times.add()
    assert times.cpu_ms_per_frame == pytest.approx(30.0)


@pytest.mark.parametrize(("frames", "mean"), [(1, 0.0), (5, 2.0), (30, 14.5), (100, 84.5)])
def test_the_latest_figures_are_of_thirty_frames(frames: int, mean: float) -> None:
    times = Clock()
    for n in range(frames):
        times.add(engine=float(n))
    assert times.recent("engine") == mean
