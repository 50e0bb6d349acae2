"""What the layout promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from realtime.arguments import build_parser
from realtime.settings import ROOT


@pytest.mark.parametrize(
    "forbidden",
    ["torch", "tensorrt", "pycuda", "export", "training", "scipy", "onnxruntime", "pyarrow"],
)
def test_starting_the_app_does_not_load(forbidden: str) -> None:
    code = f"import sys, realtime.cli; sys.exit({forbidden!r} in sys.modules)"
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
            assert len(path.read_text().splitlines()) <= 380, path


def test_only_the_cli_prints() -> None:
    for path in (*(ROOT / "realtime").rglob("*.py"), *(ROOT / "engines").rglob("*.py")):
        if path.name not in {"cli.py", "convert.py", "resmooth.py"}:
            assert not re.search(r"^\s*print\(", path.read_text(), re.MULTILINE), path
