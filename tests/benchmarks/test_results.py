"""Every committed result names the command that prints it, and that command exists."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from steadypose.realtime.model.places import ROOT

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
