"""A camera that delivers less than it granted is noticed once, by its frames' own times."""

from __future__ import annotations

import pytest

from steadypose.realtime.sources.capture.pace import Pace


def told_at(*rates: tuple[int, float], granted: float = 30.0) -> tuple[list[int], Pace]:
    """At which frames it is called slow, given so many frames at each rate."""
    pace, at_s, frame, found = Pace(granted), 0.0, 0, []
    for count, rate in rates:
        for _ in range(count):
            at_s += 1 / rate
            frame += 1
            if pace.is_slow(at_s):
                found.append(frame)
    return found, pace


@pytest.mark.parametrize(
    ("rate", "is_slow"), [(30.0, False), (20.2, False), (19.8, True), (15.0, True)]
)
def test_two_thirds_of_the_granted_rate_are_enough(rate: float, *, is_slow: bool) -> None:
    found, _ = told_at((200, rate))
    assert found == ([90] if is_slow else [])


def test_a_camera_may_take_its_time_until_it_has_found_its_exposure() -> None:
    assert told_at((45, 8.0), (45, 30.0))[0] == []
    assert told_at((45, 30.0), (45, 15.0))[0] == [90]


def test_it_is_looked_at_once_and_a_camera_that_gets_slow_later_is_left_alone() -> None:
    assert told_at((90, 30.0), (300, 5.0))[0] == []


def test_single_pauses_are_not_slowness() -> None:
    assert told_at((44, 30.0), *[(9, 30.0), (1, 2.0)] * 5)[0] == []


def test_the_sentence_has_both_rates_and_the_reason() -> None:
    found, pace = told_at((90, 12.0))
    assert found == [90]
    assert pace.sentence("it is dark") == (
        "the camera delivers 12 frames a second of the 30 that it granted: it is dark"
    )
    _, pace = told_at((90, 59.9), granted=59.94)
    assert "60 frames a second of the 59.94" in pace.sentence("")
