"""Native code keeps the main thread, as a desktop can: Ctrl-C ends the run all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT
from tests.realtime.app.test_cli import environment

# A window that looks at its keys for ever after some looks, without a step of Python's.
KEPT = """
import ctypes, sys
import cv2
from steadypose.realtime.app import display
from steadypose.start import main

lock, looks = ctypes.create_string_buffer(64), []
libc = ctypes.CDLL(None)
libc.pthread_mutex_lock(lock)

def poll():
    looks.append(1)
    if len(looks) == 10:
        libc.pthread_mutex_lock(lock)  # goes on waiting where a signal comes
    return -1

display.why_headless = lambda: None
for name in ("namedWindow", "resizeWindow", "imshow", "destroyAllWindows"):
    setattr(cv2, name, lambda *_: None)
cv2.getWindowProperty = lambda *_: 1.0
cv2.pollKey = poll
import steadypose.realtime.cli
steadypose.realtime.cli.why_headless = lambda: None
main()
"""


class Run:
    """The app with such a window; ``begin`` waits until something is recorded while it hangs."""

    def __init__(self, table: Path, *options: str) -> None:
        words = ["--threads", "1", "--csv", str(table), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", KEPT, *words],
            cwd=ROOT,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def end(self, number: int) -> tuple[str, float]:
        """What it said, and how long it took."""
        begin_s = time.monotonic()
        self.process.send_signal(number)
        out, said = self.process.communicate(timeout=60)
        return said + out, time.monotonic() - begin_s


def wait_for(tables: list[Path], run: Run, *, rows: int) -> None:
    end_s = time.monotonic() + 60
    while not all(t.exists() and t.read_bytes().count(b"\n") > rows for t in tables):
        assert run.process.poll() is None, run.process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.posix("signals to another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sources", [1, 2])
def test_a_signal_ends_a_run_whose_window_hangs_and_its_files_are_whole(
    tmp_path: Path, number: signal.Signals, sources: int
) -> None:
    options = ["--source", "demo", "--save-video", str(tmp_path / "a.mp4")]
    named = ["a.csv"]
    if sources == 2:
        options += ["--source", "demo", "--names", "one,two"]
        named = ["a.one.csv", "a.two.csv"]
    run = Run(tmp_path / "a.csv", *options)
    try:
        tables = [tmp_path / name for name in named]
        wait_for(tables, run, rows=60)
        said, took_s = run.end(number)
    finally:
        run.process.kill()
    assert run.process.returncode == 2, said
    assert said.count(f"error: interrupted ({number.name})") == 1, said
    assert "Traceback" not in said
    for table in tables:
        text = table.read_text()
        assert text.endswith("\n")
        assert f"({len(text.splitlines()) - 1} rows)" in said
    assert took_s < 5.0, took_s
