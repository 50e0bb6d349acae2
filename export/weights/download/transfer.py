"""One file over HTTP: resumed, retried, and never mistaken for a log-in page.

What arrives is appended to a part file; it is complete when ``transfer`` returns, but
nobody has looked at its content yet. Source of the rules: RFC 9110, sections 14 (ranges)
and 15.5 (status codes).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from steadypose.engines.errors import RecordError, SourceError
from steadypose.export.weights.download.progress import Progress
from steadypose.export.weights.download.web import (
    HELP,
    BrokenError,
    RangeError,
    from_wire,
    network_errors,
    open_session,
)

_CHUNK = 256 * 1024
_HEAD = 512  # bytes that tell a web page
_STEP = 1024 * 1024  # bytes that count as progress, after which failures are forgiven
_MOST = 4 * 1024**3  # no published file comes near it
_SPACE = "free space, or choose another folder with --cache or STEADYPOSE_CACHE"
_COUNT = "[0-9]{1,18}"  # int() raises for thousands of digits
_PAGE = re.compile(rb"\s*(<!doctype html|<html|<head|<script)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patience:
    """When to give up.

    Attributes:
        timeout_s: Longest silence of a server.
        retries: New attempts after failures in a row; a MiB of progress starts the count
            again.
        pause_s: Before the first retry; doubled each time.
        longest_pause_s: No pause is longer, whatever the server asks for.
    """

    timeout_s: float = 20.0
    retries: int = 4
    pause_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(slots=True)
class _Tally:
    """Failures in a row.

    Attributes:
        furthest: Longest the part has been since it was last begun, bytes.
        restarts: How many more times ``furthest`` may fall. The limit ends a download from a
            server that sends the same beginning for ever.
        failures: Since the last MiB of progress.
    """

    furthest: int
    restarts: int
    failures: int = 0

    def begin_again(self) -> None:
        """The part was dropped: what comes now is progress, though it was there before."""
        if self.restarts > 0:
            self.restarts -= 1
            self.furthest = 0

    def fail(self, reached: int) -> int:
        """One more failure, with so many bytes there; returns how many are in a row."""
        self.failures = 1 if reached >= self.furthest + _STEP else self.failures + 1
        self.furthest = max(self.furthest, reached)
        return self.failures


def transfer(url: str, part: Path, *, progress: Progress, patience: Patience) -> None:
    """Bring a part file to the full length of what lies at a URL.

    Args:
        url: http or https; redirects are followed.
        part: Grows; what is there already is not asked for again. Its folder exists. After
            an error it stays, to be resumed.
        progress: Is told.
        patience: When to give up.

    Raises:
        SourceError: The server cannot be reached, has no such file, or sends something else.
        RecordError: The disk is full or refuses.
    """
    tally = _Tally(size_of(part), restarts=patience.retries)
    while True:
        try:
            _attempt(url, part, progress, patience.timeout_s, tally)
        except RangeError:
            with disk_errors(part):
                part.unlink(missing_ok=True)  # it cannot be the beginning of this file
            tally.begin_again()
            reason, wish_s = "the server cannot go on where the part ends", 0.0
        except BrokenError as error:
            reason, wish_s = str(error), error.wait_s
        else:
            return
        reached = size_of(part)
        failures = tally.fail(reached)
        if failures > patience.retries:
            kept = f"; {reached / 1e6:.1f} MB are kept to go on from" if reached else ""
            raise SourceError(f"{url}: {reason}, {failures} times in a row{kept}", fix=HELP)
        pause_s = max(wish_s, patience.pause_s * 2 ** (failures - 1))
        pause_s = min(pause_s, patience.longest_pause_s)
        progress.note(f"{reason}; trying again in {pause_s:.0f} s")
        time.sleep(pause_s)


def _attempt(url: str, part: Path, progress: Progress, timeout_s: float, tally: _Tally) -> None:
    """Ask once and append what comes.

    Raises:
        BrokenError: Worth another try.
        RangeError: The part does not fit; without it another try may work.
    """
    offset = size_of(part)
    headers = {"User-Agent": "steadypose", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with open_session() as session, network_errors(url, offset=offset):
        response = session.get(url, headers=headers, timeout=timeout_s, stream=True)
    with response:
        with network_errors(url, offset=offset):
            if response.status_code >= 300:
                raise requests.HTTPError(response=response)
            response.raw.enforce_content_length = False  # the part's length is looked at below
            head = response.raw.read(_HEAD)
        total = _total(response, offset)
        start = offset if response.status_code == 206 else 0
        _refuse_page(url, response, head)
        _check_space(part, (total or 0) - start)
        if start < offset:
            tally.begin_again()  # the server ignores ranges
        _append(response, head, part, start, total, url, progress)
    if total is not None and size_of(part) < total:
        raise BrokenError(f"the connection broke after {size_of(part)} of {total} bytes")


def _append(
    response: requests.Response,
    head: bytes,
    part: Path,
    start: int,
    total: int | None,
    url: str,
    progress: Progress,
) -> None:
    with disk_errors(part):
        file = open(part, "ab" if start else "wb", opener=_without_links)  # noqa: SIM115
    try:
        done, data = start, head
        while data and done <= _MOST:
            with disk_errors(part):
                file.write(data)
            done += len(data)
            progress.advance(done, total)
            with network_errors(url, offset=start):
                data = response.raw.read1(_CHUNK)
        with disk_errors(part):
            file.flush()
            os.fsync(file.fileno())
    finally:
        with disk_errors(part):
            file.close()  # writes what is buffered
    if done > _MOST:
        with disk_errors(part):
            part.unlink()
        raise SourceError(f"{url} does not end: {done} bytes and counting", fix=HELP)


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def drop_foreign(part: Path) -> None:
    """Only a regular file of ours, with one name, is the beginning of a download.

    Raises:
        OSError: What lies there cannot be removed.
    """
    try:
        found = part.lstat()
    except FileNotFoundError:
        return
    is_mine = os.name == "nt" or found.st_uid == os.geteuid()
    if not (stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and is_mine):
        part.unlink()


def _total(response: requests.Response, offset: int) -> int | None:
    """Length of the whole file.

    Raises:
        RangeError: It is another piece than the one that was asked for.
    """
    if response.status_code == 206:
        found = re.fullmatch(
            rf"bytes ({_COUNT})-{_COUNT}/({_COUNT}|\*)",
            (response.headers.get("Content-Range", "")).strip(),
        )
        if found is None or int(found.group(1)) != offset:
            raise RangeError
        return None if found.group(2) == "*" else int(found.group(2))
    length = re.fullmatch(_COUNT, (response.headers.get("Content-Length", "")).strip())
    return int(length.group()) if length else None


def _refuse_page(url: str, response: requests.Response, head: bytes) -> None:
    """Networks that want a log-in answer every request with their own page.

    Raises:
        SourceError: This is one.
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"} or _PAGE.match(head):
        asked, answered = urlsplit(url).hostname, urlsplit(response.url).hostname
        place = f", from {from_wire(answered or '')}" if asked != answered else ""
        raise SourceError(
            f"{url} gave a web page instead of the file{place}; the network may want a log-in",
            fix="open any page in a browser and log in, then try again; or name a --mirror",
        )


def _check_space(part: Path, needed: int) -> None:
    with disk_errors(part):
        free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise RecordError(
            f"no space for {part.name}: {part.parent} has {free / 1e6:.1f} MB free, "
            f"{needed / 1e6:.1f} MB are to come",
            fix=_SPACE,
        )


def size_of(part: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return part.stat().st_size
    except OSError:
        return 0


@contextmanager
def disk_errors(part: Path) -> Iterator[None]:
    """Failures of the disk become sentences.

    Raises:
        RecordError: With the system's word for it.
    """
    try:
        yield
    except OSError as error:
        raise RecordError(f"cannot write {part}: {error.strerror or error}", fix=_SPACE) from error
