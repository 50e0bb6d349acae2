"""When a recording is brought to the disk and when the next file begins, on a given clock."""

from __future__ import annotations

import weakref
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from steadypose.realtime.record.parts import Limit
from steadypose.realtime.record.recorder import Recorder

KB = 1000


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Tape:
    """A sink that notes what happens to it; every item has 4 kB and takes ``steps``."""

    steps = 1

    def __init__(self, path: Path) -> None:
        self.path, self.items, self.flushes, self.is_closed = path, list[float](), 0, False

    @property
    def rows(self) -> int:
        return len(self.items)

    @property
    def progress(self) -> int:
        return self.steps

    @property
    def size_bytes(self) -> int:
        return 4 * KB * len(self.items)

    def add(self, item: float) -> None:
        self.items.append(item)

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        self.is_closed = True


def written(
    monkeypatch: pytest.MonkeyPatch, times_s: list[float], limit: Limit | None = None
) -> tuple[list[Tape], Recorder[float]]:
    """Items that are added at their own times."""
    clock = SimpleNamespace(now_s=0.0)
    clock.perf_counter = lambda: clock.now_s
    monkeypatch.setattr("steadypose.realtime.record.recorder.time", clock)
    tapes: list[Tape] = []

    def open_part(path: Path) -> Tape:
        tapes.append(Tape(path))
        return tapes[-1]

    recorder: Recorder[float] = Recorder(
        Path("out.csv"),
        open_part,
        time_of=lambda item: item,
        limit=limit,
        capacity=1,
        may_drop=False,
    )
    for time_s in times_s:
        clock.now_s = time_s
        recorder._add(time_s)  # as its thread does, which has nothing to do here
    return tapes, recorder


def test_rows_come_to_the_disk_twice_a_second_and_not_with_every_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tape,), _ = written(monkeypatch, [n / 32 for n in range(1, 97)])
    assert tape.flushes == 1 + 6  # once when it was opened


def test_a_file_that_is_large_enough_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tapes, recorder = written(monkeypatch, [n / 30 for n in range(8)], Limit(size_bytes=10 * KB))
    assert [tape.path.name for tape in tapes] == ["out.csv", "out.002.csv", "out.003.csv"]
    assert [tape.rows for tape in tapes] == [3, 3, 2]
    assert [tape.is_closed for tape in tapes] == [True, True, False]
    assert recorder.rows == 8


def test_files_begin_on_a_grid_of_time_whatever_lies_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times_s = [5.0, 6.0, 6.9, 7.0, 11.5, 12.9, 13.1]
    tapes, _ = written(monkeypatch, times_s, Limit(duration_s=2.0))
    assert [tape.items for tape in tapes] == [[5.0, 6.0, 6.9], [7.0], [11.5, 12.9], [13.1]]


@pytest.mark.parametrize("steps", [0, 7])
def test_each_part_that_is_ended_shows_that_the_disk_works(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Whoever waits for the rest gives up a disk on which nothing moves."""
    monkeypatch.setattr(Tape, "steps", steps)
    _, recorder = written(monkeypatch, [], Limit(size_bytes=1))
    done: list[int] = []
    for item in range(4):
        recorder._add(float(item))
        done.append(recorder._writer._progress())
    assert all(after > before for before, after in pairwise(done))


def test_a_part_that_has_ended_is_let_go_before_its_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts: list[weakref.ref[Tape]] = []
    alive: list[list[bool]] = []

    def open_part(path: Path) -> Tape:
        tape = Tape(path)
        parts.append(weakref.ref(tape))
        return tape

    monkeypatch.setattr(
        "steadypose.realtime.record.recorder.free_pages",
        lambda: alive.append([part() is not None for part in parts]),
    )
    recorder: Recorder[float] = Recorder(
        Path("out.csv"),
        open_part,
        time_of=float,
        limit=Limit(size_bytes=1),
        capacity=1,
        may_drop=False,
    )
    for item in range(3):
        recorder._add(float(item))
    assert alive == [[False, True], [False, False, True]]
