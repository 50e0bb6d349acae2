"""See the package: names, open files, and a window held by its title bar."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT
from tests.realtime.app.test_screen import Screen, until

PYTHON = os.environ.get("STEADYPOSE_WINE_PYTHON", "")
WINE = shutil.which("wine64") or "/usr/lib/wine/wine64"
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="STEADYPOSE_WINE_PYTHON names no python.exe"),
    pytest.mark.timeout(600),
]
_HOLD = """
import ctypes, sys, time
open_file = ctypes.windll.kernel32.CreateFileW
assert open_file(sys.argv[1], 0xC0000000, 1, None, 3, 0, None) != -1  # others may only read
print("held", flush=True)
time.sleep(60)
"""


def start(*words: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Begin with Windows' Python; its outputs have to be pipes."""
    return subprocess.Popen(
        [WINE, PYTHON, *words],
        cwd=ROOT,
        env={**(environment or os.environ), "WINEDEBUG": "-all", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def demo(*words: str) -> tuple[int, str]:
    """Run the demo without a window; its code, and what it said."""
    options = ["--source", "demo", "--headless", "--max-frames", "20", "--threads", "1"]
    with start("run.py", *options, *words) as process:
        said, _ = process.communicate(timeout=200)
    return process.returncode, said


def windows(path: Path) -> str:
    """A path as Windows has it there."""
    return "Z:" + str(path).replace("/", "\\")


def rows(path: Path) -> int:
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def test_names_of_other_languages_and_a_pipe_without_them(tmp_path: Path) -> None:
    folder = tmp_path / "Jürgen ポーズ"
    folder.mkdir()
    table, lines = folder / "ポーズ.csv", folder / "ö.jsonl"
    code, said = demo("--csv", windows(table), "--jsonl", windows(lines))
    assert code == 0, said
    assert rows(table) >= 19
    assert lines.exists()
    assert "Traceback" not in said


def test_a_name_of_a_device_is_refused(tmp_path: Path) -> None:
    code, said = demo("--csv", windows(tmp_path / "aux.csv"))
    assert code == 2
    assert "Windows keeps the name aux, with any ending, for a device" in said


def test_a_file_that_a_spreadsheet_has_open_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert demo("--csv", windows(path))[0] == 0
    with start("-c", _HOLD, windows(path)) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline().strip() == "held"
            code, said = demo("--csv", windows(path))
        finally:
            holder.kill()
    assert code == 2
    assert "it is open in another program" in said, said


@pytest.fixture
def screen() -> Iterator[Screen]:
    found = Screen()
    yield found
    found.close()


@pytest.fixture
def plain_titles(screen: Screen) -> Screen:
    """A screen on which title bars are as Windows draws them."""
    key = r"HKCU\Software\Wine\X11 Driver"
    subprocess.run(
        [WINE, "reg", "add", key, "/v", "Decorated", "/d", "N", "/f"],
        check=True,
        capture_output=True,
        env=screen.environment,
    )
    return screen


def hold(screen: Screen) -> None:
    """Press the mouse on the title bar: Windows runs a loop of its own while the button is down."""
    place = screen.do("xdotool", "getwindowgeometry", "--shell", screen.window())
    at = dict(line.split("=") for line in place.split())
    grip = (str(int(at["X"]) + 200), str(int(at["Y"]) + 12))
    screen.do("xdotool", "mousemove", *grip, "mousedown", "1")
    time.sleep(0.5)


def test_a_title_bar_that_is_held_does_not_stop_the_recording(
    plain_titles: Screen, tmp_path: Path
) -> None:
    screen, table = plain_titles, tmp_path / "a.csv"
    options = ["--source", "demo", "--threads", "1", "--csv", windows(table)]
    with start("run.py", *options, environment=screen.environment) as process:
        try:
            until(lambda: screen.window() and rows(table) > 20, most_s=100)
            hold(screen)
            before = rows(table)
            time.sleep(4.0)
            held = rows(table) - before
            screen.do("xdotool", "mouseup", "1")
            screen.press("q")
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert held > 60  # of 120; none where the window rules the loop


# Ctrl-C, as the system brings it: on a thread of its own, once a file is there.
_INTERRUPTED = """
import os, signal, sys, threading, time
from steadypose.start import main

def interrupt():
    while not os.path.exists(os.environ["STOP_AT"]):
        time.sleep(0.05)
    signal.raise_signal(signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
main()
"""


def test_ctrl_c_while_the_title_bar_is_held_finishes_the_files(
    plain_titles: Screen, tmp_path: Path
) -> None:
    screen, table, flag = plain_titles, tmp_path / "a.csv", tmp_path / "now"
    options = ["--source", "demo", "--threads", "1", "--csv", windows(table)]
    told = screen.environment | {"STOP_AT": windows(flag)}
    with start("-c", _INTERRUPTED, *options, environment=told) as process:
        try:
            until(lambda: screen.window() and rows(table) > 20, most_s=100)
            hold(screen)
            flag.touch()
            begin_s = time.monotonic()
            said, _ = process.communicate(timeout=30)
            took_s = time.monotonic() - begin_s
        finally:
            process.kill()
            screen.do("xdotool", "mouseup", "1")
    assert process.returncode == 2, said
    assert "error: interrupted (SIGINT)" in said
    assert f"({rows(table)} rows)" in said
    assert '"ended": "' in (tmp_path / "a.meta.json").read_text()
    assert took_s < 5.0, took_s


def test_the_end_of_the_session_finishes_the_files(plain_titles: Screen, tmp_path: Path) -> None:
    """It is told to windows alone where user32.dll is loaded."""
    screen, table = plain_titles, tmp_path / "a.csv"
    options = ["--source", "demo", "--threads", "1", "--csv", windows(table)]
    with start("run.py", *options, environment=screen.environment) as process:
        try:
            until(lambda: screen.window() and rows(table) > 20, most_s=100)
            subprocess.run(
                [WINE, "wineboot", "--end-session"],
                check=False,
                timeout=60,
                capture_output=True,
                env=screen.environment,
            )
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "error: interrupted (SIGBREAK)" in said, said
    assert f"({rows(table)} rows)" in said
    assert '"ended": "' in (tmp_path / "a.meta.json").read_text()
