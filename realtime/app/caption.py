"""Text drawn over the frame: figures at a readable rate, and temporary messages."""

from __future__ import annotations

import time
from dataclasses import dataclass

from steadypose.engines.wording.printable import visible
from steadypose.realtime.app.clock import Clock

CAPTION_EVERY_S = 0.25
"""How often the figures change; in every frame they would be unreadable."""

_MESSAGE_S = 1.5


@dataclass(slots=True)
class Caption:
    """The lines in the corner and the message at the bottom."""

    _lines: tuple[str, ...] = ()
    _made_s: float | None = None
    _frames: int = 0
    _message: str | None = None
    _until_s: float = 0.0

    @property
    def message(self) -> str | None:
        """The last message while it is fresh, else None."""
        return self._message if time.perf_counter() < self._until_s else None

    def say(self, message: str) -> None:
        """Show a message for a moment."""
        self._message = visible(message)
        self._until_s = time.perf_counter() + _MESSAGE_S

    def renew(self) -> None:
        """Refresh the lines for the next frame shown."""
        self._lines = ()

    def lines(
        self, clock: Clock, *, age_ms: float, dropped: int, label: str, is_smooth: bool
    ) -> tuple[str, ...]:
        """Rate, age and backend; unchanged for a quarter of a second.

        Args:
            clock: Times of the run.
            age_ms: Time since the frame was taken.
            dropped: Frames the source dropped.
            label: Backend and device of the engine.
            is_smooth: Whether positions are filtered.
        """
        now_s = time.perf_counter()
        if not self._lines or self._made_s is None or now_s - self._made_s > CAPTION_EVERY_S:
            elapsed_s = 0.0 if self._made_s is None else now_s - self._made_s
            fps = (clock.frames - self._frames) / elapsed_s if elapsed_s > 0 else 0.0
            self._made_s, self._frames = now_s, clock.frames
            rate = f"{fps:.0f} fps  {clock.recent('engine'):.1f} ms inference"
            self._lines = (
                rate if clock.frames else "starting",
                f"{age_ms:.0f} ms old  {dropped} dropped",
                visible(label),
                *(() if is_smooth else ("smoothing off",)),
            )
        return self._lines
