"""What takes long before the first picture: the window is served meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from steadypose.engines.errors import SourceError
from steadypose.realtime import cli
from steadypose.realtime.app import waiting
from steadypose.realtime.app.waiting import ClosedError, serve_while
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions
from steadypose.realtime.sources.opening import SourceOptions, waits_for
from tests.realtime.app.test_loop import ScriptedDisplay


def test_work_is_done_beside_the_window_and_what_it_says_is_shown() -> None:
    go_on = threading.Event()
    display = ScriptedDisplay({0: "m"})  # which quits nothing
    done_by: list[int] = []

    def work() -> str:
        done_by.append(threading.get_ident())
        go_on.wait(10)
        return "done"

    threading.Timer(1.0, go_on.set).start()
    assert serve_while(display, work, ("waiting for", "the camera")) == "done"
    assert done_by != [threading.get_ident()]
    assert len(display.shown) == 1
    assert display.shown[0].shape == (360, 640, 3)
    assert display.shown[0].max() > 200  # text
    assert display.shown[0][-1, -1].tolist() == [60, 60, 60]
    assert display.polls > 5


def test_what_is_done_soon_is_not_explained() -> None:
    display, is_polled = ScriptedDisplay(), threading.Event()
    pressed = display.pressed

    def look() -> list[str]:
        is_polled.set()
        return pressed()

    display.pressed = look  # type: ignore[method-assign]
    assert serve_while(display, lambda: is_polled.wait(10), ("waiting",))
    assert display.shown == []


def test_nothing_is_explained_in_a_window_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_SOON_S", 0.0)
    display, go_on = ScriptedDisplay(), threading.Event()
    display.is_window = False
    pressed = display.pressed

    def look() -> list[str]:
        if display.polls == 3:
            go_on.set()
        return pressed()

    display.pressed = look  # type: ignore[method-assign]
    assert serve_while(display, lambda: go_on.wait(10), ("waiting",))
    assert display.shown == []


def test_a_failure_of_the_work_is_raised() -> None:
    def work() -> None:
        raise SourceError("no camera", fix="plug it in")

    with pytest.raises(SourceError, match="no camera"):
        serve_while(ScriptedDisplay(), work, ("waiting",))


@pytest.mark.parametrize("key", ["q", "escape", "close"])
def test_the_window_can_be_closed_meanwhile(key: str) -> None:
    go_on = threading.Event()
    begin_s = time.perf_counter()
    with pytest.raises(ClosedError):
        serve_while(ScriptedDisplay({1: key}), lambda: go_on.wait(20), ("waiting",))
    assert time.perf_counter() - begin_s < 10
    go_on.set()


def test_a_run_that_waits_for_a_page_can_be_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    display = ScriptedDisplay({1: "q"})
    monkeypatch.setattr(cli, "open_display", lambda **_: (display, None))
    monkeypatch.setattr(cli, "why_headless", lambda: None)
    page = ServeOptions(Address("127.0.0.1", 0), takes_camera=True)
    settings = replace(Settings(), source=SourceOptions("browser"), live=LiveOptions(serve=page))
    assert cli.run(settings, Stop()) == 0
    assert len(display.shown) == 1
    told = capsys.readouterr().err
    assert "page: http://127.0.0.1:" in told
    assert "closed before there was a picture" in told
    until_s = time.perf_counter() + 5
    while any(one.name == "opening" for one in threading.enumerate()):
        assert time.perf_counter() < until_s
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "is_window", "is_beside"),
    [("0", True, True), ("0", False, False), ("demo", True, False), ("demo", False, False)],
)
def test_a_source_is_opened_beside_the_window_where_it_may_wait_and_there_is_one(
    monkeypatch: pytest.MonkeyPatch, text: str, *, is_window: bool, is_beside: bool
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    opened: list[tuple[str, int]] = []

    def open_source(source: SourceOptions) -> str:
        opened.append((source.text, threading.get_ident()))
        return "opened"

    monkeypatch.setattr(waiting, "open_source", open_source)
    display: Any = ScriptedDisplay()
    display.is_window = is_window
    assert str(waiting.open_beside(display, SourceOptions(text))) == "opened"
    (found,) = opened
    assert found[0] == text
    assert (found[1] != threading.get_ident()) is is_beside


@pytest.mark.parametrize(
    ("text", "elsewhere", "on_a_mac"),
    [
        ("browser", "a page", "a page"),
        ("rtsp://cam/1", "the network", "the network"),
        ("http://cam/1", "the network", "the network"),
        ("0", "the camera", None),  # permission is asked for on the main thread
        ("/dev/video2", "the camera", None),
        ("demo", None, None),
        ("clip.mp4", None, None),
    ],
)
def test_only_what_may_wait_is_opened_beside_the_window(
    text: str, elsewhere: str | None, on_a_mac: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for system, waited_for in (("Linux", elsewhere), ("Darwin", on_a_mac)):
        monkeypatch.setattr("platform.system", lambda system=system: system)
        found = waits_for(SourceOptions(text))
        assert (found or "").startswith(waited_for or "") if waited_for else found is None
