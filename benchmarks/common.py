"""What all benchmarks share: the machine line, tables, and the development videos."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from steadypose.engines.errors import SteadyposeError
from steadypose.realtime.command.machine import machine
from steadypose.realtime.model.places import ROOT

VIDEOS = ROOT.parent / "shared" / "data" / "videos"


# What computes: a changed document or an earlier result of the same sitting makes no other figures.
_COMPUTES = ("engines", "realtime", "export", "training", "benchmarks", "models/*.onnx", "run.py")
_RESULTS = ":!benchmarks/results"


def provenance() -> str:
    """Machine, commit and date of a run; ``-dirty`` where code that computes was changed."""
    return f"machine: {machine()} / commit {commit()} / {date.today()}"


def commit() -> str:
    """The commit that runs."""

    def ask(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        return done.stdout.strip()

    changed = ask("status", "--porcelain", "--", *_COMPUTES, _RESULTS)
    return (ask("describe", "--always") or "unknown") + ("-dirty" if changed else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def p50_p95(seconds: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    low, high = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return f"{low:.2f} / {high:.2f}"


def publish(text: str, output: Path | None) -> None:
    """Print a result, and write it where asked."""
    print(text)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n")


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--output", type=Path, help="also write the result to this file")
    return made


def guarded(main: Callable[[], None]) -> None:
    """Run a benchmark; a mistake is a sentence and exit code 2."""
    try:
        main()
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
