"""The tests themselves on Windows: they can be collected, and say what they leave out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module

import pytest

from steadypose.realtime.model.places import ROOT
from tests.support import systems


def without_posix(*words: str) -> subprocess.CompletedProcess[str]:
    plugin = ("-p", "tests.support.without_posix", "-p", "no:cacheprovider", "-q")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("COV", "POSE_", "PYTEST_"))},
    )


@pytest.mark.slow
def test_all_tests_can_be_collected_without_the_names_that_windows_lacks() -> None:
    done = without_posix("--collect-only")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " error" not in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_what_needs_posix_is_left_out_there_with_its_reason() -> None:
    done = without_posix("tests/engines/test_file_io.py", "-rs")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "not on this system: modes and links" in done.stdout
    assert " passed" not in done.stdout.splitlines()[-1]


@pytest.mark.skipif(not systems.IS_POSIX, reason="nothing to take away")
def test_the_names_are_there_here() -> None:
    """The plugin takes away what would otherwise be found."""
    import_module("fcntl")
    assert systems.is_root() == (os.geteuid() == 0)
    assert hasattr(os, "mkfifo")


def test_ci_runs_every_python_and_system_with_pinned_actions() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    pairs = re.findall(r"os: (\w+)-[\w-]+, version: \"([\d.]+)\"", text)
    assert {system for system, _ in pairs} == {"ubuntu", "windows", "macos"}
    assert {version for _, version in pairs} == {f"3.{minor}" for minor in range(10, 15)}
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in uses)
    assert "shell: bash" not in text  # its steps are what people type there
