"""How the commands of this folder end: with a result, or a sentence and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from engines.errors import SteadyposeError


def run_command(work: Callable[[], str]) -> int:
    """Do the work and print what it returns; returns the exit code."""
    try:
        print(work())  # noqa: T201
    except SteadyposeError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0
