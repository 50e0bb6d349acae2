"""What aiohttp logs: bugs of ours are shown, what strangers send is no news for the terminal."""

from __future__ import annotations

import logging
import traceback

from aiohttp.http_exceptions import HttpProcessingError

from steadypose.engines.wording.telling import tell

_OF_VISITORS = (HttpProcessingError, OSError)  # OSError: also of files, which are not ours alone


def make_log() -> logging.Logger:
    """A log of its own for each server: a bug of each kind is shown once, with its traceback."""
    log = logging.Logger("steadypose.page", logging.ERROR)
    log.addHandler(_Bugs())
    return log


class _Bugs(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._shown: set[type[BaseException]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or isinstance(error, _OF_VISITORS):
            return
        if type(error) not in self._shown:
            self._shown.add(type(error))
            said = "".join(traceback.format_exception(error)).rstrip()
            tell(["the page has failed for somebody who watches:", *said.split("\n")])
