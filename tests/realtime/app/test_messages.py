"""Messages never decide about the recording: whoever reads them may be gone, or never have been."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steadypose.engines.wording import telling
from steadypose.realtime.command.stopping.signals import Stop
from steadypose.realtime.model.places import ROOT
from tests.realtime.app.test_cli import RUN, environment
from tests.realtime.app.test_interrupts import HOOK

DEMO = (*RUN, *["--source", "demo", "--headless", "--threads", "1", "--max-frames", "5"])
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix redirects")


def shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line, "bash", *DEMO],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        env=environment() | more,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def test_what_is_opened_behind_a_closed_output_does_not_become_it() -> None:
    code = (
        "import os\nfrom steadypose.engines.wording import telling\n"
        "for number in {}: os.close(number)\n"
        "telling.open_closed_streams()\n"
        "first = os.open(os.devnull, os.O_WRONLY)\nos._exit(10 + first)"
    )
    for closed in ((), (2,), (0, 1, 2)):
        done = subprocess.run([sys.executable, "-c", code.format(closed)], cwd=ROOT, check=False)
        assert done.returncode >= 13, closed


@pytest.mark.slow
@pytest.mark.parametrize(
    "redirected",
    [
        pytest.param('"$@" {} 2>&-', id="stderr-closed"),
        pytest.param('"$@" {} >&- 2>&- <&-', id="all-closed"),
        pytest.param('"$@" {} 2>/dev/full >/dev/full', id="full"),
        pytest.param('"$@" {} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}', id="head"),
        pytest.param('"$@" {} 2>&1 | true; exit ${{PIPESTATUS[0]}}', id="gone"),
    ],
)
def test_a_run_goes_on_whatever_becomes_of_its_messages(tmp_path: Path, redirected: str) -> None:
    table, figures = tmp_path / "a.csv", tmp_path / "a.json"
    done = shell(redirected.format(f"--csv {table} --benchmark {figures}"))
    assert done.returncode == 0, done.stderr
    lines = table.read_text().splitlines()
    assert len(lines) == 6
    assert {line.count(",") for line in lines} == {3 + 17 * 3}  # no message went into it
    assert '"frames": 5' in figures.read_text()
    assert "Exception ignored" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["ascii", "cp1252", "latin-1:strict"])
def test_a_run_goes_on_where_a_name_cannot_be_printed(tmp_path: Path, coding: str) -> None:
    table = tmp_path / "tänzerin→.csv"
    done = shell(f"\"$@\" --csv '{table}'", PYTHONIOENCODING=coding)
    assert done.returncode == 0, done.stderr
    assert "\\u2192.csv (5 rows)" in done.stdout
    assert len(table.read_text().splitlines()) == 6


def test_what_was_asked_for_and_cannot_be_written_is_a_failure() -> None:
    done = shell("{} {} --list-models >/dev/full".format(*RUN))
    assert done.returncode == 2
    assert "error: cannot write to the standard output: No space left on device" in done.stderr
    for options in ("--list-models", "--help"):
        done = shell("{} {} {} | head -1; exit ${{PIPESTATUS[0]}}".format(*RUN, options))
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("stream", [None, "closed", "broken"])
def test_a_stream_that_is_none_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    found: io.StringIO | None = None if stream is None else Broken()
    if stream == "closed":
        found = io.StringIO()
        found.close()
    monkeypatch.setattr(sys, "stderr", found)
    assert telling.tell("lost") is not None
    assert not telling.is_watched()
    telling.flush()


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_a_run_as_sigterm_does(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    command = [*RUN, *["--source", "demo", "--headless", "--realtime", "--csv"], str(table)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        while process.poll() is None and not (table.exists() and table.stat().st_size):
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error: interrupted (SIGHUP); everything recorded so far is saved" in said
    assert table.read_text().endswith("\n")
    assert '"ended": "' in (tmp_path / "a.meta.json").read_text()


def test_nohup_stays_what_it_is() -> None:
    kept = {n: signal.getsignal(n) for n in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Stop().listen()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        stop = Stop()
        stop.listen()
        assert signal.getsignal(signal.SIGHUP) is stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("tool", ["report", "convert", "resmooth"])
@pytest.mark.parametrize("module", ["numpy", "steadypose.realtime.record.formats.reading"])
def test_ctrl_c_while_a_tool_is_loading_is_one_sentence(
    tmp_path: Path, tool: str, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    done = subprocess.run(
        [sys.executable, "-m", f"realtime.{tool}", "a.csv"],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "STOP_AT": module},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    said = "error: interrupted (SIGINT) before the start\n  fix: run it again\n"
    assert done.stderr == said
