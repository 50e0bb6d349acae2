"""Every committed result names the command that prints it, and that command exists."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT
from training.measures import results

# The table of a visit to a GPU begins with whether it was one.
RESULTS = sorted(
    path for path in (ROOT / "benchmarks" / "results").glob("*.md") if path.stem != "gpu"
)


def test_there_are_results() -> None:
    assert len(RESULTS) > 15


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_names_a_command_that_parses(path: Path) -> None:
    first = path.read_text().splitlines()[0].strip()
    found = re.fullmatch(r"`python -m ([\w.]+) ?(.*)`", first)
    assert found, first
    needed = {"training.evaluate": "torch", "training.calibrate": "torch"}
    if found[1].startswith(("training", "benchmarks.accuracy", "benchmarks.loop.networks")):
        pytest.importorskip(needed.get(found[1], "torch"))
    name = found[1]
    if (ROOT / name.replace(".", "/")).is_dir():
        name += ".__main__"
    arguments = importlib.import_module(name).build_parser().parse_args(shlex.split(found[2]))
    assert arguments.output == Path("benchmarks/results") / path.name.replace("_summary", "")


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_result_is_dirty_only_where_code_that_computes_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=tmp_path, check=True
        )

    files = ("engines/a.py", "docs/a.md", "benchmarks/results/a.md")
    for name in files:
        write(name, "a")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Begin")
    monkeypatch.setattr(results, "ROOT", tmp_path)
    clean = results.commit()
    for name in ("docs/a.md", "benchmarks/results/a.md", "benchmarks/results/new.md"):
        write(name, "b")
    assert results.commit() == clean
    write("engines/a.py", "b")
    assert results.commit() == f"{clean}-dirty"
