"""Time limits. ``asyncio.wait_for`` may swallow a cancellation before Python 3.12 (gh-86296)."""

import asyncio
import socket
import sys
from collections.abc import Awaitable

from aiohttp import web

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout  # a part of aiohttp there

__all__ = ["SEND_WITHIN_S", "abort", "in_time", "keep_little", "sent_in_time", "timeout"]

SEND_WITHIN_S = 20.0
"""How long one who takes nothing is waited for."""

_BUFFER = 1 << 18  # bytes in the kernel for one who does not say what it has seen


async def in_time(work: Awaitable[object]) -> None:
    """Wait for one who takes what it is sent.

    Raises:
        asyncio.TimeoutError: It has taken nothing for too long.
    """
    async with timeout(SEND_WITHIN_S):
        await work


async def sent_in_time(request: web.BaseRequest, work: Awaitable[object]) -> bool:
    """Send something; one who has not taken it in time is cut off, which is False."""
    try:
        await in_time(work)
    except asyncio.TimeoutError:
        abort(request)
        return False
    return True


def abort(request: web.BaseRequest) -> None:
    """Cut one off, whatever it still has to take."""
    if request.transport is not None:
        request.transport.abort()


def keep_little(request: web.BaseRequest) -> None:
    """Let the kernel keep little for one who does not read: what it keeps gets old."""
    found = request.transport.get_extra_info("socket") if request.transport else None
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
