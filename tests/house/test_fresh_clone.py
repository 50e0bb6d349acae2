"""What a newcomer does first: clone, `make test`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT
from tests.support.optional import OPTIONAL, OptionalPackage, main

_HIDING = """
from functools import partial
from importlib.machinery import PathFinder

def found(find, name, *rest):
    return None if name in {names!r} else find(name, *rest)

PathFinder.find_spec = partial(found, PathFinder.find_spec)
"""


def _clone(to: Path) -> None:
    """The checkout as it would be committed now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


@pytest.mark.slow
@pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("make"), reason="needs git and make"
)
def test_make_test_starts_where_only_the_dev_requirements_are_installed(tmp_path: Path) -> None:
    """Every test is collected and the last lines say what is left out, without torch and the like.

    The packages are hidden, not uninstalled; that the tests pass too is what .ci/run finds out
    in a true clone.
    """
    clone, hidden = tmp_path / "steadypose", tmp_path / "hidden"
    _clone(clone)
    hidden.mkdir()
    names = {optional.package for optional in OPTIONAL}
    (hidden / "sitecustomize.py").write_text(_HIDING.format(names=names))
    done = subprocess.run(
        ["make", "-o", "lint", "-o", "setup-dev", "test", f"PY={sys.executable}"],
        check=False,
        capture_output=True,
        text=True,
        cwd=clone,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "COV", "POSE_"))},
            "PYTHONPATH": str(hidden),
            "PYTEST_ADDOPTS": "--collect-only -q --cov-fail-under=0",
        },
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    last = done.stdout.splitlines()[-len(OPTIONAL) :]
    assert [line.split(":")[0] for line in last] == ["left out"] * len(OPTIONAL), last


def test_nothing_is_left_out_in_silence() -> None:
    """A package that some test skips without has its sentence."""
    known = {optional.package for optional in OPTIONAL}
    # Installed with the app or the dev requirements wherever there is a build of them.
    known |= {"openvino", "onnxruntime", "scipy", "resource", "fcntl", "tf2onnx"}
    known |= {"pytest_cov", "pytest_timeout", "setuptools", "onnx", "pyarrow", "mypy"}
    wanted = {
        line.split('importorskip("')[1].split('"')[0].partition(".")[0]
        for path in (ROOT / "tests").rglob("test_*.py")
        for line in path.read_text().splitlines()
        if 'importorskip("' in line and path != Path(__file__)
    }
    assert wanted <= known
    assert "torch" in wanted


@pytest.mark.parametrize("optional", OPTIONAL, ids=lambda optional: optional.package)
def test_what_is_left_out_is_said_in_one_line(optional: OptionalPackage) -> None:
    """The end of `make test` counts a line for each."""
    assert optional.sentence.splitlines() == [optional.sentence]
    assert optional.sentence.startswith("left out: ")
    assert optional.package in optional.sentence
    assert optional.sentence.endswith(optional.fix)
    assert optional.fix


def test_each_missing_package_is_printed_in_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(OptionalPackage, "is_missing", property(lambda _: True))
    main()
    assert capsys.readouterr().out.splitlines() == [o.sentence for o in OPTIONAL]
