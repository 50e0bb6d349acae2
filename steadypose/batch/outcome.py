"""What became of a clip, and who works on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from steadypose.batch.order import Clip

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


class Beat(Enum):
    """What a worker says while it works on a clip."""

    READS = "a frame is waited for, and comes soon"
    WORKS = "something takes as long as it takes"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip.

    Attributes:
        clip: Which.
        state: ``DONE``, ``SKIPPED`` (it was finished before) or ``FAILED``.
        frames: How many were recorded now.
        what: Why it failed, a sentence.
        fix: What can be done.
        notes: What was odd without being a fault.
        engine_notes: What was said of the worker's engine since its last outcome.
        is_last: The worker has lost its engine, and is to be replaced.
    """

    clip: Clip
    state: str
    frames: int = 0
    what: str = ""
    fix: str = ""
    notes: tuple[str, ...] = ()
    engine_notes: tuple[str, ...] = ()
    is_last: bool = False


class Crew(Protocol):
    """Workers, each with an engine of its own and one clip at a time."""

    @property
    def label(self) -> str:
        """How many they are and what they compute on, for people."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether one of them waits for a clip."""
        ...

    def give(self, clip: Clip) -> None:
        """Hand a clip to one that waits.

        Raises:
            SteadyposeError: It cannot begin its work.
        """
        ...

    def take(self, timeout_s: float) -> list[Outcome]:
        """What became of clips since the last call; waits until there is something.

        Raises:
            SteadyposeError: A worker cannot begin its work.
        """
        ...

    def close(self) -> None:
        """End all of them at once. Safe to call twice."""
        ...
