"""What the soak judges: growth beyond a base, and ages while nobody else used the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.loop.soak.__main__ import judged
from benchmarks.loop.soak.counting import Shift
from benchmarks.loop.soak.watching import Second, Watcher, growth_of, quiet_ages
from steadypose.realtime.model.places import ROOT

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


def test_frames_that_a_stopped_process_held_are_not_judged() -> None:
    """Nobody else needs the machine where somebody stops all that runs."""
    seconds = [Second(0.0, 1.0, 2, 0.0), Second(33.0, 1.0, 5, 0.0, took_s=33.0)]
    assert quiet_ages(seconds, np.array([10, 11, 32_780, 12, 13], np.float32)).tolist() == [10, 11]


@pytest.mark.parametrize(
    ("others_cores", "age_ms", "code", "told"),
    [
        (0.0, 60.0, 0, "yes"),
        (0.0, 900.0, 1, "no"),
        (1.9, 60.0, 3, "not judged: the machine was busy"),
        (1.9, 900.0, 3, "not judged: the machine was busy"),
    ],
)
def test_a_soak_that_judges_no_age_is_not_passed(
    tmp_path: Path, others_cores: float, age_ms: float, code: int, told: str
) -> None:
    shift = Shift(tmp_path, 600, np.full(600, age_ms, np.float32))
    seconds = [Second(float(n), 400.0, 30 * n, others_cores) for n in range(1, 21)]
    soak = SimpleNamespace(
        shifts=[shift], watcher=SimpleNamespace(seconds=seconds), counts={"full": 0}
    )
    rows, found = judged(soak, (6, 1), (6, 1))  # type: ignore[arg-type]
    assert (rows[-1][-1], found) == (told, code)


FULL_TWICE = """
import sys
from pathlib import Path
from benchmarks.loop.soak import soaking, troubled
troubled._PICTURES, troubled._EMPTY = 8, 2
soak = soaking.Soak(Path(sys.argv[1]), 0.0)
soak._through({"full": 3}, 0.03)
print(soak.counts["full"], sum(shift.is_refused for shift in soak.shifts))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_each_full_disk_ends_a_run_however_close_they_come(tmp_path: Path) -> None:
    """In a process of its own, which can write no file meanwhile."""
    pytest.importorskip("pyarrow")
    done = subprocess.run(
        [sys.executable, "-c", FULL_TWICE, str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "3 3\n", done.stderr


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
        assert next_mib(watcher) - before_mib == pytest.approx(50.0, abs=15.0)
    assert watcher.seconds[-1].frames == 7
    del taken
