"""Check types and import rules on a copy laid out like an installation.

    python -m tests.support.lint

mypy and import-linter look for ``steadypose.realtime`` in ``steadypose/``; in the repository the
folder lies beside it (docs/decisions/0002-packaging.md). So they read a copy laid out as installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from steadypose.realtime.model.places import ROOT

INSIDE = ("engines", "realtime", "export")
BESIDE = ("training", "benchmarks", "tests")
_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lay_out(copy: Path) -> None:
    """Copy all packages to their places in an installation.

    Args:
        copy: An empty folder.
    """
    no_code = shutil.ignore_patterns("__pycache__", "built", "cache", "results", "data")
    shutil.copytree(ROOT / "steadypose", copy / "steadypose", ignore=no_code)
    for name in INSIDE:
        shutil.copytree(ROOT / name, copy / "steadypose" / name, ignore=no_code)
    for name in BESIDE:
        shutil.copytree(ROOT / name, copy / name, ignore=no_code)
    for name in ("run.py", "start.py"):
        shutil.copy2(ROOT / name, copy)


def main() -> int:
    """Check; prints errors with the original paths, and returns the exit code."""
    settings, cache = ROOT / "pyproject.toml", ROOT / ".mypy_cache"
    checks = (
        ("-m", "mypy", f"--config-file={settings}", f"--cache-dir={cache}"),
        ("-c", _IMPORTS, "--no-cache", str(settings)),
    )
    code = 0
    with tempfile.TemporaryDirectory() as name:
        lay_out(Path(name))
        for check in checks:
            done = subprocess.run(
                [sys.executable, *check], cwd=name, check=False, capture_output=True, text=True
            )
            if done.returncode:
                output = done.stdout + done.stderr
                print(re.sub(r"^steadypose/(\w+/)", r"\1", output, flags=re.MULTILINE))
            code = code or done.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
