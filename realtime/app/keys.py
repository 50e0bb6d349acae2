"""The keys of the window: which there are, what the help says of them, what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Controls(Protocol):
    """What keys can do to a run."""

    def quit(self) -> None:
        """End after the frame in flight."""

    def pause(self) -> None:
        """Stop fetching frames, or go on."""

    def record(self) -> None:
        """Switch recording on or off."""

    def snapshot(self) -> None:
        """Save the picture shown last."""

    def mirror(self) -> None:
        """Mirror the window, or no more."""

    def smooth(self) -> None:
        """Switch between filtered and raw keypoints."""

    def show_help(self) -> None:
        """Show or hide the list of keys."""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the help.

    Attributes:
        names: As ``Display.pressed`` gives them.
        label: As the help names them.
        text: What they do.
        act: Does it.
    """

    names: tuple[str, ...]
    label: str
    text: str
    act: Callable[[Controls], None]


KEYS = (
    Key(("q", "escape", "close"), "q, Esc", "quit", lambda run: run.quit()),
    Key((" ",), "space", "pause", lambda run: run.pause()),
    Key(("r",), "r", "record on / off", lambda run: run.record()),
    Key(("s",), "s", "snapshot", lambda run: run.snapshot()),
    Key(("m",), "m", "mirror the picture", lambda run: run.mirror()),
    Key(("k",), "k", "smoothing on / off", lambda run: run.smooth()),
    Key(("h",), "h", "this help", lambda run: run.show_help()),
)
_BY_NAME = {name: key for key in KEYS for name in key.names}


def find_key(name: str) -> Key | None:
    """What a pressed key means; None for one without a meaning."""
    return _BY_NAME.get(name)
