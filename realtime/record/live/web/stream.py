"""Motion JPEG, for programs that show a camera's address: people are drawn into the pictures."""

from __future__ import annotations

from aiohttp import hdrs, web

from steadypose.realtime.record.live.web.board import OverError
from steadypose.realtime.record.live.web.desk import Desk
from steadypose.realtime.record.live.web.within import keep_little, sent_in_time

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
            shown, _ = await desk.board.news(number, desk.board.notice)
            if shown is None and desk.board.is_over:
                break
            if shown is None:
                continue
            number = shown.number
            try:
                picture = await shown.picture(is_drawn=is_drawn)
            except OverError:
                break
            head = f"--{_BORDER}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n"
            part = head.encode() + b"\r\n" + picture + b"\r\n"
            if not await sent_in_time(request, response.write(part)):
                break
    return response
