"""What the layout promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.readme import PAGES
from steadypose.realtime.command.options import build_parser
from steadypose.realtime.model.places import ROOT


@pytest.mark.parametrize(
    "forbidden",
    ["torch", "tensorrt", "pycuda", "export", "training", "scipy", "onnxruntime", "pyarrow"],
)
def test_starting_the_app_does_not_load(forbidden: str) -> None:
    code = f"import sys, steadypose.realtime.cli; sys.exit({forbidden!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert done.returncode == 0


def test_the_readme_knows_every_option_and_no_other() -> None:
    text = (ROOT / "README.md").read_text()
    documented = set(re.findall(r"`(--[a-z-]+)", text))
    options = {o for action in build_parser()._actions for o in action.option_strings}
    options = {o for o in options if o.startswith("--")}
    assert options - {"--help"} <= documented
    # Of other programs in the README.
    foreign = {
        "--help",
        "--weights",
        "--order",
        "--height",
        "--to",
        "--person",
        "--open",
        "--output",
    }
    assert documented <= options | foreign


def test_every_module_is_of_readable_size() -> None:
    for folder in ("engines", "realtime", "export", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 320, path


def test_only_the_cli_prints() -> None:
    for path in (*(ROOT / "realtime").rglob("*.py"), *(ROOT / "engines").rglob("*.py")):
        if path.name != "cli.py":
            assert not re.search(r"^\s*print\(", path.read_text(), re.MULTILINE), path


def test_every_table_in_the_documents_is_a_result() -> None:
    """Nobody typed a figure: what stands between markers is the file that a script wrote."""
    mark = re.compile(r"<!-- result: ([\w.]+) -->\n(.*?)<!-- end -->", re.DOTALL)
    shown = [found for page in PAGES for found in mark.findall(page.read_text())]
    assert len(shown) >= 10
    for name, text in shown:
        result = (ROOT / "benchmarks" / "results" / name).read_text()
        assert text.strip() == result.strip(), name
