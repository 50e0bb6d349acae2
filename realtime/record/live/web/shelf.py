"""The files of this run, by name: nothing else of the disk can be asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import hdrs, web

from steadypose.engines.foreign.files import open_regular, stat_of

_PIECE = 1 << 18


class Shelf:
    """Names files as a browser asks for them, and hands them out as they are at that moment."""

    def __init__(self) -> None:
        self._paths: dict[str, Path] = {}

    def put(self, paths: Sequence[Path]) -> None:
        """These are the files now; two of one name are told apart by a number."""
        found: dict[str, Path] = {}
        for path in paths:
            name, number = path.name, 1
            while name in found:
                number += 1
                name = f"{path.stem}-{number}{path.suffix}"
            found[name] = path
        self._paths = found

    def listed(self) -> list[dict[str, Any]]:
        """Name and size in bytes of each that is there, and no pipe or device."""
        sizes = {name: stat_of(path) for name, path in self._paths.items()}
        return [
            {"name": name, "size_bytes": info.st_size}
            for name, info in sizes.items()
            if info is not None and self._paths[name].is_file()
        ]

    async def send(self, request: web.Request, name: str) -> web.StreamResponse:
        """Hand one out; 404 where the run has written no file of that name."""
        path = self._paths.get(name)
        try:
            file = await asyncio.to_thread(open_regular, path) if path is not None else None
        except OSError:
            file = None
        if file is None:
            raise web.HTTPNotFound(text="this run has written no such file\n")
        with file:
            return await _stream(request, name, file)


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
    while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
        await response.write(piece)
        left -= len(piece)
    return response
