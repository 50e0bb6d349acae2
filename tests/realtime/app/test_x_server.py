"""The connection to an X server: whether it answers, and how its end is noticed."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from steadypose.realtime.app import x_server
from steadypose.realtime.app.x_server import Links, answers

linux = pytest.mark.skipif(sys.platform != "linux", reason="addresses of Linux")


def test_a_screen_of_another_machine_is_waited_for_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[object, float]] = []

    def connect(at: object, *, timeout: float) -> socket.socket:
        asked.append((at, timeout))
        raise TimeoutError

    monkeypatch.setattr("socket.create_connection", connect)
    assert not answers("far.example:2.1")
    assert asked == [(("far.example", 6002), 1.0)]


@linux
def test_a_screen_whose_name_is_a_path_is_not_asked_for_in_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As XQuartz names its own."""
    asked: list[object] = []
    monkeypatch.setattr("socket.create_connection", lambda *at, **_: asked.append(at))
    assert not answers("/private/tmp/launch.abc/org.xquartz:4714")
    assert asked == []


@linux
@pytest.mark.parametrize("kind", ["by a name", "by a number"])
def test_only_the_connection_to_this_screen_is_watched_and_its_end_is_seen(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with socket.socket(socket.AF_UNIX if kind == "by a name" else socket.AF_INET) as listener:
        if kind == "by a name":
            number = 10_000 + 2 * os.getpid()  # no other worker's or run's, nor the one after it
            listener.bind(f"\0/tmp/.X11-unix/X{number}")
        else:
            number = _bind_to_a_display(listener)
        listener.listen()
        with socket.socket(listener.family) as ours:
            ours.connect(listener.getsockname())
            theirs, _ = listener.accept()
            monkeypatch.setenv("DISPLAY", f":{number + 1}")
            assert Links()._descriptors == [], "another screen"
            monkeypatch.setenv("DISPLAY", f":{number}")
            links = Links()
            assert links._descriptors == [ours.fileno()]
            assert not links.are_broken
            theirs.close()
            assert links.are_broken


def _bind_to_a_display(listener: socket.socket) -> int:
    for number in range(90, 140):
        try:
            listener.bind(("127.0.0.1", 6000 + number))
        except OSError:
            continue
        return number
    pytest.skip("no port is free")


@linux
def test_looking_for_the_screen_leaves_nothing_open_and_closes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":4713")
    with (tmp_path / "a.csv").open("w") as file, socket.socket() as other:
        before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
        Links()
        assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        file.write("still open")
        other.getsockname()


@linux
@pytest.mark.parametrize("display", ["", "nonsense"])
def test_without_a_screen_nothing_is_watched_and_nothing_can_break(
    monkeypatch: pytest.MonkeyPatch, display: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    links = Links()
    assert not links.are_broken
    assert not links.guard(lambda: 0)
    links.stay_guarded()


def test_where_no_open_files_are_listed_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Linux lists them, and only Linux can be asked for a lost connection."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(x_server, "Path", lambda _: SimpleNamespace(is_dir=lambda: False))
    monkeypatch.setattr(x_server, "os", SimpleNamespace(environ=os.environ))
    monkeypatch.setattr(x_server, "select", SimpleNamespace())
    assert not Links().are_broken


def test_a_connection_is_asked_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    poll = SimpleNamespace(register=lambda *_: None, poll=asked.append)
    monkeypatch.setattr(x_server, "select", SimpleNamespace(poll=lambda: poll, POLLRDHUP=1))
    links = Links()
    links._descriptors = [0]
    assert not links.are_broken
    assert asked == [0]


def test_a_system_that_calls_nothing_at_the_end_guards_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(x_server, "ctypes", _Ctypes(SimpleNamespace()))
    links = Links()
    links._descriptors = [0]
    assert not links.guard(lambda: 7)
    links.stay_guarded()


def test_the_end_that_qt_orders_is_answered_before_what_was_loaded_since_is_cleaned_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system calls first what was registered last."""
    hooks: list[Callable[[int, object], None]] = []
    ends: list[int] = []
    library = SimpleNamespace(on_exit=lambda hook, _: hooks.append(hook))
    modules = dict.fromkeys("abc")
    monkeypatch.setattr(x_server, "ctypes", _Ctypes(library))
    monkeypatch.setattr(x_server, "sys", SimpleNamespace(modules=modules))
    monkeypatch.setattr(os, "_exit", ends.append)
    links = Links()
    links._descriptors = [0]
    is_broken = [False]
    monkeypatch.setattr(Links, "are_broken", property(lambda _: is_broken[0]))
    assert links.guard(lambda: 7)
    assert len(hooks) == 1
    links.stay_guarded()
    assert len(hooks) == 1, "nothing was loaded since"
    modules["d"] = None
    links.stay_guarded()
    assert len(hooks) == 2
    hooks[0](1, None)
    assert ends == [], "an end for another reason"
    is_broken[0] = True
    elsewhere = threading.Thread(target=hooks[0], args=(1, None))
    elsewhere.start()
    elsewhere.join()
    assert ends == [], "another thread, which cannot go on with the run"
    hooks[0](1, None)
    assert ends == [7]


class _Ctypes:
    """As much of it as there is to a hook."""

    c_int = c_void_p = None

    def __init__(self, library: object) -> None:
        self._library = library

    def CDLL(self, _: None) -> object:  # noqa: N802 - its name
        return self._library

    def CFUNCTYPE(self, *_: object) -> Callable[[object], object]:  # noqa: N802 - its name
        return lambda hook: hook
