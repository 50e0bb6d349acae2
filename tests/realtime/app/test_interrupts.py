"""Ctrl-C at any moment is one sentence; the moment is chosen, not waited for."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.realtime.app.test_cli import RUN, environment

# Python runs this before the program: Ctrl-C comes when a module is about to be loaded.
HOOK = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["STOP_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
            print("Ctrl-C was pressed", file=sys.stderr)

sys.meta_path.insert(0, Interrupter())
"""


def assert_one_sentence(code: int, said: str) -> None:
    assert code == 2, said
    assert said.count("error: interrupted (SIGINT)") == 1
    assert said.count("  fix: ") == 1
    for never in ("Traceback", "passed over openvino", "openvino failed"):
        assert never not in said


@pytest.mark.parametrize(
    ("module", "when"),
    [
        ("steadypose.realtime.cli", "before the start"),
        ("numpy", "before the start"),
        ("cv2", "before the start"),
        ("steadypose.realtime.tracking.pipeline", "before the start"),
        ("steadypose.engines.backends.openvino_engine", "everything recorded so far is saved"),
        ("openvino", "everything recorded so far is saved"),
    ],
)
@pytest.mark.posix("signals to another process")
def test_ctrl_c_while_the_program_is_loading_is_one_sentence(
    tmp_path: Path, module: str, when: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    done = subprocess.run(
        [*RUN, "--source", "demo", "--max-frames", "3", "--headless"],
        env=environment() | {"PYTHONPATH": str(tmp_path), "STOP_AT": module},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert_one_sentence(done.returncode, done.stderr)
    assert when in done.stderr
    assert "Ctrl-C was pressed" not in done.stderr, "it went on after the interrupt"


@pytest.mark.slow
@pytest.mark.posix("signals to another process")
def test_ctrl_c_while_the_program_works_is_one_sentence_and_the_recording_is_whole(
    tmp_path: Path,
) -> None:
    table = tmp_path / "a.csv"
    with subprocess.Popen(
        [*RUN, "--source", "demo:3", "--persons", "3", "--headless", "--csv", str(table)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        while process.poll() is None and not (table.exists() and table.stat().st_size > 2000):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert_one_sentence(process.returncode, said)
    text = table.read_text()
    assert text.endswith("\n")
    assert len({line.count(",") for line in text.splitlines()}) == 1
