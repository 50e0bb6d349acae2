"""How many connections there may be, and how long one may take to ask for something.

aiohttp waits for ever for the end of a request's head, so that a few hundred connections which
never finish theirs would keep everybody out. Here one that has asked for nothing in time is cut;
where all places are taken, the one that has waited longest makes room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_MOST = 64
_ASK_WITHIN_S = 5.0


class Door:
    """Makes the protocol of each connection, and cuts those that ask for nothing.

    Args:
        make: Makes the protocol that serves a connection.
        most: Connections at once.
        within_s: Time until a request has to be complete.

    Attributes:
        transports: Of all connections that are open.
    """

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        *,
        most: int = _MOST,
        within_s: float = _ASK_WITHIN_S,
    ) -> None:
        self._make = make
        self._most = most
        self._within_s = within_s
        self._silent: dict[asyncio.BaseTransport, asyncio.TimerHandle] = {}
        self.transports: set[asyncio.Transport] = set()

    def __call__(self) -> asyncio.Protocol:
        """For ``loop.create_server``."""
        return _Guarded(self._make(), self)

    def has_asked(self, transport: asyncio.BaseTransport | None) -> None:
        """A request has come in whole, and who sent it may stay."""
        if transport is not None and (timer := self._silent.pop(transport, None)):
            timer.cancel()

    def shut(self) -> None:
        """Cut whoever is still there: one who does not read would never be gone."""
        for transport in self.transports:
            _cut(transport)

    def _came(self, transport: asyncio.Transport) -> bool:
        """Whether there is room, be it that of one that is silent."""
        if len(self.transports) >= self._most:
            if not self._silent:
                return False
            oldest = next(iter(self._silent))
            self.has_asked(oldest)
            _cut(oldest)
        self.transports.add(transport)
        loop = asyncio.get_running_loop()
        self._silent[transport] = loop.call_later(self._within_s, _cut, transport)
        return True

    def _went(self, transport: asyncio.Transport) -> None:
        self.transports.discard(transport)
        self.has_asked(transport)


class _Guarded(asyncio.Protocol):
    """Passes everything on to the protocol within."""

    def __init__(self, inner: Any, door: Door) -> None:
        self._inner = inner
        self._door = door
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if not self._door._came(transport):  # noqa: SLF001 - the other half of this module
            transport.abort()
            return
        self._transport = transport
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._door._went(self._transport)  # noqa: SLF001
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        found: bool | None = self._inner.eof_received() if self._transport is not None else None
        return found

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _cut(transport: asyncio.BaseTransport) -> None:
    assert isinstance(transport, asyncio.Transport)
    transport.abort()
