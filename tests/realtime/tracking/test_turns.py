"""Threads hand over quickly while a loop runs, and as they did once none does."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from steadypose.realtime.tracking.turns import short_turns, take_short_turns


@pytest.fixture(autouse=True)
def _usual_interval() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before_s)


def test_a_programs_own_interval_is_back_when_the_last_loop_has_ended() -> None:
    first, second = short_turns(), short_turns()
    first.__enter__()
    second.__enter__()
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_it_is_back_after_a_failure() -> None:
    with pytest.raises(ValueError, match="broken"), short_turns():
        raise ValueError("broken")
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_a_shorter_one_stays_and_one_set_meanwhile_too() -> None:
    sys.setswitchinterval(0.0001)
    with short_turns():
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    assert sys.getswitchinterval() == pytest.approx(0.0001)
    sys.setswitchinterval(0.005)
    with short_turns():
        sys.setswitchinterval(0.002)
    assert sys.getswitchinterval() == pytest.approx(0.002)


def test_our_own_programs_keep_it() -> None:
    take_short_turns()
    with short_turns():
        pass
    assert sys.getswitchinterval() == pytest.approx(0.0005)
