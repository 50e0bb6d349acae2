"""WebSockets: frames to those who watch, pictures from a browser's camera."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from steadypose.engines.foreign.texts import parse_json
from steadypose.realtime.record.live.web.board import NOTHING_YET, OverError, Shown
from steadypose.realtime.record.live.web.desk import Desk, Pace
from steadypose.realtime.record.live.web.within import abort, in_time, keep_little
from steadypose.realtime.sources.browser import MOST_BYTES, Inlet

_IN_FLIGHT = 2  # frames that a watcher who says what it has seen may have before it
_PER_S = 200
_TEXT_BYTES = 4096
_HEARTBEAT_S = 15.0
_HEAD = struct.Struct("<d")


class _BadError(Exception):
    """A message that makes no sense."""


_EXPECTED = (_BadError, ConnectionError, TimeoutError, asyncio.TimeoutError)


async def watch(request: web.Request, desk: Desk) -> web.StreamResponse:
    """Send every frame that this watcher is quick enough for, and what the run says of itself.

    ``?picture=1`` asks for a binary message with a JPEG after each frame's JSON; with ``?seen=1``
    at most two frames are on their way at once, and ``{"type": "seen", "frame": N}`` says that
    one has arrived. Of several sources ``?source=NAME`` chooses one. ``{"type": "clock", "t": T}``
    is answered with ``unix_s``.
    """
    with desk.watching():
        ws = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S,
            max_msg_size=_TEXT_BYTES,
            compress=False,
            timeout=1.0,
            autoping=False,
        )
        await ws.prepare(request)
        keep_little(request)
        watcher = _Watcher(ws, desk, request.query)
        await _together(request, ws, watcher.send_frames(), watcher.listen())
    return ws


async def take_camera(request: web.Request, desk: Desk, inlet: Inlet) -> web.StreamResponse:
    """Take pictures, each a binary message that is answered, until another page sends some.

    It is the capture time by this machine's clock, as far as the page knows that (float64,
    little-endian, seconds since 1970), and a JPEG.
    """
    with desk.cameras.take():
        ws = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S,
            max_msg_size=MOST_BYTES + _HEAD.size,
            compress=False,
            timeout=1.0,
            autoping=False,
        )
        await ws.prepare(request)
        desk.replaced.set()
        desk.replaced = asyncio.Event()
        number = inlet.connect()
        try:
            work = (_take(ws, inlet, number), _give_way(ws, desk.replaced))
            await _together(request, ws, *work)
        finally:
            inlet.disconnect(number)
    return ws


class _Watcher:
    def __init__(self, ws: web.WebSocketResponse, desk: Desk, query: Any) -> None:
        self._ws = ws
        self._desk = desk
        self._wants_picture = query.get("picture") == "1" and desk.board.has_pictures
        self._says_seen = query.get("seen") == "1"
        self._in_flight: list[int] = []
        self._has_seen = asyncio.Event()

    async def send_frames(self) -> None:
        """Frame after frame, until the run is over."""
        await self._send(self._desk.hello)
        number, notice = 0, NOTHING_YET
        while True:
            shown, said = await self._desk.board.news(number, notice)
            if said != notice:
                notice = said
                await self._send(said)
            if shown is not None:
                number = shown.number
                with suppress(OverError):
                    await self._send_frame(shown)
            elif self._desk.board.is_over:
                await self._send('{"type":"end"}')
                return

    async def _send_frame(self, shown: Shown) -> None:
        if self._wants_picture:
            picture = await shown.picture(is_drawn=False)
            await self._send(shown.text())
            await in_time(self._ws.send_bytes(picture))
        else:
            await self._send(shown.text())
        if self._says_seen:
            await self._wait_until_seen(shown.message.frame)

    async def listen(self) -> None:
        """What a watcher says: what it has seen, and what time it is."""
        async for message in _heard(self._ws):
            if message.type is not WSMsgType.TEXT:
                raise _BadError
            said = _object(message.data)
            if said.get("type") == "seen":
                frame = said.get("frame")
                self._in_flight = [at for at in self._in_flight if at != frame]
                self._has_seen.set()
            elif said.get("type") == "clock" and isinstance(said.get("t"), int | float):
                now_s = time.time()  # noqa: TID251 - the only clock that both have
                await self._send(json.dumps({"type": "clock", "t": said["t"], "unix_s": now_s}))
            else:
                raise _BadError

    async def _send(self, text: str) -> None:
        await in_time(self._ws.send_str(text))

    async def _wait_until_seen(self, frame: int) -> None:
        self._in_flight.append(frame)
        board = self._desk.board
        while len(self._in_flight) >= _IN_FLIGHT and not board.is_over:
            self._has_seen.clear()
            await in_time(board.first_of(self._has_seen))


async def _take(ws: web.WebSocketResponse, inlet: Inlet, number: int) -> None:
    async for message in _heard(ws):
        data = message.data
        if message.type is not WSMsgType.BINARY or len(data) <= _HEAD.size:
            raise _BadError
        (unix_s,) = _HEAD.unpack_from(data)
        age_s = time.time() - unix_s  # noqa: TID251 - the only clock that both have
        if not inlet.put(number, data[_HEAD.size :], age_s):
            return
        await in_time(ws.send_str('{"type":"taken"}'))


async def _heard(ws: web.WebSocketResponse) -> AsyncIterator[WSMessage]:
    """Messages as they come, not too many a second; whether somebody is there is answered."""
    pace = Pace(_PER_S)
    async for message in ws:
        if not pace.allows():
            raise _BadError
        if message.type is WSMsgType.PING:
            await in_time(ws.pong(message.data))
        elif message.type is not WSMsgType.PONG:
            yield message


async def _give_way(ws: web.WebSocketResponse, replaced: asyncio.Event) -> None:
    await replaced.wait()
    await in_time(ws.send_str('{"type":"replaced"}'))


async def _together(request: web.Request, ws: web.WebSocketResponse, *work: Any) -> None:
    """Do all of it until one is done, then close the socket."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    problems = [found for task in done if not task.cancelled() and (found := task.exception())]
    bugs = [problem for problem in problems if not isinstance(problem, _EXPECTED)]
    if any(isinstance(problem, _BadError) for problem in problems):
        await ws.close(code=1008)
    elif any(isinstance(problem, TimeoutError | asyncio.TimeoutError) for problem in problems):
        abort(request)
    else:
        await ws.close(code=1011 if bugs else 1000)
    if bugs:
        raise bugs[0]


def _object(text: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError:
        raise _BadError from None
    if not isinstance(found, dict):
        raise _BadError
    return found
