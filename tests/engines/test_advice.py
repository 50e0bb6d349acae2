"""What a fix names is what reaches the Python that asks for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from steadypose.engines.errors import UsageError
from steadypose.engines.wording import advice
from steadypose.engines.wording.advice import said, typed_here
from steadypose.realtime.command import console

FIX = "pip install av, then python export/build_trt.py; or python -m realtime.convert a.csv"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python in .venv of the working directory, which nobody has activated."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


@pytest.mark.posix("names of programs end in .exe elsewhere")
class TestTypedHere:
    def test_an_environment_that_is_not_activated_is_named(self, environment: Path) -> None:
        assert typed_here(FIX) == (
            ".venv/bin/python -m pip install av, then .venv/bin/python export/build_trt.py; "
            "or .venv/bin/python -m realtime.convert a.csv"
        )

    def test_in_an_active_one_short_words_do(
        self, environment: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(environment))
        assert typed_here(FIX) == FIX

    def test_another_python_that_comes_first_is_passed_by(
        self, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "python").touch(mode=0o755)
        assert typed_here("pip install av") == ".venv/bin/python -m pip install av"

    def test_from_another_folder_the_whole_path_is_given_quoted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "my tools" / "bin"
        folder.mkdir(parents=True)
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(sys, "executable", str(folder / "python3"))
        assert typed_here("pip install av") == f"'{folder / 'python3'}' -m pip install av"

    def test_in_its_own_folder_it_is_not_looked_for_elsewhere(
        self, environment: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(environment)
        assert typed_here("pip install av") == "./python -m pip install av"

    def test_powershell_is_told_that_a_quoted_program_is_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(sys, "executable", str(tmp_path / "my tools" / "python.exe"))
        monkeypatch.setattr(advice, "IS_POWERSHELL", True)
        path = tmp_path / "my tools" / "python.exe"
        assert typed_here("pip install av") == f"& '{path}' -m pip install av"

    @pytest.mark.parametrize(
        "text",
        [
            ".venv/bin/python -m pip install -r requirements.txt",
            "make setup, then env/bin/pip install av",
            "choose python 3.12 or python, whichever",
            "give --threads 2",
        ],
    )
    def test_what_is_exact_or_no_command_stays(self, environment: Path, text: str) -> None:
        assert typed_here(text) == text

    def test_a_program_with_python_inside_it_changes_nothing(
        self, environment: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "")
        assert typed_here(FIX) == FIX

    def test_every_command_says_it_so(
        self, environment: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert console.report(UsageError("a video needs av", fix="pip install av")) == 2
        told = ("error: a video needs av", "  fix: .venv/bin/python -m pip install av")
        assert said("a video needs av", "pip install av") == told
        assert capsys.readouterr().err.splitlines()[-2:] == list(told)
