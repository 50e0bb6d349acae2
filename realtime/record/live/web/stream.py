"""Motion JPEG, for programs that show a camera's address: people are drawn into the pictures."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from steadypose.realtime.record.live.web.desk import Desk
from steadypose.realtime.record.live.web.sockets import SEND_WITHIN_S, keep_little
from steadypose.realtime.record.live.web.within import timeout

_BORDER = "steadypose-frame"


async def send_stream(desk: Desk, request: web.Request) -> web.StreamResponse:
    """Send every picture that this watcher is quick enough for; ``?plain=1``: nobody is drawn."""
    is_drawn = request.query.get("plain") != "1"
    with desk.watching():
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: f"multipart/x-mixed-replace; boundary={_BORDER}"}
        )
        await response.prepare(request)
        keep_little(request)
        number = 0
        while True:
            shown, said = await desk.board.news(number, desk.board.notice)
            if not said:
                break
            if shown is None:
                continue
            number = shown.number
            picture = await shown.picture(is_drawn=is_drawn)
            head = f"--{_BORDER}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n"
            part = head.encode() + b"\r\n" + picture + b"\r\n"
            try:
                async with timeout(SEND_WITHIN_S):
                    await response.write(part)
            except asyncio.TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
                break
    return response
