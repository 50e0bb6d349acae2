"""What those who may watch a run see of it, and what they can do."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("aiohttp")

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime import cli
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live import opening
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions, open_live
from steadypose.realtime.record.live.state import BUTTONS, RunState
from steadypose.realtime.record.live.web.server import WebServer
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.browser import Inlet, open_browser
from tests.realtime.record.test_live import message
from tests.support.visitor import BINARY, CLOSE, TEXT, Socket, Visitor

LOOPBACK = Address("127.0.0.1", 0)


@pytest.fixture
def server() -> Iterator[WebServer]:
    found = WebServer(LOOPBACK, COCO17, draw=draw_poses)
    yield found
    found.close()


def frames_of(watcher: Socket) -> Iterator[tuple[int, bytes]]:
    """Number and JPEG of each frame, until the run ends."""
    while (found := watcher.read())[0] != CLOSE:
        if found[0] == TEXT and (told := json.loads(found[1]))["type"] == "frame":
            kind, data = watcher.read()
            assert kind == BINARY
            yield told["frame"], data


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


# Frames


def test_each_watcher_gets_what_was_sent_with_its_picture(visitor: Visitor) -> None:
    watcher = visitor.watch("&picture=1")
    hello = watcher.until("hello")
    assert hello["names"] == list(COCO17.keypoints)
    assert hello["limbs"] == [list(limb) for limb in COCO17.limbs]
    assert hello["sides"][5:7] == ["left", "right"]
    sent = message(3, 1, 2)
    visitor.server.send(sent)
    told = watcher.until("frame")
    assert (told["frame"], told["unit"], told["size_wh"]) == (3, "px", [640, 360])
    assert abs(told["unix_s"] - sent.unix_s()) < 1e-3
    for person, pose in zip(told["persons"], sent.poses, strict=True):
        assert person["id"] == pose.track_id
        for k, point in enumerate(person["keypoints"]):
            assert point["name"] == COCO17.keypoints[k]
            assert point["score"] == pytest.approx(pose.score[k], abs=6e-4)
            xy = [np.nan if point[axis] is None else point[axis] for axis in "xy"]
            np.testing.assert_allclose(xy, pose.xy[k], atol=6e-3)
    kind, data = watcher.read()
    assert kind == BINARY
    assert decoded(data).shape == (360, 640, 3)


def test_a_picture_is_encoded_once_for_all_and_only_where_somebody_watches(
    visitor: Visitor,
) -> None:
    board = visitor.server.desk.board
    poses_only = visitor.watch()
    for index in range(5):
        visitor.server.send(message(index, 1))
        assert poses_only.until("frame")["frame"] == index
    assert board.encoded == 0
    watchers = [frames_of(visitor.watch("&picture=1")) for _ in range(3)]
    first = [next(watcher) for watcher in watchers]
    assert len(set(first)) == 1
    for index in range(5, 9):
        visitor.server.send(message(index, 1))
        assert len({next(watcher) for watcher in watchers}) == 1
    assert board.encoded == 5


def test_one_who_does_not_read_holds_nobody_up_and_fills_no_memory(visitor: Visitor) -> None:
    stalled, silent = visitor.watch("&picture=1"), visitor.watch("&picture=1&seen=1")
    watcher = frames_of(visitor.watch("&picture=1"))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (360, 640, 3), np.uint8)  # its JPEG is large
    for index in range(120):
        one = message(index, 1)
        assert one.image_bgr is not None
        one.image_bgr[:] = noise
        visitor.server.send(one)
        assert next(watcher)[0] == index
    assert _waiting_bytes(visitor.server) < 1 << 20
    (first, _), (second, _) = _some(silent, 2)
    assert first < second < 119  # it has said of neither that it has seen it
    assert len(stalled.read()[1]) > 0


def _waiting_bytes(server: WebServer) -> int:
    """The most that waits for somebody who does not read."""
    door = server.desk.door
    assert door is not None
    return max(transport.get_write_buffer_size() for transport in door.transports)


def _some(watcher: Socket, count: int) -> list[tuple[int, bytes]]:
    return [found for _, found in zip(range(count), frames_of(watcher), strict=False)]


def test_who_says_what_it_has_seen_never_has_more_than_two_before_it(visitor: Visitor) -> None:
    watcher = visitor.watch("&seen=1")
    watcher.until("hello")
    for index in range(50):
        visitor.server.send(message(index))
        time.sleep(0.002)
    got = [watcher.until("frame")["frame"]]
    got.append(watcher.until("frame")["frame"])
    watcher.send(json.dumps({"type": "seen", "frame": got[0]}))
    assert watcher.until("frame")["frame"] == 49  # not one of those that have waited
    assert got[0] <= got[1] < 49


def test_the_stream_has_the_people_drawn_in(visitor: Visitor) -> None:
    visitor.server.send(message(0, 1))
    found = {}
    for query in ("", "&plain=1"):
        connection = visitor.connect()
        token = visitor.server.token
        connection.sendall(visitor.head(f"/stream.mjpg?token={token}{query}", "GET", 0, {}))
        data = b""
        while not re.search(rb"Content-Length: \d+\r\n\r\n.*\xff\xd9", data, re.DOTALL):
            data += connection.recv(1 << 16)
        assert b"multipart/x-mixed-replace; boundary=steadypose-frame" in data
        jpeg = data[data.index(b"\xff\xd8") :]
        found[query] = decoded(jpeg)
    assert found["&plain=1"].max() < 10
    assert found[""].max() > 100


def test_the_stream_goes_on_while_the_run_says_something_else(visitor: Visitor) -> None:
    connection, token = visitor.connect(), visitor.server.token
    connection.sendall(visitor.head(f"/stream.mjpg?token={token}", "GET", 0, {}))
    while b"\r\n\r\n" not in connection.recv(1 << 16):
        pass
    board = visitor.server.desk.board
    for text in ("paused", "running"):
        visitor.server.tell(RunState(message=text))
        end_s = time.perf_counter() + 5
        while f'"{text}"' not in board.notice:
            assert time.perf_counter() < end_s
            time.sleep(0.01)
    visitor.server.send(message(0, 1))
    assert b"Content-Type: image/jpeg" in connection.recv(1 << 16)


def test_shares_on_the_page_leave_the_drawn_picture_as_it_is(tmp_path: Path) -> None:
    server = WebServer(LOOPBACK, COCO17, draw=draw_poses, is_normalized=True)
    visitor = Visitor(server)
    sent = message(0, 1)
    server.send(sent)
    told = visitor.watch().until("frame")
    assert told["unit"] == "share"
    point = next(p for p in told["persons"][0]["keypoints"] if p["x"] is not None)
    k = COCO17.keypoints.index(point["name"])
    assert point["x"] * 640 - 0.5 == pytest.approx(sent.poses[0].xy[k, 0], abs=0.01)
    visitor.close()
    server.close()


def test_without_pictures_there_are_none(tmp_path: Path) -> None:
    server = WebServer(LOOPBACK, COCO17, draw=draw_poses, has_pictures=False)
    visitor = Visitor(server)
    watcher = visitor.watch("&picture=1")
    assert watcher.until("hello")["has_picture"] is False
    for index in range(2):
        server.send(message(index, 1))
        kind, data = watcher.read()
        assert kind == TEXT
        assert json.loads(data)["has_picture"] is False
    assert visitor.ask("/stream.mjpg", auth=True).status == 404
    assert server.desk.board.encoded == 0
    visitor.close()
    server.close()


# What the run says, and what may be pressed


def test_state_and_recordings_are_shown_and_can_be_fetched(
    visitor: Visitor, tmp_path: Path
) -> None:
    watcher = visitor.watch()
    files = (tmp_path / "a" / "me.csv", tmp_path / "b" / "me.csv", tmp_path / "gone.csv")
    for number, path in enumerate(files[:2]):
        path.parent.mkdir()
        path.write_text(f"file {number}")
    visitor.server.tell(RunState(lines=("30 fps",), is_recording=True, files=files))
    told = watcher.until("state")
    assert (told["lines"], told["is_recording"], told["is_paused"]) == (["30 fps"], True, False)
    assert told["files"] == [
        {"name": "me.csv", "size_bytes": 6},
        {"name": "me-2.csv", "size_bytes": 6},
    ]
    answer = visitor.ask("/recordings/me-2.csv", auth=True)
    assert answer.body == b"file 1"
    assert answer.headers["content-disposition"] == 'attachment; filename="me-2.csv"'


@pytest.mark.parametrize("query", ["", "&seen=1"])
def test_the_end_of_the_run_is_told(visitor: Visitor, query: str) -> None:
    watcher = visitor.watch(query)
    watcher.until("hello")
    for index in range(2):  # one who says of neither that it has seen it learns that as well
        visitor.server.send(message(index))
        assert watcher.until("frame")["frame"] == index
    visitor.server.close()
    assert watcher.until("end") == {"type": "end"}
    assert watcher.read()[0] == CLOSE


def test_a_page_that_is_open_goes_on_with_the_next_run(visitor: Visitor) -> None:
    """As far as somebody chose its token; see SECURITY.md."""
    visitor.server.close()
    at, token = visitor.server.address, "chosen-by-somebody"
    first = WebServer(at, COCO17, draw=draw_poses, token=token)
    before = Visitor(first)
    cookie = before.cookie
    before.close()
    first.close()
    server = WebServer(at, COCO17, draw=draw_poses, token=token)
    again = Visitor(server)
    assert again.ask("/", Cookie=cookie).status == 200
    opened = again.open("/ws", Cookie=cookie, Origin=f"http://{again.host}")
    assert isinstance(opened, Socket)
    again.close()
    server.close()


def test_every_button_does_what_its_key_does() -> None:
    from steadypose.realtime.app.keys import find_key

    done: list[str] = []

    class Run:
        def __getattr__(self, name: str) -> object:
            return lambda: done.append(name)

    for key in BUTTONS.values():
        found = find_key(key)
        assert found is not None
        found.act(Run())  # type: ignore[arg-type]
    assert done == list(BUTTONS)


def test_a_run_that_stands_still_is_not_healthy(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(visitor.ask("/healthz").body) == {"status": "waiting"}
    visitor.server.tell(RunState())
    assert visitor.ask("/healthz").status == 200
    monkeypatch.setattr("steadypose.realtime.record.live.web.desk._STALLED_S", -1)
    answer = visitor.ask("/healthz")
    assert (answer.status, json.loads(answer.body)) == (503, {"status": "stalled"})


# A whole run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_run_is_watched_paused_and_recorded_from_afar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[WebServer] = []
    begin = WebServer.__init__

    def remember(self: WebServer, *args: object, **kwargs: object) -> None:
        begin(self, *args, **kwargs)  # type: ignore[arg-type]
        servers.append(self)
        thread.start()

    monkeypatch.setattr(WebServer, "__init__", remember)
    got: dict[int, dict[str, Any]] = {}

    def visit() -> None:
        visitor = Visitor(servers[0])
        watcher = visitor.watch()
        got.update((found["frame"], found) for found in _frames(watcher, 10))
        _press(visitor, "pause")
        while not watcher.until("state")["is_paused"]:
            pass
        _press(visitor, "record")
        while watcher.until("state")["is_recording"]:
            pass
        _press(visitor, "record")
        _press(visitor, "pause")
        told = (found for found in watcher.objects() if found["type"] == "frame")
        got.update((found["frame"], found) for found in told)
        visitor.close()

    thread = threading.Thread(target=visit)
    path = tmp_path / "me.jsonl"
    argv = ["--source", "demo", "--headless", "--jsonl", str(path), "--max-frames", "60"]
    assert cli.main([*argv, "--serve", str(free_port())]) == 0
    thread.join(10)
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    recorded = {line["frame"]: line for line in lines}
    assert len(got) > 20
    assert max(got) == 59
    for number, told in got.items():
        line = recorded[number]
        assert told["time_s"] == line["time_s"]
        for person, expected in zip(told["persons"], line["persons"], strict=True):
            assert (person["id"], person["score"]) == (expected["id"], expected["score"])
            points = [[p["x"], p["y"], p["score"]] for p in person["keypoints"]]
            assert points == expected["keypoints"]
            assert [p["state"] for p in person["keypoints"]] == expected["state"]


def _frames(watcher: Socket, count: int) -> list[dict[str, Any]]:
    return [watcher.until("frame") for _ in range(count)]


def _press(visitor: Visitor, button: str) -> None:
    body = json.dumps({"button": button}).encode()
    kind = "application/json"
    assert visitor.ask("/press", "POST", body, auth=True, Content_Type=kind).status == 204


# The browser's camera


def test_a_browsers_camera_is_waited_for_followed_and_waited_for_again() -> None:
    inlet = Inlet()
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()

    put_s: list[float] = []

    def visit(frames: int) -> None:
        page = inlet.connect()
        for _ in range(frames):
            put_s.append(time.perf_counter())
            assert inlet.put(page, jpeg, 0.05)
            time.sleep(0.02)
        inlet.disconnect(page)

    threading.Timer(0.2, visit, (10,)).start()
    source = open_browser(inlet)
    frame = source.read(5)
    assert frame is not None
    assert frame.image_bgr.shape == (48, 64, 3)
    assert put_s[0] - 0.051 < frame.captured_s < time.perf_counter() - 0.049
    said = trouble_of(source, is_there=True)
    assert said is not None
    assert "camera lost" in said
    thread = threading.Thread(target=visit, args=(50,))
    thread.start()
    assert trouble_of(source, is_there=False) is None
    thread.join()
    inlet.close()
    source.close()


def trouble_of(source: Source, *, is_there: bool) -> str | None:
    """What is wrong, once something is, or nothing any more."""
    until_s = time.perf_counter() + 5
    while (source.trouble is not None) != is_there and time.perf_counter() < until_s:
        source.read(0.05)
    return source.trouble


def test_a_page_that_takes_over_is_the_camera() -> None:
    inlet = Inlet()
    first, second = inlet.connect(), inlet.connect()
    assert not inlet.put(first, b"old", 0.0)
    assert inlet.put(second, b"new", 0.0)
    inlet.disconnect(first)
    found = inlet.take(1)
    assert found is not None
    assert found[0] == b"new"


def test_the_first_page_is_waited_for_without_end_and_one_that_went_for_a_second_at_a_time() -> (
    None
):
    waits, is_again, is_over = list[float | None](), threading.Event(), threading.Event()

    class Door(Inlet):
        def await_picture(self, timeout_s: float | None) -> bool:
            waits.append(timeout_s)
            if len(waits) == 1:
                return True
            is_again.set()
            return not is_over.wait(10)

        def take(self, timeout_s: float) -> tuple[bytes, float] | None:
            return next(pictures, None)

    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    pictures = iter([(jpeg, 0.0)])
    source = open_browser(Door())
    assert is_again.wait(10)
    is_over.set()
    source.close()
    assert waits[:2] == [None, 1.0]


def test_a_run_that_ends_waits_for_no_page() -> None:
    inlet = Inlet()
    threading.Timer(0.1, inlet.close).start()
    begin_s = time.perf_counter()
    with pytest.raises(SourceError, match="no page sends pictures"):
        open_browser(inlet)
    assert time.perf_counter() - begin_s < 2


# What can be typed


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--source", "browser"], "--source browser needs a page"),
        (["--serve-poses-only"], "--serve-poses-only says nothing without --serve"),
        (["--serve-token", "env:X"], "--serve-token says nothing without --serve"),
        (["--serve-origin", "https://a"], "--serve-origin says nothing without --serve"),
        (["--serve", "8000", "--serve-origin", "null"], "'null' is not the origin of a page"),
        (["--serve", "x"], "is not HOST:PORT"),
        (["--serve", "..:8080"], "no host is called '..'"),
        (["--serve", "a" * 70 + ":8080"], "no host is called"),
        (["--udp", f"x.{'a' * 70}.example:8080"], "no host is called"),
        (["--osc", "a..b:8080"], "no host is called 'a..b'"),
        (["--serve", "0.0.0.0:1"], "can be reached from other machines"),
        (["--serve", "192.0.2.1:8000"], "nothing can be served at 192.0.2.1:8000"),
        (["--serve", "8000", "--serve-token", "typed"], "is neither @FILE nor env:NAME"),
        (["--serve", "8000", "--serve-token", "env:NO_SUCH"], "holds no token of 16"),
        (["--serve", "8000", "--serve-token", "@no/such"], "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = [] if "--source" in argv else ["--source", "demo"]
    assert cli.main([*source, "--headless", *argv]) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert cli.main(["--source", "demo", "--headless", "--serve", port]) == 2
    told = capsys.readouterr().err
    assert f"nothing can be served at 127.0.0.1:{port}: " in told
    assert "fix: choose another port" in told


def test_a_chosen_token_opens_the_page_and_is_recorded_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("chosen-by-somebody\n")
    path, port = tmp_path / "me.csv", free_port()
    argv = ["--source", "demo", "--headless", "--csv", str(path), "--max-frames", "3"]
    argv += ["--serve", str(port), "--serve-token", f"@{tmp_path / 'token'}"]
    assert cli.main(argv) == 0
    assert f"page: http://127.0.0.1:{port}/?token=chosen-by-somebody" in capsys.readouterr().err
    assert "chosen" not in (tmp_path / "me.meta.json").read_text()


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, f"{opening.__package__}.web.server", None)
    with pytest.raises(UsageError, match="--serve needs the package aiohttp"):
        open_live(LiveOptions(serve=ServeOptions(LOOPBACK)), COCO17, persons=1)
