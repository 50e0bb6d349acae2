"""A real window on a screen in memory: closed by its X, under other keyboards, and gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from steadypose.realtime.app.display import gui_backend
from steadypose.realtime.model.places import ROOT
from tests.realtime.app.test_cli import RUN, environment

NEEDED = ("Xvfb", "openbox", "xdotool", "setxkbmap")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
    pytest.mark.skipif(gui_backend() == "NONE", reason="this OpenCV has no windows"),
]


class Screen:
    """An X server with a window manager, and what a person does there."""

    def __init__(self) -> None:
        got, told = os.pipe()  # the server chooses a number that is free
        command = ["Xvfb", "-noreset", "-displayfd", str(told), "-screen", "0", "800x600x24"]
        self.server = subprocess.Popen(command, pass_fds=[told], stderr=subprocess.DEVNULL)
        os.close(told)
        with os.fdopen(got) as said:
            self.environment = environment() | {"DISPLAY": f":{said.readline().strip()}"}
        self.others = [self.server]
        try:
            until(lambda: self.do("xdotool", "getmouselocation"))
            self.others.append(
                subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)
            )
            until(lambda: self.do("xdotool", "get_num_desktops"))
        except BaseException:
            self.close()
            raise

    def do(self, *words: str) -> str:
        """What a command says; nothing where it failed."""
        try:
            return subprocess.run(
                words, check=True, timeout=20, capture_output=True, text=True, env=self.environment
            ).stdout
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return ""

    def window(self) -> str:
        found = self.do("xdotool", "search", "--onlyvisible", "--name", "^steadypose$")
        return found.split()[-1] if found else ""

    def press(self, key: str) -> None:
        self.do("xdotool", "windowfocus", "--sync", self.window())
        self.do("xdotool", "key", key)

    def close(self) -> None:
        for process in reversed(self.others):
            process.kill()
            process.wait()


def until(is_so: Callable[[], object], *, most_s: float = 40.0) -> None:
    end_s = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def screen() -> Iterator[Screen]:
    found = Screen()
    yield found
    found.close()


class Run:
    """The app on that screen, once it shows and records."""

    def __init__(self, screen: Screen, folder: Path, *options: str) -> None:
        self.table = folder / "a.csv"
        command = [*RUN, "--threads", "1", "--csv", str(self.table), *options]
        self.process = subprocess.Popen(
            command,
            env=screen.environment,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until(lambda: screen.window() and self.rows > 3)

    @property
    def rows(self) -> int:
        return self.table.read_bytes().count(b"\n") - 1 if self.table.exists() else 0

    def end(self) -> tuple[int, str]:
        out, said = self.process.communicate(timeout=60)
        return self.process.returncode, said + out


@pytest.mark.parametrize("is_paused", [False, True])
def test_closing_the_window_by_its_x_ends_the_run_well(
    screen: Screen, tmp_path: Path, *, is_paused: bool
) -> None:
    run = Run(screen, tmp_path, "--source", "demo")
    if is_paused:
        screen.press("space")
        time.sleep(0.5)
    screen.press("alt+F4")
    code, said = run.end()
    assert (code, "error" in said) == (0, False), said
    assert f"({run.rows} rows)" in said


@pytest.mark.parametrize("layout", ["ru", "us"])
def test_the_key_where_q_is_quits(screen: Screen, tmp_path: Path, layout: str) -> None:
    run = Run(screen, tmp_path, "--source", "demo")
    screen.do("setxkbmap", layout)
    for key in ("Left", "Home", "F1", "38"):  # arrows and a letter without a meaning do nothing
        screen.press(key)
    assert run.process.poll() is None
    screen.press("24")
    code, said = run.end()
    assert (code, "error" in said) == (0, False), said


def test_a_screen_that_goes_leaves_the_recording_going(screen: Screen, tmp_path: Path) -> None:
    films = ("--jsonl", str(tmp_path / "a.jsonl"), "--save-video", str(tmp_path / "a.mp4"))
    run = Run(screen, tmp_path, "--source", "demo", "--max-frames", "240", *films)
    screen.server.kill()
    code, said = run.end()
    assert code == 0, said
    assert said.count("the screen is gone; the recording goes on without a window") == 1
    assert "Traceback" not in said
    assert run.rows >= 239  # the first frame may be without anybody
    assert "a.mp4 (240 frames)" in said


def test_a_screen_that_goes_ends_a_run_that_records_nothing(screen: Screen, tmp_path: Path) -> None:
    run = Run(screen, tmp_path, "--source", "demo")
    screen.press("r")  # recording off
    time.sleep(0.5)
    screen.server.kill()
    code, said = run.end()
    assert code == 2
    assert "error: the screen is gone, and nothing is recorded" in said


def test_a_screen_that_is_gone_before_the_start_is_said(tmp_path: Path) -> None:
    command = [*RUN, "--source", "demo", "--max-frames", "3", "--csv", str(tmp_path / "a.csv")]
    done = subprocess.run(
        command,
        env=environment() | {"DISPLAY": ":4711"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no window: display :4711 does not answer" in done.stderr
