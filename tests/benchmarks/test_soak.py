"""What the soak judges: growth beyond a base, and ages while nobody else used the machine."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop.soak.watching import Second, Watcher, growth_of, quiet_ages

STEADY_MIB = 400.0 + np.random.default_rng(0).normal(0.0, 1.0, 600)


def seconds_of(memory_mib: object) -> list[Second]:
    return [
        Second(float(at_s), float(mib), 30 * at_s, 0.0)
        for at_s, mib in enumerate(np.asarray(memory_mib))
    ]


def test_the_base_is_the_median_of_the_first_tenth() -> None:
    assert growth_of(seconds_of([*range(50), *[400.0] * 550])).base_mib == 29.5


def test_a_flat_memory_with_some_moments_of_much_has_not_grown() -> None:
    memory_mib = STEADY_MIB.copy()
    memory_mib[::25] += 200.0  # a file being finished
    assert growth_of(seconds_of(memory_mib)).most_mib < 1.0


@pytest.mark.parametrize("at", [80, 300, 520])
def test_a_step_is_growth_wherever_it_is(at: int) -> None:
    memory_mib = STEADY_MIB.copy()
    memory_mib[at:] += 39.0
    growth = growth_of(seconds_of(memory_mib))
    assert growth.end_mib - growth.base_mib == pytest.approx(39.0, abs=1.5)
    assert growth.most_mib > 37.0


def test_a_leak_is_growth_from_the_first_to_the_last() -> None:
    growth = growth_of(seconds_of(STEADY_MIB + np.linspace(0.0, 20.0, 600)))
    assert growth.line_mib == pytest.approx(20.0, abs=1.0)
    assert growth.most_mib == pytest.approx(20.0, abs=2.0)


def test_frames_of_seconds_that_others_used_are_not_judged() -> None:
    seconds = [Second(0.0, 1.0, 2, 0.0), Second(1.0, 1.0, 5, 1.9), Second(2.0, 1.0, 6, 0.1)]
    ages_ms = np.array([10, 11, 900, 901, 902, 12, 13], np.float32)
    assert quiet_ages(seconds, ages_ms).tolist() == [10, 11, 12]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_the_watcher_sees_what_the_process_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.loop.soak.watching._EVERY_S", 0.02)

    def next_mib(watcher: Watcher) -> float:
        until, by_s = len(watcher.seconds) + 2, time.monotonic() + 20.0
        while len(watcher.seconds) < until:
            assert time.monotonic() < by_s
            time.sleep(0.01)
        return watcher.seconds[-1].memory_mib

    with Watcher(lambda: 7) as watcher:
        before_mib = next_mib(watcher)
        taken = np.ones(50 << 17)  # 50 MiB
        assert next_mib(watcher) - before_mib == pytest.approx(50.0, abs=5.0)
    assert watcher.seconds[-1].frames == 7
    del taken
