"""The window's thread and the loop's, one step at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime.app import two_threads
from steadypose.realtime.app.two_threads import ApartDisplay, LoopThread
from tests.realtime.app.test_loop import ScriptedDisplay
from tests.realtime.app.test_two_threads import until

PICTURE = np.zeros((4, 4, 3), np.uint8)


def ended() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> ApartDisplay:
    """Of a display that notes what happens; so does what waits for news."""
    events: list[object] = []

    class Noting(ScriptedDisplay):
        def show(self, *_: object) -> None:
            events.append("show")

        def pressed(self) -> list[str]:
            events.append("look")
            return ["m"]

        def close(self) -> None:
            events.append("close")

    apart = ApartDisplay(Noting(), LoopThread(is_apart=True))
    monkeypatch.setattr(apart._news, "wait", events.append)
    apart.events = events  # type: ignore[attr-defined]
    return apart


def test_a_picture_is_shown_without_waiting_for_another(apart: ApartDisplay) -> None:
    apart.show(PICTURE)
    apart._serve(Future())
    assert apart.events == ["show", "look"]  # type: ignore[attr-defined]
    assert apart.pressed() == ["m"]
    assert apart.pressed() == []


def test_without_a_picture_it_waits_for_one_a_twentieth_of_a_second(apart: ApartDisplay) -> None:
    apart._serve(Future())
    assert apart.events == [0.05, "look"]  # type: ignore[attr-defined]


def test_once_the_loop_has_ended_nothing_is_waited_for(apart: ApartDisplay) -> None:
    apart._serve(ended())
    assert apart.events == ["look"]  # type: ignore[attr-defined]


def test_closing_closes_the_window_itself(apart: ApartDisplay) -> None:
    apart.close()
    assert apart.events == ["close"]  # type: ignore[attr-defined]


def test_a_loop_begins_once_however_often_it_is_run() -> None:
    apart, begun = ApartDisplay(ScriptedDisplay(), LoopThread(is_apart=True)), list[int]()
    for _ in range(2):
        apart.run(lambda: begun.append(1), end=lambda: None)
    assert begun == [1]


def test_who_waits_for_a_loop_hears_how_it_ended() -> None:
    apart = ApartDisplay(ScriptedDisplay(), LoopThread(is_apart=True))
    go_on, has_begun, heard = threading.Event(), threading.Event(), list[str]()
    apart.wait()  # for none: it has not begun

    def fails() -> None:
        has_begun.set()
        assert go_on.wait(10)
        raise SourceError("no camera", fix="plug it in")

    def run() -> None:
        with pytest.raises(SourceError, match="no camera"):
            apart.run(fails, end=lambda: None)

    def wait() -> None:
        assert until(lambda: apart._done is not None)
        try:
            apart.wait()
        except SourceError:
            heard.append("failed" if go_on.is_set() else "too early")

    threads = [threading.Thread(target=work) for work in (run, wait)]
    for thread in threads:
        thread.start()
    assert has_begun.wait(10)
    threads[1].join(0.3)
    assert heard == []
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert heard == ["failed"]


class Event:
    """Instead of one of ``threading``: nobody sleeps."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def set(self) -> None:
        self.events.append("set")

    def wait(self, timeout_s: float) -> None:
        self.events.append(timeout_s)


def waited(monkeypatch: pytest.MonkeyPatch, wait: Callable[[Future[object]], object]) -> Event:
    event, done = Event(), Future[object]()
    monkeypatch.setattr(two_threads, "threading", SimpleNamespace(Event=lambda: event))
    wait(done)
    done.set_result(None)
    return event


def test_a_wait_ends_with_the_work_and_after_a_fifth_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert waited(monkeypatch, two_threads._wait).events == [0.2, "set"]


@pytest.mark.parametrize("is_apart", [False, True])
def test_what_is_done_elsewhere_sleeps_until_it_is_done(
    monkeypatch: pytest.MonkeyPatch, *, is_apart: bool
) -> None:
    is_asleep, thread = threading.Event(), LoopThread(is_apart=is_apart)
    monkeypatch.setattr(two_threads, "_wait", lambda _: is_asleep.set())
    assert thread.do(lambda: is_asleep.wait(10 if is_apart else 0)) is is_apart
    assert (thread.do(threading.get_ident) != threading.get_ident()) is is_apart
