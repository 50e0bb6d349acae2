"""The files of this run, by name: nothing else of the disk can be asked for."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Sequence
from os.path import realpath
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import hdrs, web

from steadypose.engines.foreign.files import open_regular, stat_of
from steadypose.realtime.record.live.web.within import keep_little, sent_in_time

_PIECE = 1 << 18
_MOST_LISTED = 100
Listed = tuple[list[dict[str, Any]], int]


class Shelf:
    """Names files as a browser asks for them, and hands them out as they are at that moment."""

    def __init__(self) -> None:
        self._given: tuple[Path, ...] = ()
        self._places: dict[Path, Path] = {}
        self._paths: dict[str, Path] = {}
        self._listed: Listed = ([], 0)
        self._listed_s: float | None = None

    def put(self, paths: Sequence[Path]) -> None:
        """These are the files now; two of one name are told apart by a number.

        A link is followed when its file is new, as the run has followed it; one that somebody
        puts there later is not.
        """
        if self._given == (given := tuple(paths)):
            return
        self._given, self._listed_s = given, None
        self._places = {path: self._places.get(path) or Path(realpath(path)) for path in given}
        found: dict[str, Path] = {}
        for path in paths:
            name, number = path.name, 1
            while name in found:
                number += 1
                name = f"{path.stem}-{number}{path.suffix}"
            found[name] = self._places[path]
        self._paths = found

    def listed(self, within_s: float = 0.0) -> Listed:
        """Name and size in bytes of each that is there, and no pipe or device.

        Args:
            within_s: How old the answer may be: each file costs a system call.

        Returns:
            Those that were written last, in the run's own order, and how many more there are.
        """
        now_s = time.perf_counter()
        if self._listed_s is None or now_s - self._listed_s > within_s:
            self._listed, self._listed_s = self._look(), now_s
        return self._listed

    def _look(self) -> Listed:
        sizes = [(name, stat_of(path, follows_links=False)) for name, path in self._paths.items()]
        there = [(name, i) for name, i in sizes if i is not None and stat.S_ISREG(i.st_mode)]
        if len(there) > _MOST_LISTED:
            since_ns = sorted(info.st_mtime_ns for _, info in there)[-_MOST_LISTED]
            newest = [(name, info) for name, info in there if info.st_mtime_ns >= since_ns]
        else:
            newest = there
        listed = [{"name": n, "size_bytes": i.st_size} for n, i in newest[-_MOST_LISTED:]]
        return listed, len(there) - len(listed)

    async def send(self, request: web.Request, name: str) -> web.StreamResponse:
        """Hand one out; 404 where the run has written no file of that name."""
        path = self._paths.get(name)
        try:
            file = await asyncio.to_thread(_open, path) if path is not None else None
        except OSError:
            file = None
        if file is None:
            raise web.HTTPNotFound(text="this run has written no such file\n")
        with file:
            return await _stream(request, name, file)


def _open(path: Path) -> BinaryIO:
    return open_regular(path, follows_links=False)


async def _stream(request: web.Request, name: str, file: BinaryIO) -> web.StreamResponse:
    left = os.fstat(file.fileno()).st_size  # it may grow meanwhile
    quoted = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in name)
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{quoted}"',
            hdrs.CONTENT_LENGTH: str(left),
        }
    )
    await response.prepare(request)
    keep_little(request)
    while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
        if not await sent_in_time(request, response.write(piece)):
            break
        left -= len(piece)
    return response
