"""What closes at the end of ``with``, also after an exception, and at the latest with Python."""

from __future__ import annotations

import atexit
import weakref
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self", bound="Closing")  # typing has one from Python 3.11 on
_open: weakref.WeakSet[Closing] = weakref.WeakSet()


class Closing(ABC):
    """Anything with ``close``, as a context manager."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. Safe to call twice."""

    def close_at_exit(self) -> None:
        """Close it before Python ends: a thread in native code would abort the process then."""
        _open.add(self)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@atexit.register
def _close_what_is_open() -> None:
    for each in list(_open):
        with suppress(Exception):
            each.close()
