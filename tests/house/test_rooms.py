"""Where things are: rooms, their sizes, and what their first page may do.

A new room or module is added to ``ROOMS`` on purpose, in the commit that brings it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT

PACKAGES = ("engines", "realtime", "export", "training", "benchmarks")
ROOMS = {
    "engines": "backends foreign skeletons wording",
    "engines/backends": "remote tensorrt",
    "realtime": "app command model record report smooth sources tracking",
    "realtime/command": "config options stopping",
    "realtime/record": "formats live",
    "realtime/record/live": "web",
    "realtime/record/live/web": "page",
    "realtime/sources": "capture video",
    "export": "checking models trt weights wrap",
    "export/weights": "download",
    "export/wrap": "output",
    "training": "configs datasets examples measures people runs",
    "training/examples": "resident",
    "training/people": "animal",
    "benchmarks": "accuracy gpu loop presence reading results smoothing",
    "benchmarks/loop": "compared live soak",
}
MOST_ENTRIES, MOST_MODULES, MOST_LINES = 12, 14, 300


def tracked() -> list[Path]:
    """Files of the packages, as git knows them or would."""
    asked = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGES)
    done = subprocess.run(["git", *asked], check=True, capture_output=True, cwd=ROOT)
    names = {Path(name) for name in done.stdout.decode().split("\0") if name}
    return sorted(name for name in names if (ROOT / name).is_file())


pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs git")


def entries(folder: Path) -> set[str]:
    """What stands in a folder, ``__init__`` apart."""
    inside = {p.relative_to(folder).parts[0] for p in tracked() if folder in p.parents}
    return inside - {"__init__.py"}


def test_every_room_is_one_that_was_decided_on() -> None:
    found: dict[str, set[str]] = {}
    for path in tracked():
        if len(path.parts) > 2:
            found.setdefault(str(path.parent.parent), set()).add(path.parent.name)
    assert {room: " ".join(sorted(inside)) for room, inside in found.items()} == ROOMS


def test_no_room_is_crowded() -> None:
    for folder in {path.parent for path in tracked()}:
        if folder.name in {"results", "configs"}:
            continue
        inside = entries(folder)
        if len(folder.parts) == 1:
            assert len(inside) <= MOST_ENTRIES, folder
        assert sum(name.endswith(".py") for name in inside) <= MOST_MODULES, folder


def test_every_module_is_of_readable_size() -> None:
    for path in tracked():
        if path.suffix == ".py":
            assert len((ROOT / path).read_text().splitlines()) <= MOST_LINES, path


def test_the_first_page_of_a_room_says_what_it_is_and_does_nothing() -> None:
    for path in tracked():
        if path.name == "__init__.py" and str(path.parent) != "training/datasets":
            body = ast.parse((ROOT / path).read_text()).body
            assert len(body) == 1, path
            assert ast.get_docstring(ast.Module(body, [])), path


def test_entering_every_room_loads_nothing_else() -> None:
    """Nobody who wants one module waits for its neighbours, or for OpenCV."""
    inside = ("engines", "realtime", "export")
    rooms = [
        ("steadypose." if path.parts[0] in inside else "") + ".".join(path.parent.parts)
        for path in tracked()
        if path.name == "__init__.py" and str(path.parent) != "training/datasets"
    ]
    code = (
        "import sys; before = set(sys.modules)\n"
        f"import {', '.join(rooms)}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "new -= {'steadypose', 'training', 'benchmarks'} | set(sys.stdlib_module_names)\n"
        "sys.exit(f'loaded: {new}' if new else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_an_import_line_names_the_package_as_it_is_installed() -> None:
    for path in (*tracked(), Path("run.py")):
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] not in {"engines", "realtime", "export"}, path
