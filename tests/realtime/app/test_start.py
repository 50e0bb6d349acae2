"""The first and the last moment of a run: nothing typed and no signal ends in a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from steadypose.realtime import cli
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.command.stopping.windows import Closing
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.sidecar import find_sidecar
from steadypose.realtime.report.__main__ import main as report


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--save-video", "--benchmark", "--model"])
@pytest.mark.parametrize("name", ["", ".", "/"])
def test_an_empty_name_is_a_sentence(
    capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    assert cli.main(["--source", "demo", "--headless", option, name]) == 2
    assert "error:" in capsys.readouterr().err


def test_a_report_about_nothing_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([""]) == 2
    assert "is not the name of a file" in capsys.readouterr().err


def test_an_interrupt_that_a_package_swallowed_ends_the_run_before_its_first_frame() -> None:
    stop = Stop()
    stop._name = "SIGINT"
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        stop.check()


def test_a_description_of_other_files_that_are_there_is_not_taken(tmp_path: Path) -> None:
    """A run's JSON lines stay beside a later run of the same name that wrote a CSV alone."""
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_text("x")
    told = {"format": "steadypose", "files": [{"names": ["a.csv"]}], "started": "2026"}
    (tmp_path / "a.meta.json").write_text(json.dumps(told))
    assert find_sidecar(tmp_path / "a.csv") == tmp_path / "a.meta.json"
    assert find_sidecar(tmp_path / "a.jsonl") is None
    (tmp_path / "a.csv").unlink()  # renamed together with its description
    assert find_sidecar(tmp_path / "a.jsonl") == tmp_path / "a.meta.json"


_APP = """
from steadypose.realtime import cli
cli.main(["--source", "demo", "--headless", "--max-frames", "2", "--save-video", "a.mp4"])
"""
_LIBRARY = """
import steadypose as sp
with sp.open("a.mp4") as frames:
    assert len(list(frames)) == 2
"""


def test_opencv_is_loaded_before_av(tmp_path: Path) -> None:
    """On macOS both bring FFmpeg's classes for cameras, and the first ones count.

    They are called by neither, but OpenCV is the one that opens cameras.
    """
    order = "\nimport sys\nnames = list(sys.modules)\nprint(names.index('av') - names.index('cv2'))"
    for code in (_APP, _LIBRARY):
        done = subprocess.run(
            [sys.executable, "-c", code + order],
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout.split()[-1]) > 0


@pytest.mark.parametrize("unused", ["openvino.tools.ovc", "av", "filterpy", "onnx"])
def test_a_run_without_a_video_loads_no_package_it_does_not_need(unused: str) -> None:
    code = (
        "import os, sys\n"
        "from steadypose.start import main\n"
        "sys.argv = ['run.py', '--source', 'demo', '--headless', '--max-frames', '2']\n"
        "try: main()\n"
        f"finally: os._exit(7 if sys.modules.get({unused!r}) else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["run.py", "--headless", "--source", "LONG"],
        ["run.py", "--headless", "--source", "@LONG"],
        ["run.py", "--headless", "--source", "LONG/a.mp4"],
        ["run.py", "--headless", "--source", "demo", "--csv", "LONG.csv"],
        ["-m", "realtime.convert", "IN", "LONG"],
        ["-m", "realtime.convert", "IN", "LONG.jsonl"],
        ["-m", "realtime.convert", "LONG", "out.jsonl"],
        ["-m", "realtime.report", "LONG"],
    ],
)
def test_a_name_that_no_file_can_have_is_a_sentence(tmp_path: Path, words: list[str]) -> None:
    table = tmp_path / "in.csv"
    table.write_text("frame,time_s,person,score,nose_x,nose_y,nose_score\n0,0,1,1,1,1,1\n")
    given = [word.replace("LONG", "9" * 400).replace("IN", str(table)) for word in words]
    command = [sys.executable, *given]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_description_may_name_files_that_cannot_be(tmp_path: Path) -> None:
    told = {"format": "steadypose", "files": [{"names": ["9" * 400]}], "started": "2026"}
    (tmp_path / "a.meta.json").write_text(json.dumps(told))
    (tmp_path / "a.csv").write_text("x")
    assert find_sidecar(tmp_path / "a.csv") == tmp_path / "a.meta.json"


SAYINGS: dict[str, Callable[[Closing], object]] = {
    "console closed": lambda closing: closing.on_event(2),
    "user logs off": lambda closing: closing.on_event(5),
    "shutdown": lambda closing: closing.on_event(6),
    "session ends": lambda closing: closing.on_message(0x16, 1),
}


@pytest.mark.parametrize("way", SAYINGS)
def test_windows_waits_for_the_files_however_it_ends_a_program(way: str) -> None:
    """The process ends when it has its answer: there must be none before."""
    stop, told = Stop(), list[object]()
    earlier = signal.signal(signal.SIGTERM, stop)
    closing = Closing(signal.SIGTERM, stop.is_over)
    thread = threading.Thread(target=lambda: told.append(SAYINGS[way](closing)))
    try:
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            thread.start()
            for _ in range(1000):  # the loop, which hears it between two steps
                time.sleep(0.005)
        time.sleep(0.05)
        assert not told  # files are being closed
        stop.is_over.set()
        thread.join(5.0)
        assert told == [0 if way == "session ends" else True]
    finally:
        stop.is_over.set()
        signal.signal(signal.SIGTERM, earlier)


def test_what_is_no_end_ends_nothing() -> None:
    closing = Closing(signal.SIGTERM, threading.Event())
    assert not closing.on_event(0)  # Ctrl-C and Ctrl-Break of Windows come as signals
    assert not closing.on_event(1)
    assert closing.on_message(0x11, 0) == 1  # the session may end, and another has a say
    assert closing.on_message(0x16, 0) == 0  # it goes on
    assert closing.on_message(0x0F, 0) is None
