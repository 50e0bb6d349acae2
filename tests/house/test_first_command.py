"""The first command of somebody who has installed nothing, or has another Python or system."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

import run
from benchmarks.wheels import SYSTEMS, wanted
from steadypose.realtime.model.places import ROOT


def test_without_packages_it_is_one_sentence(tmp_path: Path) -> None:
    """``-S``: Python without its installed packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "run.py"), "--source", "demo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    error, fix = done.stderr.splitlines()
    assert error.startswith("error: not installed for ")
    assert error.endswith(": numpy, cv2, av")
    assert fix.startswith("  fix: ")
    assert "-m pip install -r requirements.txt" in fix


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 15)])
@pytest.mark.parametrize(
    ("name", "begin", "python"),
    [("nt", "py -3.13", r".venv\Scripts\python"), ("posix", "python3.13", ".venv/bin/python")],
)
def test_another_python_gets_the_command_for_its_system(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], name: str, begin: str, python: str
) -> None:
    monkeypatch.setattr(run, "os", SimpleNamespace(name=name, path=os.path))
    monkeypatch.setattr(run, "sys", SimpleNamespace(version_info=(*version, 1)))
    reason = run.why_not()
    assert reason is not None
    assert reason[0] == f"this is Python {version[0]}.{version[1]}, steadypose needs 3.10 to 3.14"
    assert reason[1] == (
        f"{begin} -m venv .venv, then {python} -m pip install -r requirements.txt, "
        f"then {python} run.py"
    )


def test_an_environment_that_is_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "NEEDED", ("no_such_package",))
    monkeypatch.setattr(run, "__file__", str(tmp_path / "run.py"))
    fake = SimpleNamespace(
        version_info=(3, 12), prefix="/usr", base_prefix="/usr", executable="/usr/bin/python3"
    )
    monkeypatch.setattr(run, "sys", fake)
    made = "python3 -m venv .venv, then .venv/bin/python -m pip"
    monkeypatch.setattr(run, "os", SimpleNamespace(name="posix", path=os.path))
    assert str((run.why_not() or ("", ""))[1]).startswith(made)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    assert str((run.why_not() or ("", ""))[1]).startswith(".venv/bin/python run.py; ")
    fake.prefix = "/home/me/.venv"
    assert (run.why_not() or ("", ""))[1] == "python -m pip install -r requirements.txt"
    monkeypatch.undo()
    assert run.why_not() is None


def test_windows_without_media_foundation_is_told_of_the_pack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = ImportError("DLL load failed while importing cv2", name="cv2")
    assert "Media Feature Pack" not in run.why_not_loaded(error)[1]
    monkeypatch.setattr(run, "os", SimpleNamespace(name="nt"))
    assert "Media Feature Pack" in run.why_not_loaded(error)[1]
    assert "DLL load failed" in run.why_not_loaded(error)[0]


def test_any_python_can_read_it() -> None:
    """No f-strings, no annotations, nothing that 2.7 does not know."""
    for node in ast.walk(ast.parse((ROOT / "run.py").read_text())):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None


def test_the_readme_has_the_lines_for_powershell() -> None:
    text = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```powershell\n(.*?)```", text, re.DOTALL)
    make, install, start = block.splitlines()
    assert make == "py -m venv .venv"
    assert install == r".venv\Scripts\python -m pip install -r requirements.txt"
    words = start.split()
    assert words[:2] == [r".venv\Scripts\python", "run.py"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words[2:-1], os.devnull, "--max-frames", "3"],
        check=False,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "DISPLAY"},
    )
    assert done.returncode == 0, done.stderr


def listed(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


def test_the_fallback_is_the_app_without_openvino() -> None:
    app, fallback = listed("requirements.txt"), listed("requirements-onnxruntime.txt")
    names = {Requirement(line).name for line in app - fallback}
    assert names == {"openvino"}
    assert {Requirement(line).name for line in fallback - app} == {"onnxruntime"}
    assert "-r requirements.txt" not in (ROOT / "requirements-onnxruntime.txt").read_text()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-onnxruntime.txt"])
def test_no_system_is_asked_for_what_has_no_wheel_there(file: str) -> None:
    asked = {
        (system.name, python): {Requirement(word).name for word in words}
        for system in SYSTEMS
        for python in ("3.10", "3.12", "3.14")
        if (words := list(wanted(ROOT / file, system, python)))
    }
    assert "openvino" not in asked["Windows on ARM", "3.12"]
    has_openvino = file == "requirements.txt"
    assert ("openvino" in asked["Windows", "3.14"]) == has_openvino
    assert ("openvino" in asked["macOS 13, Intel", "3.12"]) == has_openvino
    assert "onnxruntime" not in asked["macOS 13, Intel", "3.14"]
    assert ("onnxruntime" in asked["macOS 13, Intel", "3.12"]) != has_openvino
