"""What the app says on the terminal: the bar of a file, results, and what went wrong."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.wording import telling
from steadypose.engines.wording.advice import said


def progress_printer(total: int | None) -> Callable[[int], None] | None:
    """What draws the bar of a file, called with the frames done; None where nobody watches."""
    if not telling.is_watched():
        return None
    begin_s = time.perf_counter()

    def show(done: int) -> None:
        rate = done / max(1e-9, time.perf_counter() - begin_s)
        if total:
            share = min(1.0, done / total)
            bar = ("#" * round(30 * share)).ljust(30, ".")
            left_s = (total - done) / max(1e-9, rate)
            text = f"[{bar}] {done}/{total} frames, {rate:.0f} fps, {left_s:.0f} s left"
        else:
            text = f"{done} frames, {rate:.0f} fps"
        telling.tell_raw(f"\r{text:<78}")

    return show


def clear() -> None:
    """Remove the progress bar, where one is drawn."""
    if telling.is_watched():
        telling.tell_raw(f"\r{'':<78}\r")


def answer(lines: Sequence[str]) -> int:
    """Write what was asked for; returns the exit code."""
    problem = telling.tell(lines, to_error=False)
    if problem is None or problem.errno == errno.EPIPE:  # `| head` has seen enough
        return 0
    say(
        f"error: cannot write to the standard output: {problem.strerror}",
        "  fix: let it lead to a terminal, or to a disk with space",
    )
    return 2


def say(*lines: str) -> None:
    """Tell something while a run works."""
    clear()
    telling.tell(lines)


def report(error: SteadyposeError | KeyboardInterrupt) -> int:
    """Say what went wrong; returns the exit code."""
    if isinstance(error, SteadyposeError):
        say(*said(error.what, error.fix))
    else:
        say(
            f"error: interrupted ({str(error) or 'SIGINT'}); everything recorded so far is saved",
            "  fix: --max-frames ends a run without this message, and so does q in its window",
        )
    return 2
