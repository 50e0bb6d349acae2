"""What a run's times are said to be, on a clock that the test turns."""

from __future__ import annotations

import math
import sys
import time

import numpy as np
import pytest

from steadypose.realtime.app.clock import Clock, busy_time_s


class Hands:
    """What all clocks of this process say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_s, self.thread_s, self.process_s = 100.0, 10.0, 20.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.wall_s)
        monkeypatch.setattr(time, "thread_time", lambda: self.thread_s)
        monkeypatch.setattr(time, "process_time", lambda: self.process_s)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(sys, "platform", "linux")
    return Hands(monkeypatch)


def begun(hands: Hands) -> Clock:
    clock = Clock()
    clock.begin()
    hands.wall_s += 2.0
    return clock


def test_windows_whose_cpu_time_has_coarse_steps_takes_the_wall_clock(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert busy_time_s() == 10.0
    monkeypatch.setattr(sys, "platform", "win32")
    assert busy_time_s() == 100.0


def test_a_frame_is_as_old_as_the_time_since_it_was_taken(hands: Hands) -> None:
    clock = begun(hands)
    assert clock.frame_done(captured_s=101.9, engine=0.004) == 0
    assert clock.column("age") == pytest.approx([100.0], rel=1e-4)
    assert clock.column("engine") == pytest.approx([4.0])
    assert clock.column("show") == [0.0]


def test_a_frame_that_is_not_on_the_screen_yet_has_no_age_until_it_is(hands: Hands) -> None:
    clock = begun(hands)
    for number in range(2):
        assert clock.frame_done(captured_s=101.9, is_seen=False) == number
    assert np.isnan(clock.column("age")).all()
    assert math.isnan(clock.recent("age"))
    assert math.isnan(clock.percentile("show", 50))
    hands.wall_s += 0.2
    clock.seen(1, captured_s=101.9, begin_s=hands.wall_s - 0.05)
    assert np.isnan(clock.column("age")).tolist() == [True, False]
    assert clock.recent("age") == pytest.approx(300.0, rel=1e-4)
    assert clock.percentile("show", 50) == pytest.approx(50.0, rel=1e-4)


def test_a_picture_seen_very_late_changes_no_frame_that_came_long_after_it(hands: Hands) -> None:
    clock = begun(hands)
    for _ in range(65_536 + 1):
        clock.add(age=1.0)
    clock.seen(0, captured_s=0.0, begin_s=0.0)
    assert (clock.column("age") == 1.0).all()
    clock.seen(1, captured_s=hands.wall_s - 7.0, begin_s=hands.wall_s)
    assert np.flatnonzero(clock.column("age") == 7000.0).tolist() == [1]


def test_the_rate_counts_from_the_first_frame_to_the_last(hands: Hands) -> None:
    clock = begun(hands)
    rates = [clock.fps]
    for _ in range(3):
        clock.frame_done(captured_s=hands.wall_s)
        rates.append(clock.fps)
        hands.wall_s += 0.5
    assert rates == [0.0, 0.0, 2.0, 2.0]
    assert clock.first_frame_s == 2.0


def test_without_time_between_two_frames_there_is_no_rate(hands: Hands) -> None:
    clock = begun(hands)
    for _ in range(2):
        clock.frame_done(captured_s=hands.wall_s)
    assert clock.fps == 0.0


def test_the_overhead_is_what_the_loop_worked_but_for_engine_and_source(hands: Hands) -> None:
    clock = begun(hands)
    for apart_s in (0.020, 0.0):
        hands.thread_s += 0.005
        with clock.apart():
            hands.thread_s += apart_s
        clock.frame_done(captured_s=hands.wall_s)
    assert clock.column("overhead") == pytest.approx([5.0, 5.0], abs=1e-3)


def test_the_cpu_time_of_a_frame_is_that_of_all_threads(hands: Hands) -> None:
    clock = begun(hands)
    hands.process_s += 0.3
    clock.end()
    assert clock.cpu_ms_per_frame == pytest.approx(300.0)
    for _ in range(10):
        clock.add()
    assert clock.cpu_ms_per_frame == pytest.approx(30.0)


@pytest.mark.parametrize(("frames", "mean"), [(1, 0.0), (5, 2.0), (30, 14.5), (100, 84.5)])
def test_the_latest_figures_are_of_thirty_frames(frames: int, mean: float) -> None:
    clock = Clock()
    for n in range(frames):
        clock.add(engine=float(n))
    assert clock.recent("engine") == mean
