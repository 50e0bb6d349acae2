"""The first command of somebody who has installed nothing, or has another Python or system."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

import run
import start
from benchmarks.wheels import SYSTEMS, wanted
from steadypose.realtime.command.options.command_line import build_parser
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


@pytest.mark.parametrize("name", ["run.py", "start.py"])
def test_any_python_can_read_it(name: str) -> None:
    """No f-strings, no annotations, nothing that 2.7 does not know."""
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)
        if isinstance(node, ast.List):
            assert not any(isinstance(element, ast.Starred) for element in node.elts)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None


def lines_of(page: str) -> list[str]:
    """What is to be typed in Windows' PowerShell."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (block,) = re.findall(r"```powershell\n(.*?)```", text, re.DOTALL)
    return [str(line) for line in block.splitlines()]


def test_the_documents_have_lines_for_powershell_that_work(tmp_path: Path) -> None:
    begin, camera = lines_of("README.md")
    assert begin == "py start.py"
    make, install, demo = lines_of("docs/install.md")
    assert make == "py -m venv .venv"
    assert install == r".venv\Scripts\python -m pip install -r requirements.txt"
    for line in (camera, demo):
        python, script, *words = line.split()
        assert (python, script) == (r".venv\Scripts\python", "run.py")
        build_parser().parse_args(words)
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *demo.split()[2:], "--max-frames", "3"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "DISPLAY"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo.csv").exists()


class Setup:
    """A checkout without its environment, and the commands that start.py runs there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.ran = folder, list[list[str]]()
        self.codes: dict[str, int] = {}
        (folder / "requirements.txt").touch()
        monkeypatch.setattr(start, "HERE", str(folder))
        monkeypatch.setattr(start, "REQUIREMENTS", str(folder / "requirements.txt"))
        monkeypatch.setattr(start, "INSTALLED", str(folder / ".venv" / ".app"))
        monkeypatch.setattr(start, "_wait", self.wait)

    def wait(self, command: list[str], _: str | None) -> int:
        self.ran.append(command)
        code = next((code for word, code in self.codes.items() if word in command), 0)
        if "venv" in command:  # one that fails may have come as far as that
            python = self.folder / run.environment_python()
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return code

    def kinds(self) -> list[str]:
        found = [
            next(w for w in ("venv", "pip", "run.py") if w in " ".join(c[1:])) for c in self.ran
        ]
        self.ran.clear()
        return found


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(tmp_path, monkeypatch)


def test_start_sets_up_once_and_runs_the_demo(
    setup: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.main([]) == 0
    assert setup.ran[-1][1:] == ["run.py", *start.DEMO]
    assert setup.ran[1][0] == str(setup.folder / run.environment_python())
    assert setup.kinds() == ["venv", "pip", "run.py"]
    assert "Look at out/demo.mp4 and out/demo.csv" in capsys.readouterr().out
    assert (setup.folder / "out").is_dir()
    assert start.main(["--camera", "1"]) == 0
    assert setup.ran[-1][2:] == ["--camera", "1"]
    assert setup.kinds() == ["run.py"]
    later = (setup.folder / ".venv/.app").stat().st_mtime + 5
    os.utime(setup.folder / "requirements.txt", (later, later))
    assert start.main([]) == 0
    assert setup.kinds() == ["pip", "run.py"]


def test_start_gives_the_code_of_the_run(setup: Setup) -> None:
    setup.codes = {"run.py": 2}
    assert start.main([]) == 2


@pytest.mark.parametrize(
    ("word", "said"), [("venv", "making .venv failed"), ("pip", "installing the packages failed")]
)
def test_a_step_that_fails_is_a_sentence_and_is_done_again(
    setup: Setup, capsys: pytest.CaptureFixture[str], word: str, said: str
) -> None:
    setup.codes = {word: 1}
    with pytest.raises(SystemExit) as ended:
        start.main([])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert f"error: {said}\n  fix: " in error
    setup.codes = {}
    setup.ran.clear()
    assert start.main([]) == 0
    assert word in setup.kinds()


def test_start_names_the_command_for_another_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = SimpleNamespace(version_info=(3, 9, 1), stderr=sys.stderr, exit=sys.exit)
    monkeypatch.setattr(run, "sys", fake)
    with pytest.raises(SystemExit):
        start.main([])
    assert "fix: " in capsys.readouterr().err
    monkeypatch.setattr(run, "os", SimpleNamespace(name="nt"))
    assert run.wrong_python("{0} start.py") == (
        "this is Python 3.9, steadypose needs 3.10 to 3.14",
        "py -3.13 start.py",
    )


def test_make_demo_is_start() -> None:
    assert re.search(r"^demo:.*\n\t@\$\(PYTHON\) start\.py$", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.posix("signals to another process")
def test_ctrl_c_lets_the_run_close_its_files(tmp_path: Path) -> None:
    """Both hear it; start waits for the other's own end."""
    (tmp_path / "child.py").write_text(
        "import time, pathlib\ntry:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n"
        "    time.sleep(0.7)\n    pathlib.Path('closed').touch()\n"
    )
    words = [sys.executable, "child.py"]
    code = (
        f"import sys, start\nprint('on', flush=True)\nsys.exit(start._wait({words}, sys.argv[1]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0
    assert (tmp_path / "closed").exists()


def listed(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-"))}


@pytest.mark.posix("signals to another process")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_what_ends_start_alone_ends_the_run_too(tmp_path: Path, name: str) -> None:
    (tmp_path / "child.py").write_text(
        "import pathlib, signal, sys, time\n"
        "def end(number, _):\n    pathlib.Path('closed').write_text(str(number))\n    sys.exit(2)\n"
        f"signal.signal(signal.{name}, end)\nprint('on', flush=True)\ntime.sleep(30)\n"
    )
    words = [sys.executable, "child.py"]
    code = f"import sys, start\nsys.exit(start._wait({words}, sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 2
    assert (tmp_path / "closed").read_text() == str(int(getattr(signal, name)))


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
