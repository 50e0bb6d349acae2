"""Files moved to where another program may have one open, which Windows does not allow.

A virus scanner, an indexer or a synchronised folder lets go after a moment; a spreadsheet does not.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from steadypose.engines.foreign.files import is_there

_TRIED_S = 2.0
_PAUSE_S = 0.05
_OPEN_ELSEWHERE = (5, 32, 33)  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION


class OpenElsewhereError(PermissionError):
    """Another program has a file open, and keeps it.

    Attributes:
        kept: Where the new content lies instead.
    """

    def __init__(self, path: Path, kept: Path) -> None:
        reason = f"it is open in another program; what was to be written is in {kept}"
        super().__init__(errno.EACCES, reason, str(path))
        self.kept = kept


def move(fresh: Path, target: Path) -> None:
    """Put a file or an empty folder's successor in the place of another, as soon as that is free.

    Raises:
        OSError: It stays where it is; after two seconds, where a program keeps the other open.
    """
    patiently(lambda: fresh.replace(target))


def patiently(work: Callable[[], object]) -> None:
    """Do something to a file, for two seconds again and again while a program has it open.

    Raises:
        OSError: It cannot be done.
    """
    end_s = time.monotonic() + _TRIED_S
    while True:
        try:
            work()
        except OSError as error:
            if not is_open_elsewhere(error) or time.monotonic() > end_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def is_open_elsewhere(error: OSError) -> bool:
    """Whether Windows refuses because another program has the file open, as far as it tells."""
    return getattr(error, "winerror", None) in _OPEN_ELSEWHERE


def kept_beside(fresh: Path, target: Path) -> OpenElsewhereError:
    """Keep what cannot be moved, under a name that a person finds and its suffix still opens.

    Args:
        fresh: What was written.
        target: Where it was to lie.
    """
    stem, suffix = os.path.splitext(target.name)  # noqa: PTH122 - out.meta.json keeps its middle
    names = (f"{stem}.kept{number or ''}{suffix}" for number in range(100))
    kept = next((p for name in names if not is_there(p := target.with_name(name))), fresh)
    try:
        fresh.replace(kept)
    except OSError:
        kept = fresh
    return OpenElsewhereError(target, kept)
