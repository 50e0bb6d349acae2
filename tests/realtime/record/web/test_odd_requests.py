"""Requests that no browser sends, and what programs of other users of this machine may try."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.desk import MOST_WATCHERS
from steadypose.realtime.record.live.web.server import WebServer
from tests.realtime.record.test_live import message
from tests.support.visitor import TEXT, Socket, Visitor

FOREIGN = ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "file://", ""]
PRESS = b'{"button":"record"}'
KIND = "Content-Type: application/json"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "me.csv").write_text("frame,secret\n")
    (tmp_path / "other.csv").write_text("of somebody else\n")
    found = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses, takes_camera=True)
    found.tell(RunState(files=(tmp_path / "me.csv",)))
    found.send(message(0, 1))
    yield found
    found.close()


@pytest.mark.parametrize(
    "host",
    [
        *("localhost.", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"),
        *("localhost:", "localhost:80:80", "[::1%25lo]", "[::1]evil", "u@localhost", "localhost#"),
        *("localhost,evil.example", "localhost:80@evil.example", "loc\xe0lhost"),
    ],
)
def test_odd_names_of_this_machine_are_none(visitor: Visitor, host: str) -> None:
    assert visitor.ask("/healthz", Host=host).status in {400, 421}


def raw(visitor: Visitor, first: str, *lines: str, body: bytes = b"", auth: bool = True) -> bytes:
    """Whatever comes back for a request that is written by hand, until it is closed."""
    head = [first, f"Host: {visitor.host}"]
    head += [f"Authorization: Bearer {visitor.server.token}"] if auth else []
    connection = visitor.connect()
    with contextlib.suppress(ConnectionError):
        connection.sendall("".join(f"{x}\r\n" for x in (*head, *lines, "")).encode() + body)
    return b"".join(iter(lambda: _piece(connection), b""))


def _piece(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except ConnectionError:
        return b""


def test_a_request_for_another_host_by_its_whole_address_is_none(visitor: Visitor) -> None:
    for path in ("/recordings/me.csv", "/healthz"):
        said = raw(visitor, f"GET http://evil.example{path} HTTP/1.1")
        assert said.startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize(
    "lines",
    [
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", "Transfer-Encoding: chunked"),
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", "Content-Length: 20"),
        ("POST /press HTTP/1.1", KIND, "Content-Length: -19"),
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", "Host : evil.example"),
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", *(f"X-{n}: 1" for n in range(5000))),
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", "X: 1", " folded"),
        ("POST /press", KIND, "Content-Length: 19"),
        ("PRI * HTTP/2.0", KIND, "Content-Length: 19"),
        ("TRACE /press HTTP/1.1", KIND, "Content-Length: 19"),
        ("CONNECT evil.example:80 HTTP/1.1", KIND, "Content-Length: 19"),
        ("POST /press HTTP/1.1", KIND, "Content-Length: 19", "Expect: magic"),
    ],
)
def test_a_request_that_can_be_read_in_two_ways_does_nothing(
    visitor: Visitor, lines: tuple[str, ...]
) -> None:
    said = raw(visitor, *lines, body=PRESS)
    assert b" 204 " not in said
    assert b" 200 " not in said
    assert visitor.server.pressed() == []
    assert visitor.ask("/healthz").status == 200


def test_what_follows_a_request_is_not_another(visitor: Visitor) -> None:
    told = (f"Host: {visitor.host}", f"Authorization: Bearer {visitor.server.token}", KIND)
    lines = ("POST /press HTTP/1.1", *told, f"Content-Length: {len(PRESS)}", "")
    second = "".join(f"{line}\r\n" for line in lines).encode() + PRESS
    for auth in (True, False):
        said = raw(visitor, "GET /page.js HTTP/1.1", body=second, auth=auth)
        assert said.count(b"HTTP/1.1 ") == 1
    assert raw(visitor, "GET /healthz HTTP/1.1", body=second, auth=False).count(b"HTTP/1.1 ") == 1
    assert visitor.server.pressed() == []


def test_a_token_in_the_query_is_enough_for_no_page_of_others(visitor: Visitor) -> None:
    path, kind = f"/press?token={visitor.server.token}", "application/json"
    for origin in FOREIGN:
        answer = visitor.ask(path, "POST", PRESS, Origin=origin, Content_Type=kind)
        assert answer.status == 403
    twice = f"/press?token=wrong&token={visitor.server.token}"
    assert visitor.ask(twice, "POST", PRESS, Content_Type=kind).status == 401
    assert visitor.server.pressed() == []


def test_a_cookie_that_a_page_of_another_port_has_set_locks_nobody_out(visitor: Visitor) -> None:
    """Browsers have one jar for all ports of a host; nor does such a cookie let anybody in."""
    own = visitor.cookie
    name = own.partition("=")[0]
    for told in (f"{name}=x; {own}", f"{own}; {name}=x", f'a[b]={{"c": 1, 2}}; {own}', f"=;;{own}"):
        assert visitor.ask("/page.js", Cookie=told).status == 200
    said = raw(visitor, "GET /page.js HTTP/1.1", f"Cookie: {own}", f"Cookie: {name}=x", auth=False)
    assert said.startswith(b"HTTP/1.1 200")
    for told in (f"x{own}", f"{name.upper()}=1", f"{name}={name}={own}", own.replace("=", "==")):
        assert visitor.ask("/page.js", Cookie=told).status == 401


@pytest.mark.posix("has links")
def test_a_link_that_takes_the_place_of_a_recording_is_not_followed(
    visitor: Visitor, tmp_path: Path
) -> None:
    """Who may write in the folder of a recording reads nothing else by it."""
    aim, chosen = tmp_path / "aim.csv", tmp_path / "chosen.csv"
    aim.write_text("frame,own\n")
    chosen.symlink_to(aim)  # as the run was told to write there
    files = (tmp_path / "me.csv", chosen)
    watcher = visitor.watch()
    visitor.server.tell(RunState(files=files))
    while [file["name"] for file in watcher.until("state")["files"]] != ["me.csv", "chosen.csv"]:
        pass
    assert visitor.ask("/recordings/chosen.csv", auth=True).body == b"frame,own\n"
    (tmp_path / "me.csv").unlink()
    (tmp_path / "me.csv").symlink_to(tmp_path / "other.csv")
    answer = visitor.ask("/recordings/me.csv", auth=True)
    assert answer.status == 404
    assert b"somebody" not in answer.body
    aim.unlink()
    aim.symlink_to(tmp_path / "other.csv")
    assert visitor.ask("/recordings/chosen.csv", auth=True).status == 404


def test_a_message_in_endless_parts_ends_the_socket(visitor: Visitor) -> None:
    socket_ = visitor.watch()
    with contextlib.suppress(ConnectionError):
        for number in range(3000):
            socket_.connection.sendall(bytes([0 if number else 1, 0x84]) + bytes(4) + b"part")
    assert socket_.closing_code() in {1009, None}


@pytest.mark.parametrize("path", ["/ws", "/camera"])
def test_a_message_that_was_squeezed_is_not_unpacked(visitor: Visitor, path: str) -> None:
    path += f"?token={visitor.server.token}"
    opened = visitor.open(path, Sec_WebSocket_Extensions="permessage-deflate")
    assert isinstance(opened, Socket)
    opened.connection.sendall(bytes([0xC1, 0x85]) + bytes(4) + b"hello")
    assert opened.closing_code() in {1002, None}


@pytest.mark.parametrize("path", ["/ws", "/camera"])
@pytest.mark.parametrize("kind", [9, 10])
def test_a_flood_of_pings_ends_the_socket(visitor: Visitor, path: str, kind: int) -> None:
    opened = visitor.open(f"{path}?token={visitor.server.token}")
    assert isinstance(opened, Socket)
    opened.send(b"there?", 9)
    while (found := opened.read())[0] != 10:
        assert found[0] == TEXT
    assert found[1] == b"there?"
    with contextlib.suppress(ConnectionError):
        for _ in range(2000):
            opened.send(b"there?", kind)
    assert opened.closing_code() in {1008, None}


def test_a_socket_that_says_half_a_message_holds_nobody_up(visitor: Visitor) -> None:
    slow = [visitor.watch("&seen=1") for _ in range(MOST_WATCHERS - 1)]
    for number, one in enumerate(slow):
        one.connection.sendall(bytes([0x81, 0x90, 0, 0, 0, 0, *b"{}"])[: 1 + number % 8])
    watching = visitor.watch()
    for index in range(1, 20):
        visitor.server.send(message(index, 1))
        while watching.until("frame")["frame"] != index:
            pass
