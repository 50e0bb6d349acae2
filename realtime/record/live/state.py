"""What a run says of itself beside poses, and what somebody who watches it may press."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from steadypose.realtime.sources.browser import Inlet

BUTTONS = {"pause": " ", "record": "r", "snapshot": "s", "mirror": "m", "smooth": "k"}
"""What may be pressed from afar, with the key of the window that does the same."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run at some moment.

    Attributes:
        lines: Figures, as the window shows them.
        alert: What is wrong with the source, if anything is.
        message: The answer to a key, for a moment.
        is_recording: Whether files grow.
        is_paused: Whether no frames are fetched.
        is_smooth: Whether positions are filtered.
        is_mirrored: Whether the picture is shown as a mirror does.
        files: Every file that this run has written so far.
    """

    lines: tuple[str, ...] = ()
    alert: str | None = None
    message: str | None = None
    is_recording: bool = False
    is_paused: bool = False
    is_smooth: bool = True
    is_mirrored: bool = False
    files: tuple[Path, ...] = ()


class Page(Protocol):
    """Somewhere else, where the run is shown and has buttons; all calls return soon."""

    @property
    def url(self) -> str:
        """What is opened in a browser, with its secret."""
        ...

    @property
    def inlet(self) -> Inlet | None:
        """Where the pictures of the browser's camera come out, if the run reads them."""
        ...

    def tell(self, state: RunState) -> None:
        """Show this state from now on."""
        ...

    def pressed(self) -> list[str]:
        """Keys, as the window names them, of the buttons pressed since the last call."""
        ...

    def close(self) -> None:
        """Tell those who watch that it is over. Safe to call twice."""
        ...
