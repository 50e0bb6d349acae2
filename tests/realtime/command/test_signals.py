"""Which signals are one, and what ends a run whose main thread hears none; without a signal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from steadypose.realtime.command.stopping import signals
from steadypose.realtime.command.stopping.signals import Stop


class Process:
    """As much of the process as a watcher touches; what is slept, said and ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.naps, self.said, self.ends = 0.0, list[float](), "", list[int]()
        clock = SimpleNamespace(monotonic=lambda: self.now_s, sleep=self.naps.append)
        monkeypatch.setattr(signals, "time", clock)
        monkeypatch.setattr(signals, "_end_now", self.ends.append)
        monkeypatch.setattr("os.write", self._write)

    def _write(self, number: int, data: bytes) -> int:
        assert number == 2
        self.said += data.decode()
        return len(data)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


@pytest.mark.parametrize(("apart_s", "is_ended"), [(0.29, False), (0.31, True)])
def test_two_signals_within_a_third_of_a_second_are_one(
    process: Process, apart_s: float, *, is_ended: bool
) -> None:
    def numbers() -> Iterator[bytes]:
        yield bytes([signal.SIGINT])
        process.now_s += apart_s
        yield bytes([255])  # of no end
        yield bytes([signal.SIGTERM])
        yield b""

    came = numbers()
    Stop()._watch(lambda: next(came))
    assert process.ends == ([128 + signal.SIGTERM] if is_ended else [])
    assert ("error: ended at once (SIGTERM)" in process.said) == is_ended


@pytest.mark.parametrize("is_heard", [False, True])
def test_a_main_thread_that_hears_nothing_for_a_third_of_a_second_is_done_without(
    process: Process, *, is_heard: bool
) -> None:
    steps: list[str] = []

    def finish(name: str) -> int:
        steps.append(name)
        return 2

    stop = Stop(owns_process=True)
    stop._instead = (lambda: steps.append("end"), finish)
    if is_heard:
        assert stop._is_heard.acquire(blocking=False)
    stop._end_instead(signal.SIGINT)
    assert process.naps == [0.3]
    assert steps == (["end"] if is_heard else ["end", "SIGINT"])
    assert process.ends == ([] if is_heard else [2])
    assert stop.is_over.is_set() != is_heard


@pytest.mark.parametrize("owns_process", [False, True])
def test_only_who_owns_the_process_ends_it_and_only_during_the_work(
    process: Process, *, owns_process: bool
) -> None:
    stop, seen = Stop(owns_process=owns_process), list[bool]()
    stop.run(lambda: seen.append(stop._instead is not None), lambda: None, lambda _: 2)
    assert seen == [owns_process]
    stop._end_instead(signal.SIGINT)
    assert process.naps == []
    assert process.ends == []


@pytest.mark.posix("Windows closes windows as well")
def test_signals_are_watched_by_one_thread_however_often_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watchers = 0

    def numbers() -> Callable[[], bytes]:
        nonlocal watchers
        watchers += 1
        return lambda: b""

    monkeypatch.setattr(signals, "_numbers_as_they_come", numbers)
    stop = Stop()
    stop.watch()
    stop.watch()
    assert watchers == 1


def test_who_was_interrupted_does_not_wait_for_native_packages_to_be_cleaned_up() -> None:
    stop = Stop()
    stop._is_watched = True
    assert not stop.needs_hard_end
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        stop(signal.SIGINT, None)
    assert stop.needs_hard_end
