"""Helpers shared by all benchmarks: options, external inputs, tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.realtime.model.places import DEFAULT_MODEL
from training.measures import results


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", type=Path, help="also write the result to this file")
    return made


def add_model(made: argparse.ArgumentParser) -> None:
    """The option for a network of one's own, with whatever skeleton it has."""
    made.add_argument(
        "--model", type=Path, default=DEFAULT_MODEL, metavar="FILE",
        help="model file to measure (default: the one that ships)",
    )  # fmt: skip


def included(path: Path, option: str) -> Path:
    """Check an input that users must provide.

    Args:
        path: The input's path.
        option: The option that names it.

    Raises:
        UsageError: It does not exist.
    """
    if not path.exists():
        raise UsageError(
            f"{option} {path} does not exist; it is not included in the repository",
            fix="docs/measured.md#inputs says where each input comes from",
        )
    return path


def publish(text: str, output: Path | None) -> None:
    """Print a result with its command and machine, and write it to a file if requested."""
    print(results.publish(text, output))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def own_mib(kind: str = "VmRSS") -> float:
    """Memory of this process as Linux counts it, resident by default; 0 if unknown."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


def p50_p95(seconds: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    low, high = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return f"{low:.2f} / {high:.2f}"


def guarded(main: Callable[[], None]) -> None:
    """Run a benchmark; an expected error prints a sentence and exits with code 2."""
    try:
        main()
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
