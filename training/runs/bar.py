"""The progress bar of a run, where tqdm is installed and somebody looks."""

from __future__ import annotations

import sys
from typing import Any


def left(seconds: float) -> str:
    """A time as minutes and seconds, or with hours where it has any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


class Bar:
    """Shows steps; does nothing where it is silent.

    Args:
        title: Before it.
        steps: Of the whole.
        done: Of them before.
        is_silent: Nobody is to see it.
    """

    def __init__(self, title: str, *, steps: int, done: int, is_silent: bool) -> None:
        self._bar: Any = None
        if not is_silent:
            from tqdm import tqdm  # noqa: PLC0415 - where it is missing, runs are silent

            self._bar = tqdm(total=steps, initial=done, desc=title, unit="step")

    def step(self) -> None:
        """One more."""
        if self._bar is not None:
            self._bar.update()

    def say(self, text: str) -> None:
        """Put a text behind it."""
        if self._bar is not None:
            self._bar.set_postfix_str(text)

    def close(self) -> None:
        """End it."""
        if self._bar is not None:
            self._bar.close()


def has_bar() -> bool:
    """Whether a bar can be shown: a terminal, and tqdm."""
    if not sys.stderr.isatty():
        return False
    try:
        import tqdm  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True
