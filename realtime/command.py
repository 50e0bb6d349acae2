"""How the tools for recordings end: with a result, or a sentence and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from engines.errors import SteadyposeError


def run_command(work: Callable[[], str]) -> int:
    """Do the work and print what it returns; returns the exit code.

    Args:
        work: Leaves nothing half-written when it is interrupted.
    """
    try:
        sys.stdout.write(f"{work()}\n")
    except SteadyposeError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted; nothing was written\n  fix: run it again\n")
        return 2
    return 0
