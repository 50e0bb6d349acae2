"""The command ``steadypose`` and its words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.commands import COMMANDS
from steadypose.engines.wording import advice
from steadypose.realtime.model.places import ROOT


def steadypose(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steadypose", *words],
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_the_overview_names_every_command() -> None:
    done = steadypose("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: steadypose COMMAND")
    for name, command in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert command.help in done.stdout
    assert steadypose().stdout == done.stdout
    assert steadypose("--version").stdout.startswith("steadypose ")


def test_the_overview_loads_nothing_heavy() -> None:
    code = (
        "import sys, steadypose.commands\n"
        "heavy = {'numpy', 'cv2', 'openvino', 'onnx', 'torch', 'argparse'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("convrt", "steadypose convert"),
        ("--camera", "steadypose run --camera"),
        ("clip of mine.mp4", "steadypose run --source 'clip of mine.mp4'"),
        ("", "steadypose --help"),
        ("a\x1b[2J", "steadypose --help"),
    ],
)
def test_a_word_that_is_no_command_is_a_sentence(word: str, fix: str) -> None:
    done = steadypose(word)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no command")
    assert fix in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help_or_says_what_it_needs(name: str) -> None:
    done = steadypose(name, "--help")
    if done.returncode == 0:
        assert done.stdout.startswith("usage: ")
    else:
        assert done.returncode == 2
        assert "not installed" in done.stderr
        assert "requirements-export.txt" in done.stderr


@pytest.mark.parametrize("name", ["models", "doctor"])
def test_a_word_for_an_option_of_the_app_has_a_help_of_its_own(name: str) -> None:
    done = steadypose(name, "--help")
    assert done.returncode == 0
    assert COMMANDS[name].help[1:] in done.stdout
    assert len(done.stdout.splitlines()) < 8
    assert steadypose(name, "-h").stdout == done.stdout


@pytest.mark.slow
def test_help_for_building_needs_no_package_that_builds() -> None:
    code = (
        "import runpy, sys\n"
        "sys.modules['onnx'] = sys.modules['torch'] = sys.modules['onnxruntime'] = None\n"
        "sys.argv = ['steadypose', 'build-engine', '--help']\n"
        "runpy.run_module('steadypose', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--precision" in done.stdout


@pytest.mark.slow
def test_a_run_and_what_comes_after_it(tmp_path: Path) -> None:
    given = ("--source", "demo", "--headless", "--max-frames", "3")
    done = steadypose("run", *given, "--csv", "x.csv", "--csv-layout", "long", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert steadypose("convert", "x.csv", "y.jsonl", cwd=tmp_path).returncode == 0
    assert steadypose("resmooth", "x.csv", "z.csv", cwd=tmp_path).returncode == 0
    assert steadypose("report", "x.csv", cwd=tmp_path).returncode == 0
    assert steadypose("report", "none.csv", cwd=tmp_path).returncode == 2
    assert steadypose("init-config", cwd=tmp_path).returncode == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"x.csv", "y.jsonl", "z.csv", "x.html", "run.toml"} <= names


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_typed_depends_on_where_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert advice.command(name).startswith("python ")
    text = f"see {advice.command(name)} --help"
    assert advice.as_typed(text) == text
    monkeypatch.setattr(advice, "IS_CHECKOUT", False)
    assert advice.command(name) == f"steadypose {name}"
    if not text.startswith("see python -m steadypose"):
        assert advice.as_typed(text) == f"see steadypose {name} --help"


def test_packages_are_named_as_they_are_installed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert advice.install("requirements-gpu.txt") == "pip install -r requirements-gpu.txt"
    monkeypatch.setattr(advice, "IS_CHECKOUT", False)
    assert advice.install("requirements-gpu.txt") == 'pip install "steadypose[gpu]"'
    assert advice.install("requirements.txt") == "pip install --upgrade steadypose"
