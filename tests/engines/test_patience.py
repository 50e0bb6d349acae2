"""How the end of a process goes on while a stranger's network still computes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steadypose.engines import registry
from steadypose.engines.errors import EngineError
from steadypose.engines.foreign import patience
from steadypose.engines.foreign.patience import NoAnswerError, answer_within
from steadypose.engines.options import EngineOptions


class Done:
    """An event that comes, or never does; notes how long it was waited for."""

    def __init__(self, *, comes: bool) -> None:
        self._comes = comes
        self.waits: list[float] = []

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return self._comes


@pytest.mark.parametrize("comes", [False, True])
def test_a_command_ends_a_second_later_at_the_latest_with_all_that_was_said(
    monkeypatch: pytest.MonkeyPatch, *, comes: bool
) -> None:
    steps: list[object] = []
    monkeypatch.setattr(patience, "flush", lambda: steps.append("said"))
    monkeypatch.setattr(patience, "os", SimpleNamespace(_exit=steps.append))
    done: Any = Done(comes=comes)
    patience._end(done)
    assert done.waits == [1.0]
    assert steps == ([] if comes else ["said", 2])


@pytest.mark.parametrize("is_command", [False, True])
@pytest.mark.parametrize("answers", [False, True])
def test_only_a_command_of_ours_is_ended_hard_and_only_where_there_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, *, is_command: bool, answers: bool
) -> None:
    ends: list[Callable[..., object]] = []
    monkeypatch.setattr(patience, "is_command", is_command)
    monkeypatch.setattr(patience, "atexit", SimpleNamespace(register=lambda *e: ends.append(e[0])))
    go_on = threading.Event()
    if answers:
        assert answer_within(lambda: 7, 5.0) == 7
    else:
        with pytest.raises(NoAnswerError):
            answer_within(lambda: go_on.wait(10), 0.01)
    go_on.set()
    assert ends == ([patience._end] if is_command and not answers else [])


def test_what_takes_a_moment_is_waited_for_on_a_thread_that_keeps_no_program() -> None:
    def work() -> bool:
        time.sleep(0.05)
        return threading.current_thread().daemon

    assert answer_within(work, 1000.0)


def test_what_fails_says_so_itself_and_is_not_called_slow() -> None:
    def fail() -> None:
        raise EngineError("out of memory", fix="none")

    with pytest.raises(EngineError, match="out of memory"):
        answer_within(fail, 1000.0)


def test_a_network_has_five_minutes_for_its_first_answer(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest takes one on the slowest machine."""
    limits: list[float] = []

    def never(_work: object, limit_s: float) -> object:
        limits.append(limit_s)
        raise NoAnswerError

    monkeypatch.setattr(registry, "answer_within", never)
    with pytest.raises(EngineError, match="did not answer within 300 s on openvino"):
        registry.open_engine(tiny_path, backend="openvino", options=EngineOptions())
    assert limits == [300.0]
