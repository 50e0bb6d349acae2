"""The window's keys: names, help text and actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Controls(Protocol):
    """The actions that keys can trigger."""

    def quit(self) -> None:
        """End after the frame in flight."""

    def pause(self) -> None:
        """Pause or resume fetching frames."""

    def record(self) -> None:
        """Switch recording on or off."""

    def snapshot(self) -> None:
        """Save the frame shown last."""

    def mirror(self) -> None:
        """Switch mirroring of the window on or off."""

    def smooth(self) -> None:
        """Switch between filtered and raw keypoints."""

    def show_help(self) -> None:
        """Show or hide the list of keys."""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the help.

    Attributes:
        names: As ``Display.pressed`` returns them.
        label: Name in the help.
        text: Description in the help.
        act: The action.
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
    """Find the meaning of a pressed key; None if it has none."""
    return _BY_NAME.get(name)
