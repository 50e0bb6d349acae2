"""Pages of others that somebody lets watch: what they can do, and what they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.origin import to_origin
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.server import WebServer
from tests.realtime.record.test_live import message
from tests.support.visitor import Answer, Socket, Visitor

GUEST = "https://art.example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "me.csv").write_text("frame,secret\n")
    found = WebServer(
        Address("127.0.0.1", 0),
        COCO17,
        draw=draw_poses,
        takes_camera=True,
        origins=(GUEST, "http://localhost:5173"),
    )
    found.tell(RunState(files=(tmp_path / "me.csv",)))
    found.send(message(0, 1))
    yield found
    found.close()


def as_browsers_say(origin: str) -> dict[str, str]:
    return {"Origin": origin, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "websocket"}


@pytest.mark.parametrize("origin", [GUEST, "http://localhost:5173"])
def test_a_page_that_is_let_in_reads_poses_with_the_token(visitor: Visitor, origin: str) -> None:
    path = f"/ws?token={visitor.server.token}"
    opened = visitor.open(path, **as_browsers_say(origin))
    assert isinstance(opened, Socket)
    assert opened.until("frame")["frame"] == 0


@pytest.mark.parametrize(
    "origin",
    [
        "http://art.example",
        "https://art.example:8443",
        "https://art.example.evil.example",
        "https://evil.example/https://art.example",
        "https://art.example/",
        "https://sub.art.example",
        "https://art.example@evil.example",
        "null",
        "",
        "http://localhost:5174",
        "*",
    ],
)
def test_another_page_is_not(visitor: Visitor, origin: str) -> None:
    answer = visitor.open(f"/ws?token={visitor.server.token}", **as_browsers_say(origin))
    assert isinstance(answer, Answer)
    assert answer.status == 403


def test_it_is_let_in_by_no_cookie(visitor: Visitor) -> None:
    """Another port of localhost is the same site: the browser adds the cookie there."""
    own = as_browsers_say("http://localhost:5173") | {"Cookie": visitor.cookie}
    answer = visitor.open("/ws", **own)
    assert isinstance(answer, Answer)
    assert answer.status == 403
    answer = visitor.open("/ws?token=wrong", **as_browsers_say(GUEST))
    assert isinstance(answer, Answer)
    assert answer.status == 401


def test_it_watches_and_does_nothing_else(visitor: Visitor) -> None:
    told = as_browsers_say(GUEST) | {"Authorization": f"Bearer {visitor.server.token}"}
    camera = visitor.open("/camera", **told)
    assert isinstance(camera, Answer)
    assert camera.status == 403
    body, kind = b'{"button":"record"}', "application/json"
    pressed = visitor.ask("/press", "POST", body, told=told, Content_Type=kind)
    assert pressed.status == 403
    assert visitor.server.pressed() == []
    for path in ("/", "/recordings/me.csv", "/stream.mjpg", "/page.js", "/ws"):
        answer = visitor.ask(path, told=told)
        assert answer.status == 403
        assert b"secret" not in answer.body
        assert "access-control-allow-origin" not in answer.headers


def test_two_origins_are_none(visitor: Visitor) -> None:
    connection = visitor.connect()
    head = visitor.head(
        f"/ws?token={visitor.server.token}",
        "GET",
        0,
        {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        | {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": GUEST},
    )
    connection.sendall(head[:-2] + b"Origin: https://evil.example\r\n\r\n")
    assert connection.recv(12) == b"HTTP/1.1 403"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://art.example", "https://art.example"),
        ("HTTPS://Art.Example:443/", "https://art.example"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        ("http://[0:0::1]:5173", "http://[::1]:5173"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(typed: str, sent: str) -> None:
    assert to_origin(typed) == sent


@pytest.mark.parametrize(
    "typed",
    [
        *("null", "*", "", "art.example", "file://", "ws://a", "https://", "https://.."),
        *("https://a/b", "https://a?b", "https://a#b", "https://a#", "https://u@a"),
        *("https://*.example", "https://a:99999", "https://[::1", "https://a b", "https://a;b"),
        "https://a\n",
    ],
)
def test_what_is_no_origin_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is not the origin of a page"):
        to_origin(typed)
