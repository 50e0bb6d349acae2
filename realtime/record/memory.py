"""Give memory that is free back to the system, where the C library keeps it."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def free_pages() -> None:
    """Give back what a finished file's encoder held; nothing where the C library is not glibc.

    It would keep that, in pieces into which the encoder of the next file does not fit: each file
    of a long recording would cost more than the last. The time it takes grows with what is free,
    and whoever allocates may wait that long: called where a file ends, on the thread that wrote it.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
