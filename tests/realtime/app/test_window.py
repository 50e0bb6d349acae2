"""The window: its size, its keys, and why there is none."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from steadypose.engines.errors import DisplayError
from steadypose.realtime.app.display import (
    NullDisplay,
    Window,
    gui_backend,
    open_display,
    why_headless,
    without_screen,
)
from steadypose.realtime.app.x_server import Links
from tests.realtime.app.test_loop import gray_source, make_app


class Screen:
    """What OpenCV's window functions were told, and the keys that somebody presses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.shown = 0
        self.keys: list[int] = []
        self.is_open = True
        self.when_shown: Callable[[], None] = lambda: None
        for name, stand_in in (
            ("namedWindow", lambda *_: None),
            ("destroyAllWindows", self._close),
            ("resizeWindow", lambda _title, width, height: self.sizes.append((width, height))),
            ("imshow", self._show),
            ("pollKey", lambda: self.keys.pop(0) if self.keys else -1),
            ("getWindowProperty", lambda *_: 1.0 if self.is_open else 0.0),
        ):
            monkeypatch.setattr(cv2, name, stand_in)

    def _show(self, *_: object) -> None:
        self.shown += 1
        self.when_shown()

    def _close(self) -> None:
        self.is_open = False


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    return Screen(monkeypatch)


@pytest.mark.parametrize(
    ("hw", "size"),
    [
        ((240, 320), (640, 480)),  # twice as large, so that something is seen
        ((480, 640), (1067, 800)),
        ((1080, 1920), (1280, 720)),  # fits on a laptop
        ((2000, 1000), (400, 800)),
        ((1, 2000), (1280, 1)),
    ],
)
def test_the_window_fits_the_picture_on_the_screen(
    screen: Screen, hw: tuple[int, int], size: tuple[int, int]
) -> None:
    window = Window()
    for _ in range(3):
        window.show(np.zeros((*hw, 3), np.uint8))
    assert screen.sizes == [size]  # once: whoever resized it keeps its size
    assert screen.shown == 3
    assert window.is_window
    assert not NullDisplay().is_window


def test_the_window_can_be_resized_and_keeps_the_shape_of_the_picture(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(cv2, "namedWindow", lambda _title, flags: made.append(flags))
    Window()
    assert made == [cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL]


def test_a_screen_that_was_lost_stays_lost(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its window is gone, whatever becomes of the connection."""
    broken = [False]
    monkeypatch.setattr(Links, "are_broken", property(lambda _: broken[0]))
    window = Window()
    for is_broken, is_lost in ((False, False), (True, True), (False, True)):
        broken[0] = is_broken
        assert window.is_lost is is_lost
        assert window.is_window is not is_lost


def test_of_a_screen_that_was_lost_nothing_is_asked(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call would end the process: the connection to the X server is broken."""
    window, seen = Window(), []
    monkeypatch.setattr(Links, "are_broken", True)
    screen.keys = [ord("q")]
    window.show(np.zeros((48, 64, 3), np.uint8), lambda: seen.append(1))
    assert (screen.shown, screen.sizes, seen) == (0, [], [])
    assert window.pressed() == []
    window.close()
    assert screen.is_open


def test_each_picture_renews_the_guard_and_is_told_once_it_is_shown(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Links, "stay_guarded", lambda _: told.append("guarded"))
    screen.when_shown = lambda: told.append("shown")
    window = Window()
    window.show(np.zeros((48, 64, 3), np.uint8), lambda: told.append("seen"))
    window.show(np.zeros((48, 64, 3), np.uint8))
    assert told == ["guarded", "shown", "seen", "guarded", "shown"]


def test_a_window_closed_while_it_is_drawn_is_closed(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise cv2.error("no window")

    window = Window()
    monkeypatch.setattr(cv2, "imshow", closed)
    window.show(np.zeros((48, 64, 3), np.uint8))
    assert window.pressed() == ["close"]


def test_keys_are_told_by_name(screen: Screen) -> None:
    window = Window()
    screen.keys = [ord("q"), 27, ord(" "), 0x100000 + ord("m")]  # GTK adds flags above a byte
    assert window.pressed() == ["q", "escape", " ", "m"]
    assert window.pressed() == []


def test_a_closed_window_is_noticed_once_it_was_shown(screen: Screen) -> None:
    window = Window()
    screen.is_open = False
    assert window.pressed() == []  # not yet on the screen
    window.show(np.zeros((48, 64, 3), np.uint8))
    assert window.pressed() == ["close"]
    screen.is_open = True
    window.close()
    assert window.pressed() == ["close"]


def test_esc_in_the_window_quits(screen: Screen) -> None:
    screen.when_shown = lambda: screen.keys.append(27) if screen.shown == 3 else None
    app = make_app(gray_source(200), Window())
    app.run()
    assert 3 <= screen.shown < 20
    assert app.clock.frames < 20


@pytest.fixture
def x_server() -> Iterator[str]:
    """A display on this machine's network that answers."""
    for number in range(40, 90):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", 6000 + number))
            except OSError:
                continue
            listener.listen()
            yield f"127.0.0.1:{number}.0"
            return
    pytest.skip("no port is free")


def test_a_display_that_answers_gets_a_window(
    x_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("steadypose.realtime.app.display.gui_backend", lambda: "QT5")
    monkeypatch.setenv("DISPLAY", x_server)
    assert why_headless() is None
    for nonsense in ("nonsense", "127.0.0.1:4711.0"):
        monkeypatch.setenv("DISPLAY", nonsense)
        assert "does not answer" in str(why_headless())


@pytest.mark.skipif(sys.platform != "linux", reason="addresses of Linux")
def test_a_display_of_this_machine_gets_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("steadypose.realtime.app.display.gui_backend", lambda: "QT5")
    monkeypatch.setenv("DISPLAY", ":4712")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0/tmp/.X11-unix/X4712")  # no file
        listener.listen()
        assert why_headless() is None


def test_elsewhere_than_on_linux_a_window_needs_no_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steadypose.realtime.app.display.gui_backend", lambda: "COCOA")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert why_headless() is None


@pytest.mark.parametrize("is_recording", [True, False])
def test_without_its_screen_a_run_goes_on_only_where_something_is_recorded(
    *, is_recording: bool
) -> None:
    outputs: Any = SimpleNamespace(is_recording=is_recording)
    if is_recording:
        assert isinstance(without_screen(outputs), NullDisplay)
    else:
        with pytest.raises(DisplayError, match="the screen is gone, and nothing is recorded"):
            without_screen(outputs)


def test_opencv_that_says_nothing_of_windows_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "General configuration\n  GUI: QT5\n")
    assert gui_backend() == "QT5"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "General configuration\n")
    assert gui_backend() == "NONE"


def test_where_a_window_can_be_opened_it_is(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.app.display.why_headless", lambda: None)
    display, reason = open_display(is_headless=False)
    assert isinstance(display, Window)
    assert reason is None
