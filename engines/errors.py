"""Everything that can go wrong and is not a bug.

SteadyposeError
├── UsageError           a flag or value that cannot work
├── ShapeError           an array that does not fit the model
├── ModelFileError       a file that is not a model file of ours, or is damaged
├── EngineError          a backend failed
│   ├── EngineUnavailableError   a backend cannot run on this machine
│   └── UntrustedEngineError     an engine that somebody else built
├── SourceError          a camera, video or folder that cannot be read
├── RecordError          a file that cannot be written or read
│   └── NobodyError          a recording without people
└── DisplayError         a screen that is gone
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from steadypose.engines.wording.printable import visible

_Kind = TypeVar("_Kind", bound="SteadyposeError")


class SteadyposeError(Exception):
    """Base of all expected failures; the CLI prints it and exits 2.

    Args:
        what: The fact, with the offending value in it.
        fix: What the user can do now. Never empty. Words of the user's in a command are
            ``printable.quoted``.

    Both are kept as one visible line each, whatever is in a name.
    """

    def __init__(self, what: str, *, fix: str) -> None:
        self.what = visible(what)
        self.fix = visible(fix)
        super().__init__(f"{self.what}\n  fix: {self.fix}")

    def say_as(self, words: Callable[[str], str]) -> None:
        """Say both sentences in other words, for whoever else is told."""
        SteadyposeError.__init__(self, words(self.what), fix=words(self.fix))

    def fresh(self: _Kind) -> _Kind:
        """Its like, to raise what is kept: an error that was raised holds the frames it passed."""
        return type(self)(self.what, fix=self.fix)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep both sentences when the error crosses a process border."""
        return _rebuild, (type(self), self.what, self.fix)


def _rebuild(kind: type[SteadyposeError], what: str, fix: str) -> SteadyposeError:
    return kind(what, fix=fix)


class UsageError(SteadyposeError):
    """A flag or a value that cannot work."""


class ShapeError(SteadyposeError):
    """An array whose shape or dtype does not fit."""


class ModelFileError(SteadyposeError):
    """A file that is not a steadypose model file, or is damaged."""


class EngineError(SteadyposeError):
    """A backend failed, or the engine is closed."""


class EngineUnavailableError(EngineError):
    """A backend cannot run on this machine."""


class UntrustedEngineError(EngineError):
    """An engine that was not built by this user on this machine."""


class SourceError(SteadyposeError):
    """A camera, video, folder or URL that cannot be read."""


class RecordError(SteadyposeError):
    """A recording that cannot be written, or not be read back."""


class NobodyError(RecordError):
    """A recording in which nobody was seen."""


class DisplayError(SteadyposeError):
    """A window that cannot be shown any more, with nothing else to do."""
