"""Times of a video: its own where they can be, and what becomes of those that cannot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadypose.realtime.sources.video.times import LEAST_STEP_S, TimeNotes, rising
from tests.support.films import even


def given_out(times_s: list[float | None], fps: float = 30.0) -> tuple[list[float], TimeNotes]:
    notes = TimeNotes()
    found = list(rising(enumerate(times_s), step_s=1 / fps, notes=notes))
    assert [index for index, _ in found] == list(range(len(times_s)))
    return [time_s for _, time_s in found], notes


@pytest.mark.parametrize(
    "times_s",
    [
        even(9),
        even(9, begin_s=2.0),
        even(9, begin_s=-0.0667),
        even(9, begin_s=95_443.7),
        [0.0, 0.04, 0.1, 0.11, 0.5],
        [*even(5), *even(5, begin_s=600.0)],  # a pause
        [*even(5), *even(6, begin_s=36_000.0)],  # a night
        [*even(3), 65.0],  # a screen on which nothing happened
        [*even(3), 60.0, 60.03, 120.0, 180.0, 300.0, 400.0, 1000.0],
        [0.0, *even(5, begin_s=60.0)],
        [0.0, 60.0, 120.0, 180.0],
        [5.0],
        [5.0, 700.0],
    ],
)
def test_times_that_rise_are_kept(times_s: list[float | None]) -> None:
    found, notes = given_out(times_s)
    assert found == times_s
    assert notes == TimeNotes()


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("absurd", [[9999.0], [-500.0], [0.75], [5.0, 5.03], [5.0, -3.0, 7e8]])
def test_an_absurd_time_is_that_frames_fault_alone(place: int, absurd: list[float]) -> None:
    if place == 0 and (len(absurd) > 1 or absurd == [0.75]):
        return  # nothing before it tells that it is one
    times_s: list[float | None] = [*even(12)]
    wrong = absurd[: 12 - place]
    times_s[place : place + len(wrong)] = wrong
    found, notes = given_out(times_s)
    if place + len(wrong) == 12 and wrong[-1] in {0.75, 5.0, 5.03}:
        return  # nothing after it either: a pause
    assert found == pytest.approx(even(12))
    assert notes.bridged == len(wrong)


@pytest.mark.parametrize(
    ("share", "fps"), [(2, 60.0), (4, 120.0), (8, 240.0), (16, 480.0)], ids=str
)
def test_frames_that_share_a_tick_are_spread_over_it(share: int, fps: float) -> None:
    times_s: list[float | None] = [round(i // share / 30, 3) for i in range(share * 30)]
    found, _ = given_out(times_s, fps)
    steps = [b - a for a, b in pairwise(found)]
    assert found[-1] == pytest.approx((share * 30 - 1) / fps, abs=0.004)
    assert max(steps) < 1.1 / fps + 0.001  # the clock has milliseconds
    assert min(steps) > 0.5 / fps


def test_where_the_clock_is_only_a_little_too_coarse_times_are_kept_to_a_tenth_of_it() -> None:
    times_s: list[float | None] = [round(i / 1200, 3) for i in range(240)]
    found, notes = given_out(times_s, 1200.0)
    assert max(abs(a - (b or 0.0)) for a, b in zip(found, times_s, strict=True)) < 1.01e-4
    assert notes == TimeNotes()


@pytest.mark.parametrize("begin_s", [0.0, 100.0])
def test_times_that_begin_again_go_on(begin_s: float) -> None:
    found, notes = given_out([*even(10, begin_s=begin_s), *even(10, begin_s=1.4 * (begin_s > 0))])
    assert found == pytest.approx(even(20, begin_s=begin_s))
    assert notes.restarts == 1


def test_what_begins_again_goes_on_at_the_pace_that_was_seen_not_at_the_one_that_was_promised() -> (
    None
):
    found, notes = given_out([*even(10, rate=10.0), *even(10, rate=10.0)], fps=30.0)
    assert found == pytest.approx(even(20, rate=10.0))
    assert notes.restarts == 1


def test_frames_of_absurd_times_are_shown_as_they_come_and_do_not_pile_up() -> None:
    taken = 0

    def frames() -> Iterator[tuple[int, float]]:
        nonlocal taken
        for index in range(60):
            taken += 1
            absurd_s = 1e5 + (-1) ** index * 1e4 * (60 - index)
            yield index, index / 30 if index < 5 else absurd_s

    waited = [taken - index for index, _ in rising(frames(), step_s=1 / 30, notes=TimeNotes())]
    assert len(waited) == 60
    assert max(waited) <= 9


@pytest.mark.parametrize("count", [1, 4, 20])
@pytest.mark.parametrize("time_s", [None, 0.0])
def test_a_film_without_times_runs_at_its_rate_from_the_start(
    count: int, time_s: float | None
) -> None:
    found, _ = given_out([time_s] * count, 25.0)
    assert found == pytest.approx(even(count, rate=25.0))


def test_a_frame_without_a_time_comes_between_its_neighbours() -> None:
    times_s: list[float | None] = [*even(8, begin_s=3.0)]
    times_s[0] = times_s[4] = None
    found, notes = given_out(times_s)
    assert found == pytest.approx(even(8, begin_s=3.0))
    assert notes.numbered == 2


mad = st.one_of(
    st.none(), st.floats(-10, 10), st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0, 1e-7])
)


@given(st.lists(mad, max_size=60), st.sampled_from([0.01, 30.0, 5000.0]))
def test_whatever_the_times_are_those_handed_out_rise(
    times_s: list[float | None], fps: float
) -> None:
    found, _ = given_out(times_s, fps)
    assert all(math.isfinite(time_s) for time_s in found)
    assert all(b - a > 0.99 * LEAST_STEP_S for a, b in pairwise(found))


@given(st.floats(-10, 1e5), st.lists(st.floats(0.003, 5.0), max_size=40))
def test_times_of_no_constant_rate_are_kept(begin_s: float, steps: list[float]) -> None:
    times_s = [begin_s]
    for step in steps:
        times_s.append(times_s[-1] + step)
    assert given_out([*times_s])[0] == times_s
