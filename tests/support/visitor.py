"""Somebody who visits the page of a run, and can say what no decent program would."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadypose.realtime.record.live.web.server import WebServer

TEXT, BINARY, CLOSE = 1, 2, 8


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a server: status, headers by their names in small letters, and what follows."""

    status: int
    headers: dict[str, str]
    body: bytes


class Socket:
    """A WebSocket whose frames are written by hand (RFC 6455)."""

    def __init__(self, connection: socket.socket, rest: bytes) -> None:
        self.connection = connection
        self._rest = rest

    def send(self, data: bytes | str, kind: int | None = None) -> None:
        """Send one message; the mask is zero, so that bytes stay as they are."""
        kind = kind or (TEXT if isinstance(data, str) else BINARY)
        data = data.encode() if isinstance(data, str) else data
        length = len(data)
        head = bytes([0x80 | kind])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        self.connection.sendall(head + bytes(4) + data)

    def read(self) -> tuple[int, bytes]:
        """The next message; a lost connection reads as one that was closed without a code."""
        try:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._take(8))
            return first & 0x0F, self._take(length)
        except ConnectionError:
            return CLOSE, b""

    def objects(self) -> Iterator[dict[str, Any]]:
        """JSON objects as they come, until it is closed."""
        while (found := self.read())[0] != CLOSE:
            if found[0] == TEXT:
                yield json.loads(found[1])

    def until(self, kind: str) -> dict[str, Any]:
        """The next object of a type."""
        return next(found for found in self.objects() if found["type"] == kind)

    def closing_code(self) -> int | None:
        """Read until it is closed: the code, None if the connection was cut."""
        while (found := self.read())[0] != CLOSE:
            pass
        return int.from_bytes(found[1][:2], "big") if len(found[1]) >= 2 else None

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            piece = self.connection.recv(1 << 16)
            if not piece:
                raise ConnectionResetError
            self._rest += piece
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


class Visitor:
    """Asks a server on this machine, with exactly the headers that it is told.

    Args:
        server: Started.
    """

    def __init__(self, server: WebServer) -> None:
        self.server = server
        self.host = str(server.address)
        self._stack = contextlib.ExitStack()

    def connect(self) -> socket.socket:
        """A connection, closed with the visitor."""
        address = (self.server.address.host, self.server.address.port)
        found = self._stack.enter_context(socket.create_connection(address, 5))
        found.settimeout(5)
        return found

    def close(self) -> None:
        """Go."""
        self._stack.close()

    @property
    def cookie(self) -> str:
        """What a browser has after it was there with the token."""
        return self.ask("/?token=" + self.server.token).headers["set-cookie"].partition(";")[0]

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes = b"",
        *,
        auth: bool = False,
        told: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """One request, with the token if ``auth``; in names of headers _ becomes a hyphen."""
        headers |= told or {}
        if auth:
            headers["Authorization"] = f"Bearer {self.server.token}"
        connection = self.connect()
        with contextlib.suppress(ConnectionError):  # it may have refused before it read all
            connection.sendall(self.head(path, method, len(body), headers) + body)
        return read_answer(connection)[0]

    def head(self, path: str, method: str, length: int, headers: dict[str, str]) -> bytes:
        """What comes before a request's body."""
        lines = [f"{method} {path} HTTP/1.1"]
        told = {"Host": self.host, **({"Content-Length": str(length)} if length else {}), **headers}
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in told.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def open(self, path: str, **headers: str) -> Socket | Answer:
        """Open a WebSocket, or hear why not."""
        connection = self.connect()
        told = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **headers,
        }
        connection.sendall(self.head(path, "GET", 0, told))
        answer, rest = read_answer(connection, keeps_open=True)
        return Socket(connection, rest) if answer.status == 101 else answer

    def watch(self, query: str = "") -> Socket:
        """A WebSocket of a program that knows the token."""
        found = self.open(f"/ws?token={self.server.token}{query}")
        assert isinstance(found, Socket), found
        return found


def read_answer(connection: socket.socket, *, keeps_open: bool = False) -> tuple[Answer, bytes]:
    """An answer, and with ``keeps_open`` what was read behind its head; status 0: none came."""
    data = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while not (keeps_open and b"\r\n\r\n" in data) and (piece := connection.recv(1 << 16)):
            data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split(" ")[1]) if first else 0
    return Answer(status, headers, rest), rest
