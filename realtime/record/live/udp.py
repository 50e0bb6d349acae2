"""A JSON line a frame, each in a datagram."""

from __future__ import annotations

import json
import socket
from typing import Any

from steadypose.realtime.record.formats.entry import Entry, round_time
from steadypose.realtime.record.formats.jsonl import frame_object
from steadypose.realtime.record.live.message import Address, Message


class UdpChannel:
    """Sends what a recording's JSON line says, and what a receiver without its head needs.

    A datagram is ``{"frame", "time_s", "unix_s", "size_wh", "unit", "names", "persons"}``;
    ``persons`` is that of ``formats.jsonl``, ``unix_s`` the capture time by the wall clock. Where
    there are several sources it says which one, as ``source``.

    Args:
        to: Nobody needs to listen there.
        names: Of the keypoints.
        source: Which of several; empty: there is one.

    Raises:
        OSError: The name is unknown.
    """

    def __init__(self, to: Address, names: tuple[str, ...], source: str = "") -> None:
        self._source = {"source": source} if source else {}
        self.name = f"--udp {to}"
        self._names = list(names)
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, where = found[0]
        self._to: tuple[Any, ...] = where
        self._socket = socket.socket(family, kind, protocol)

    def send(self, message: Message) -> None:
        """See ``Channel.send``."""
        line = {
            **self._source,
            **frame_object(
                Entry(message.frame, message.time_s, message.poses),
                places=5 if message.is_normalized else 2,
            ),
            "unix_s": round_time(message.unix_s()),
            "size_wh": list(message.size_wh),
            "unit": "share" if message.is_normalized else "px",
            "names": self._names,
        }
        data = json.dumps(line, separators=(",", ":"), allow_nan=False).encode()
        self._socket.sendto(data, self._to)

    def close(self) -> None:
        """See ``Channel.close``; a receiver sees that nothing comes any more."""
        self._socket.close()
