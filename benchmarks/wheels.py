"""Which wheels there are for whom: what ``pip install`` would do on other systems.

Each cell is a run of ``pip install --dry-run --only-binary=:all:`` for that system and Python.

    python -m benchmarks.wheels [--output benchmarks/results/wheels.md]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.common import guarded, parser, publish, table
from steadypose.realtime.model.places import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
FILES = ("requirements.txt", "requirements-onnxruntime.txt", "requirements-record.txt")


@dataclass(frozen=True, slots=True)
class System:
    """A system that wheels are looked for.

    Attributes:
        name: For people.
        tag: Of its wheels.
        sys_platform: As Python there says.
        machine: As ``platform.machine`` there says.
    """

    name: str
    tag: str
    sys_platform: str
    machine: str


SYSTEMS = (
    System("Windows", "win_amd64", "win32", "AMD64"),
    System("Windows on ARM", "win_arm64", "win32", "ARM64"),
    System("macOS 14, Apple silicon", "macosx_14_0_arm64", "darwin", "arm64"),
    System("macOS 13, Intel", "macosx_13_0_x86_64", "darwin", "x86_64"),
)


def wanted(file: Path, system: System, python: str) -> Iterator[str]:
    """The requirements of a file that hold for a system; pip looks at markers of its own only."""
    environment = {
        "sys_platform": system.sys_platform,
        "platform_machine": system.machine,
        "platform_system": {"win32": "Windows", "darwin": "Darwin"}[system.sys_platform],
        "python_version": python,
        "python_full_version": f"{python}.0",
        "os_name": "nt" if system.sys_platform == "win32" else "posix",
        "extra": "",
    }
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(("#", "-")):
            found = Requirement(line)
            if found.marker is None or found.marker.evaluate(environment):
                yield f"{found.name}{found.specifier}"


def resolves(words: list[str], system: System, python: str) -> bool:
    """Whether pip finds wheels for requirements and all that they require."""
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"),
                *("--dry-run", "--only-binary=:all:", "--target", nowhere),
                *("--platform", system.tag, "--python-version", python, *words),
            ],
            check=False,
            capture_output=True,
        )
    return done.returncode == 0


def cell(file: str, system: System, python: str) -> str:
    """``yes``, or what is missing."""
    words = list(wanted(ROOT / file, system, python))
    if resolves(words, system, python):
        has_backend = any(word.startswith(("openvino", "onnxruntime")) for word in words)
        return "yes" if has_backend or file == "requirements-record.txt" else "no backend"
    missing = [word for word in words if not resolves(["--no-deps", word], system, python)]
    return "no " + ", ".join(Requirement(word).name for word in missing or words)


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    return parser(__doc__)


def main() -> None:
    """Print a table for each file."""
    arguments = build_parser().parse_args()
    places = [(file, system, python) for file in FILES for system in SYSTEMS for python in PYTHONS]
    with ThreadPoolExecutor(2) as pool:
        cells = iter(list(pool.map(cell, *zip(*places, strict=True))))
    parts = []
    for file in FILES:
        rows = [[system.name, *(next(cells) for _ in PYTHONS)] for system in SYSTEMS]
        parts.append(f"`{file}`:\n\n" + table(["", *PYTHONS], rows))
    publish("\n\n".join(parts), arguments.output)


if __name__ == "__main__":
    guarded(main)
