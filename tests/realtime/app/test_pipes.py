"""Outputs that are no plain files: the standard output, pipes and devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.convert import main as convert
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.record.formats.reading import read_recording
from tests.realtime.app.test_cli import RUN, environment
from tests.realtime.record.test_formats import random_run, record

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
DEMO = [*RUN, "--source", "demo", "--headless", "--threads", "1", "--max-frames", "6"]


def shell(line: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", line, "bash", *words]
    asked = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    assert "Traceback" not in asked.stderr
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_the_standard_output_gets_the_rows_and_nothing_else(
    tmp_path: Path, option: str, name: str
) -> None:
    done = shell('exec "$@"', *DEMO, option, name)
    assert done.returncode == 0, done.stderr
    assert "files: " in done.stderr
    table = tmp_path / "a"
    table.write_text(done.stdout)
    (person,) = read_recording(table).people
    assert person.frame.tolist() == [0, 1, 2, 3, 4, 5]
    redirected = shell(f'exec "$@" >{table}', *DEMO, option, name)
    assert redirected.returncode == 0
    assert len(table.read_text().splitlines()) == len(done.stdout.splitlines())


@pytest.mark.slow
def test_who_reads_a_recording_may_stop(tmp_path: Path) -> None:
    other = tmp_path / "b.jsonl"
    line = f'"$@" --csv - --jsonl {other} --max-frames 300 | head -2; exit ${{PIPESTATUS[0]}}'
    done = shell(line, *DEMO[:-2])
    assert done.returncode == 2
    assert (
        "error: whoever read the standard output has gone; what was written before" in done.stderr
    )
    assert len(done.stdout.splitlines()) == 2
    assert other.read_text().endswith("\n")  # as after every failure


@pytest.mark.slow
def test_a_pipe_and_a_process_get_the_rows(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", tmp_path / "got"
    os.mkfifo(pipe)
    done = shell(f'cat {pipe} >{got} & "$@" && wait', *DEMO, "--csv", str(pipe))
    assert done.returncode == 0, done.stderr
    assert len(got.read_text().splitlines()) == 7
    done = shell(f'"$@" --jsonl >(cat >{got}) && sleep 0.5', *DEMO)
    assert done.returncode == 0, done.stderr
    assert len(got.read_text().splitlines()) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "got"}  # no description beside


def test_a_device_gets_no_description_beside_it() -> None:
    before = set(Path("/dev").iterdir())
    assert cli.main([*DEMO[len(RUN) :], "--csv", os.devnull, "--jsonl", os.devnull]) == 2
    assert cli.main([*DEMO[len(RUN) :], "--csv", os.devnull]) == 0
    assert set(Path("/dev").iterdir()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--csv", "-", "--jsonl", "/dev/stdout"], "another output has the same file"),
        (["--parquet", "-"], "--parquet - is the standard output, where only --csv or --jsonl"),
        (["--save-video", "-"], "--save-video - is the standard output"),
        (["--benchmark", "/dev/stdout"], "--benchmark /dev/stdout is the standard output"),
        (["--parquet", "PIPE"], "is a pipe"),
        (["--save-video", "PIPE"], "is a pipe"),
        (["--csv", "-", "--split", "1h"], "--split needs files; --csv - is none"),
        (["--jsonl", "PIPE", "--offline-smooth"], "--offline-smooth needs files; --jsonl"),
    ],
)
def test_what_cannot_go_into_a_pipe_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [str(pipe) if word == "PIPE" else word for word in options]
    assert cli.main(["--source", "demo", "--headless", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_conversion_goes_to_the_standard_output(tmp_path: Path) -> None:
    source = record(tmp_path / "all.jsonl", random_run(3, 20), COCO17)
    convert([str(source), str(tmp_path / "a.csv")])
    tool = [sys.executable, "-m", "realtime.convert", str(source)]
    done = shell('exec "$@"', *tool, "-", "--to", "csv")
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "a.csv").read_text()
    assert done.stderr.startswith("-: ")
    refused = shell('exec "$@"', *tool, "-")
    assert refused.returncode == 2
    assert "fix: add --to csv" in refused.stderr
    refused = shell('exec "$@"', *tool, "-", "--to", "trc")
    assert "OUT - is the standard output" in refused.stderr
