"""Tell once that a live source is lost, and once that it is back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from steadypose.realtime.sources.base import Source


@dataclass(slots=True)
class Trouble:
    """What was told of a source.

    Attributes:
        label: Of the source when it was lost or came back last.
        has_told: It is lost, and that was said.
    """

    label: str | None = None
    has_told: bool = False

    def report(self, source: Source, say: Callable[[str], object]) -> None:
        """Say what has changed since the last call."""
        trouble = source.trouble
        if bool(trouble) != self.has_told:
            changed = f": {source.label}" if source.label != self.label else ""
            say(trouble or f"the camera is back{changed}")
            self.label, self.has_told = source.label, bool(trouble)
