"""What strangers try at the page of a run: nothing is read, changed or held up by it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp")

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address, NeedsTokenError
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.desk import MOST_WATCHERS
from steadypose.realtime.record.live.web.gate import Gate
from steadypose.realtime.record.live.web.server import WebServer
from steadypose.realtime.sources.browser import BrowserDevice
from tests.realtime.record.test_live import message
from tests.support.visitor import Answer, Socket, Visitor, read_answer

PATHS = ["/", "/page.js", "/ws", "/stream.mjpg", "/recordings/me.csv", "/press", "/camera", "/x"]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    recording = tmp_path / "me.csv"
    recording.write_text("frame,secret\n")
    (tmp_path / "other.csv").write_text("of somebody else\n")
    at = Address("127.0.0.1", 0)
    found = WebServer(at, COCO17, draw=draw_poses, takes_camera=True)
    found.tell(RunState(files=(recording,)))
    found.send(message(0, 1))
    yield found
    found.close()


# Who asks, and where


@pytest.mark.parametrize("path", [*PATHS, "/healthz"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_a_name_that_was_rebound_to_this_machine_reads_nothing(
    visitor: Visitor, path: str, host: str
) -> None:
    answer = visitor.ask(path, Host=host, auth=True, Cookie=visitor.cookie)
    assert answer.status in {400, 421}
    assert b"secret" not in answer.body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:9"])
def test_a_tunnel_may_have_another_port(visitor: Visitor, host: str) -> None:
    assert visitor.ask("/", Host=host, auth=True).status == 200


def test_two_hosts_are_none(visitor: Visitor) -> None:
    connection = visitor.connect()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n")
    assert read_answer(connection)[0].status in {400, 421}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["", "wrong", "é" * 8, "x" * 5000])
def test_without_the_token_nothing_is_told(visitor: Visitor, path: str, token: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in token.encode())
    for asked in (path, f"{path}?token={encoded}"):
        method = "POST" if path == "/press" else "GET"
        answer = visitor.ask(asked, method, Origin=f"http://{visitor.host}")
        assert answer.status in {400, 401}
        assert "set-cookie" not in answer.headers
    assert isinstance(visitor.open(path), Answer)


def test_health_is_all_that_a_stranger_learns(visitor: Visitor) -> None:
    answer = visitor.ask("/healthz")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})


def test_a_token_in_a_referrer_opens_nothing_and_the_page_sends_none(visitor: Visitor) -> None:
    own = f"http://{visitor.host}/?token={visitor.server.token}"
    assert visitor.ask("/", Referer=own).status == 401
    page = visitor.ask("/", auth=True)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_what_is_no_cookie_of_ours_opens_nothing(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, value = visitor.cookie.partition("=")
    until, _, signed = value.partition(".")
    later = f"{int(until) + 1}.{signed}"
    for bad in (later, until, f"{until}.", f"{until}.{'0' * 64}", f".{signed}", "é.é", "9" * 99):
        assert visitor.ask("/", Cookie=f"{name}={bad}").status == 401
    assert visitor.ask("/", Cookie=f"{name}={value}").status == 200
    monkeypatch.setattr("time.time", lambda: float(until) + 1)
    assert visitor.ask("/", Cookie=f"{name}={value}").status == 401


def test_a_cookie_opens_no_other_run_and_no_other_port(visitor: Visitor) -> None:
    """Another user of this machine gets it, if this browser visits a port of his."""
    value, port = visitor.cookie.partition("=")[2], visitor.server.address.port
    token = visitor.server.token
    assert Gate("127.0.0.1", port, token).is_cookie(value)  # for a day, as it says
    assert not Gate("127.0.0.1", port).is_cookie(value)
    assert not Gate("127.0.0.1", port + 1, token).is_cookie(value)
    other = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses)
    theirs = Visitor(other)
    try:
        cookie = f"steadypose-{other.address.port}={value}"
        assert theirs.ask("/", Cookie=cookie).status == 401
        opened = theirs.open("/ws", Cookie=cookie, Origin=f"http://{theirs.host}")
        assert isinstance(opened, Answer)
        assert opened.status == 401
    finally:
        theirs.close()
        other.close()


@pytest.mark.parametrize("secret", ["\xff", "é", "\xed\xa0\x80"])
def test_bytes_that_are_no_text_are_no_token(visitor: Visitor, secret: str) -> None:
    assert visitor.ask("/", Authorization=f"Bearer {secret}").status == 401
    assert visitor.ask("/?token=%ff").status == 401
    name = visitor.cookie.partition("=")[0]
    assert visitor.ask("/", Cookie=f"{name}=1.{secret}").status == 401
    assert visitor.ask("/", auth=True, Origin=secret).status == 403


def test_the_cookie_is_for_this_site_and_no_script(visitor: Visitor) -> None:
    told = visitor.ask("/?token=" + visitor.server.token).headers["set-cookie"]
    rules = {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"}
    assert rules == set(told.split("; ")[1:])
    assert visitor.server.token not in told
    behind = visitor.ask("/", auth=True, X_Forwarded_Proto="https").headers["set-cookie"]
    assert rules | {"Secure"} == set(behind.split("; ")[1:])
    assert "set-cookie" not in visitor.ask("/page.js", auth=True).headers


# Other pages


FOREIGN = ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "file://", ""]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/ws", "/camera"])
def test_another_page_opens_no_socket(visitor: Visitor, path: str, origin: str) -> None:
    for headers in (
        {"Cookie": visitor.cookie},
        {"Authorization": f"Bearer {visitor.server.token}"},
    ):
        answer = visitor.open(path, Origin=origin, **headers)
        assert isinstance(answer, Answer)
        assert answer.status == 403


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_page_presses_no_button(visitor: Visitor, origin: str) -> None:
    body = b'{"button":"record"}'
    headers = {"Cookie": visitor.cookie, "Content_Type": "application/json"}
    assert visitor.ask("/press", "POST", body, Origin=origin, told=headers).status == 403
    assert visitor.server.pressed() == []


@pytest.mark.parametrize("kind", [FORM, "text/plain", "multipart/form-data; boundary=x", ""])
def test_a_form_presses_no_button(visitor: Visitor, kind: str) -> None:
    body, cookie = b'{"button":"record"}', visitor.cookie
    for headers in ({}, {"Origin": f"http://{visitor.host}"}, {"Origin": "http://evil.example"}):
        told = {**headers, "Cookie": cookie, "Content_Type": kind}
        assert visitor.ask("/press", "POST", body, told=told).status in {403, 415}
    assert visitor.server.pressed() == []


def test_a_browser_that_names_no_origin_needs_more_than_its_cookie(visitor: Visitor) -> None:
    assert isinstance(visitor.open("/ws", Cookie=visitor.cookie), Answer)
    body, kind = b'{"button":"record"}', "application/json"
    told = {"Cookie": visitor.cookie, "Content_Type": kind}
    assert visitor.ask("/press", "POST", body, told=told).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_shows_no_picture_of_ours(visitor: Visitor, site: str) -> None:
    for path in ("/stream.mjpg", "/recordings/me.csv", "/page.js"):
        told = {"Cookie": visitor.cookie, "Sec_Fetch_Site": site, "Sec_Fetch_Dest": "image"}
        assert visitor.ask(path, told=told).status == 403


def test_a_link_from_another_page_opens_the_page_in_a_tab(visitor: Visitor) -> None:
    told = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}
    assert visitor.ask("/?token=" + visitor.server.token, told=told).status == 200
    told["Sec_Fetch_Dest"] = "iframe"
    assert visitor.ask("/?token=" + visitor.server.token, told=told).status == 403


def test_our_own_page_may_do_all_that(visitor: Visitor) -> None:
    own = {"Cookie": visitor.cookie, "Origin": f"http://{visitor.host}"}
    opened = visitor.open("/ws", **own)
    assert isinstance(opened, Socket)
    assert opened.until("frame")["frame"] == 0
    body, kind = b'{"button":"record"}', "application/json"
    assert visitor.ask("/press", "POST", body, Content_Type=kind, told=own).status == 204
    assert visitor.server.pressed() == ["r"]


def test_the_page_runs_nothing_but_its_own_files(visitor: Visitor) -> None:
    page = visitor.ask("/", auth=True)
    rules = dict(
        part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    text = page.body.decode()
    assert "<script>" not in text
    assert " style=" not in text
    assert " on" not in text.split("<body>")[1].split("</h1>")[0]


# Files


@pytest.mark.parametrize(
    "name",
    [
        "../me.csv",
        "..%2fother.csv",
        "%2e%2e/other.csv",
        "%2fetc%2fpasswd",
        "..%5c..%5cother.csv",
        "other.csv",
        "me.csv%00",
        "me.csv/",
        "me.csv/..%2fother.csv",
        "",
        ".",
        "ME.CSV",
    ],
)
def test_only_recordings_of_this_run_can_be_named(visitor: Visitor, name: str) -> None:
    answer = visitor.ask(f"/recordings/{name}", auth=True)
    assert answer.status in {400, 404}
    assert b"somebody" not in answer.body
    assert b"root" not in answer.body


@pytest.mark.parametrize("path", ["//etc/passwd", "/../../etc/passwd", "/page/../server.py"])
def test_nothing_else_of_the_disk_is_there(visitor: Visitor, path: str) -> None:
    assert visitor.ask(path, auth=True).status in {400, 404}


@pytest.mark.posix("has pipes with names")
def test_a_pipe_is_neither_listed_nor_waited_for(visitor: Visitor, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    visitor.server.tell(RunState(files=(tmp_path / "pipe.csv",)))
    assert visitor.watch().until("state")["files"] == []
    assert visitor.ask("/recordings/pipe.csv", auth=True).status == 404


# Too much, too odd, too slow


def test_messages_that_are_too_long_end_the_socket(visitor: Visitor) -> None:
    socket_ = visitor.watch()
    socket_.send("x" * 100_000)
    assert socket_.closing_code() == 1009
    camera = visitor.open(f"/camera?token={visitor.server.token}")
    assert isinstance(camera, Socket)
    camera.connection.sendall(bytes([0x82, 0xFF]) + struct.pack(">Q", 1 << 40) + bytes(4))
    assert camera.closing_code() == 1009


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "{",
        "nothing",
        '{"type":"press"}',
        '{"type":"press","t":1}',
        '{"type":"clock"}',
        '{"type":"clock","t":"now"}',
        '{"type":"clock","t":NaN}',
        b"x",
    ],
)
def test_messages_that_make_no_sense_end_the_socket(visitor: Visitor, data: str | bytes) -> None:
    socket_ = visitor.watch()
    socket_.send(data)
    assert socket_.closing_code() == 1008


def test_bytes_that_are_no_frames_end_the_socket(visitor: Visitor) -> None:
    for data in (b"\xff" * 64, b"\x81\x85\0\0\0\0\xff\xff\xff\xff\xff", b"\x81\x05hello"):
        socket_ = visitor.watch()
        socket_.connection.sendall(data)
        assert socket_.closing_code() in {None, 1002, 1007, 1008}
    assert visitor.ask("/healthz").status == 200


def test_a_watcher_may_say_two_hundred_things_at_once_and_no_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = SimpleNamespace(perf_counter=lambda: 0.0)
    monkeypatch.setattr("steadypose.realtime.record.live.web.desk.time", stopped)
    for count, code in ((200, None), (201, 1008)):
        watcher = visitor.watch()
        for number in range(count - 1):
            watcher.send(f'{{"type":"seen","frame":{number}}}')
        watcher.send('{"type":"clock","t":1}')
        if code is None:
            assert watcher.until("clock")["t"] == 1
        else:
            assert watcher.closing_code() == code


def test_one_who_stops_saying_what_it_has_seen_holds_nobody_up(visitor: Visitor) -> None:
    watcher = visitor.watch("&seen=1")
    for index in (0, 1, 2):
        if index:
            visitor.server.send(message(index, 1))
        while watcher.until("frame")["frame"] != index:
            pass
        if index == 1:  # two are on their way until one of them has arrived
            watcher.send('{"type":"seen","frame":0}')
    assert visitor.ask("/healthz").status == 200


def test_a_flood_of_messages_ends_the_socket(visitor: Visitor) -> None:
    socket_ = visitor.watch()
    for number in range(2000):
        socket_.send(f'{{"type":"seen","frame":{number}}}')
    assert socket_.closing_code() == 1008


def test_a_flood_of_presses_is_slowed_down(visitor: Visitor) -> None:
    body, kind = b'{"button":"pause"}', "application/json"
    found = [
        visitor.ask("/press", "POST", body, auth=True, Content_Type=kind).status for _ in range(40)
    ]
    assert found[0] == 204
    assert 429 in found
    assert len(visitor.server.pressed()) <= 8


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"button":"q"}', b'{"button":["r"]}', b"\xff"]
)
def test_a_press_that_makes_no_sense_does_nothing(visitor: Visitor, body: bytes) -> None:
    answer = visitor.ask("/press", "POST", body, auth=True, Content_Type="application/json")
    assert answer.status == 400
    assert visitor.server.pressed() == []


def test_a_press_has_room_in_a_kilobyte(visitor: Visitor) -> None:
    body, kind = b'{"button":"record"}', "application/json"
    found = [
        visitor.ask("/press", "POST", body.ljust(size), auth=True, Content_Type=kind).status
        for size in (1024, 1025)
    ]
    assert found == [204, 413]


def test_what_is_too_long_is_refused_before_it_is_read(visitor: Visitor) -> None:
    body, kind = b" " * 1_000_000, "application/json"
    assert visitor.ask("/press", "POST", body, auth=True, Content_Type=kind).status in {0, 413}
    assert visitor.ask("/?" + "x" * 100_000, auth=True).status in {0, 400, 414}
    assert visitor.ask("/", auth=True, X="x" * 100_000).status in {0, 400}
    assert visitor.server.pressed() == []


def test_a_camera_that_sends_rubbish_is_no_camera(server: WebServer, visitor: Visitor) -> None:
    assert server.inlet is not None
    camera = visitor.open(f"/camera?token={server.token}")
    assert isinstance(camera, Socket)
    good = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    at = good.index(b"\xff\xc0") + 5
    bomb = good[:at] + struct.pack(">HH", 65500, 65500) + good[at + 4 :]
    png = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    device = BrowserDevice(server.inlet)
    for bad, age_s in ((b"x", 0.0), (bomb, 0.0), (png, 0.0), (good[:100], float("nan"))):
        camera.send(struct.pack("<d", time.time() - age_s) + bad)  # noqa: TID251
        assert json.loads(camera.read()[1]) == {"type": "taken"}
        assert server.inlet.await_picture(5)
        server.inlet.close()  # so that what is no picture is not waited for again
        assert device.read() is None
        server.inlet._is_closed = False
    sent_s = time.perf_counter()
    camera.send(struct.pack("<d", time.time() - 0.25) + good)  # noqa: TID251
    camera.read()
    found = device.read()
    assert found is not None
    assert found[0].shape == (48, 64, 3)
    assert sent_s - 0.26 < found[1] < sent_s  # the way here costs none of its age
    for told in (b"", b"short", struct.pack("<d", 0.0)):
        camera = visitor.open(f"/camera?token={server.token}")
        assert isinstance(camera, Socket)
        camera.send(told)
        assert camera.closing_code() == 1008


def test_those_who_ask_for_nothing_are_cut_and_keep_nobody_out(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert visitor.ask("/healthz").status == 200  # it has begun to serve
    door = visitor.server.desk.door
    assert door is not None
    monkeypatch.setattr(door, "_within_s", 0.5)
    slow = [visitor.connect() for _ in range(60)]
    for connection in slow:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
    assert visitor.ask("/", auth=True).status == 200
    begin_s = time.perf_counter()
    for connection, number in zip(slow, itertools.count()):
        if number % 2:  # one that goes on, slowly, is no better
            try:
                connection.sendall(b"b")
            except OSError:
                continue
        assert read_answer(connection)[0].status == 0
    assert time.perf_counter() - begin_s < 5


def test_a_body_that_never_comes_is_not_waited_for(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.live.web.routes._BODY_WITHIN_S", 0.2)
    connection = visitor.connect()
    told = {"Authorization": f"Bearer {visitor.server.token}", "Content_Type": "application/json"}
    connection.sendall(visitor.head("/press", "POST", 10, told) + b"{")
    assert read_answer(connection)[0].status == 408


def test_two_hundred_connections_keep_nobody_out(visitor: Visitor) -> None:
    watching = visitor.watch()
    idle = [visitor.connect() for _ in range(200)]
    assert visitor.ask("/", auth=True).status == 200
    door = visitor.server.desk.door
    assert door is not None
    assert len(door.transports) <= 64
    visitor.server.send(message(1, 1))
    while watching.until("frame")["frame"] != 1:
        pass
    assert len(idle) == 200


def test_too_many_watchers_are_told_so(visitor: Visitor) -> None:
    for _ in range(MOST_WATCHERS):
        visitor.watch().until("frame")
    answer = visitor.open(f"/ws?token={visitor.server.token}")
    assert isinstance(answer, Answer)
    assert answer.status == 503


def test_the_run_hands_over_as_quickly_while_it_is_attacked(visitor: Visitor) -> None:
    stop, address = threading.Event(), visitor.server.address

    def attack() -> None:
        while not stop.is_set():
            with socket.create_connection((address.host, address.port)) as one:
                one.sendall(b"GET /ws HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                read_answer(one)

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    took = []
    for index in range(200):
        one = message(index, 1)
        begin_s = time.perf_counter()
        visitor.server.send(one)
        took.append(time.perf_counter() - begin_s)
        time.sleep(0.002)
    stop.set()
    for thread in threads:
        thread.join()
    assert np.percentile(took, 50) < 1e-3


# Where it listens


def test_others_can_connect_only_where_a_token_was_chosen() -> None:
    with pytest.raises(NeedsTokenError):
        WebServer(Address("0.0.0.0", 0), COCO17, draw=draw_poses)  # noqa: S104
    token = "chosen-by-somebody"  # noqa: S105
    server = WebServer(Address("0.0.0.0", 0), COCO17, draw=draw_poses, token=token)  # noqa: S104
    visitor = Visitor(server)
    try:
        for host in ("192.168.1.7:80", socket.gethostname(), "localhost"):
            assert visitor.ask("/", Host=host, auth=True).status == 200
        assert visitor.ask("/", Host="evil.example", auth=True).status == 421
        name, _, value = visitor.cookie.partition("=")
        assert visitor.ask("/", Cookie=f"{name}={value}").status == 200
    finally:
        visitor.close()
        server.close()
    again = WebServer(
        Address("127.0.0.1", server.address.port), COCO17, draw=draw_poses, token="another" * 3
    )
    visitor = Visitor(again)
    try:
        assert visitor.ask("/", Cookie=f"{name}={value}").status == 401
    finally:
        visitor.close()
        again.close()
