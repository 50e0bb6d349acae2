"""What all benchmarks share: options, inputs that are not included, tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steadypose.engines.errors import SteadyposeError, UsageError
from training.measures import results


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", type=Path, help="also write the result to this file")
    return made


def included(path: Path, option: str) -> Path:
    """An input that people bring themselves.

    Args:
        path: What was given.
        option: The option it was given with.

    Raises:
        UsageError: It is not there.
    """
    if not path.exists():
        raise UsageError(
            f"{option} {path} does not exist; it is not included in the repository",
            fix="docs/measured.md#inputs says where each input comes from",
        )
    return path


def publish(text: str, output: Path | None) -> None:
    """Print a result under its command and the machine, and write it where asked."""
    print(results.publish(text, output))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def p50_p95(seconds: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    low, high = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return f"{low:.2f} / {high:.2f}"


def guarded(main: Callable[[], None]) -> None:
    """Run a benchmark; a mistake is a sentence and exit code 2."""
    try:
        main()
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
