"""Messages on their way out: one that cannot be written never ends what was being done."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from steadypose.engines.wording.printable import visible_lines


def open_closed_streams() -> None:
    """Let streams that the caller has closed lead nowhere, before anything else is opened.

    The next file would get their number, and a message to the stream would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


_reserved: list[int] = []


def reserve_output() -> int:
    """Keep the standard output for data; messages to it go to the standard error output.

    Returns:
        The descriptor to write the data to, the same each time.
    """
    if not _reserved:
        flush()
        _reserved.append(os.dup(1))
        os.dup2(2, 1)
    return _reserved[0]


def tell(lines: str | Sequence[str], *, to_error: bool = True) -> OSError | None:
    """Write lines for people, as far as somebody listens.

    Args:
        lines: A line, or several; what is hidden in them is shown.
        to_error: To the standard error output, otherwise to the standard output.

    Returns:
        Why they could not be written, for whom the lines are the result.
    """
    return _put(f"{visible_lines(lines)}\n", sys.stderr if to_error else sys.stdout)


def tell_raw(text: str, *, to_error: bool = True) -> None:
    """``tell`` with a text that moves the cursor, or has its own line ends."""
    _put(text, sys.stderr if to_error else sys.stdout)


def is_watched() -> bool:
    """Whether the standard error output is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def flush() -> None:
    """Write what waits; what nobody takes is given up, so that Python's own end succeeds."""
    for stream in (sys.stdout, sys.stderr):
        _put("", stream)


def _put(text: str, stream: TextIO | None) -> OSError | None:
    if stream is None:  # a program without a console
        return OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # of another language's code page
            coding = stream.encoding or "ascii"
            stream.write(text.encode(coding, "backslashreplace").decode(coding))
        stream.flush()
    except OSError as error:
        if error.errno != errno.EAGAIN:  # slow is not gone
            _give_up(stream)
        return error
    except ValueError:  # it is closed
        return OSError(errno.EBADF, os.strerror(errno.EBADF))
    return None


def _give_up(stream: TextIO) -> None:
    """Let a stream lead nowhere from now on, and what waits in it as well."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
