"""What many files, slow visitors and failures of ours cost those who watch."""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web import desk, shelf, within
from steadypose.realtime.record.live.web.desk import MOST_CAMERAS, MOST_DOWNLOADS, MOST_WATCHERS
from steadypose.realtime.record.live.web.server import WebServer
from steadypose.realtime.record.live.web.shelf import Shelf
from tests.realtime.record.test_live import message
from tests.support.visitor import CLOSE, Answer, Socket, Visitor, read_answer


@pytest.fixture
def server() -> Iterator[WebServer]:
    found = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses, takes_camera=True)
    yield found
    found.close()


def until(is_so: object, within_s: float = 5.0) -> bool:
    """Whether something is so in time."""
    assert callable(is_so)
    end_s = time.perf_counter() + within_s
    while not (found := is_so()) and time.perf_counter() < end_s:
        time.sleep(0.01)
    return bool(found)


# Files


def some_files(folder: Path, count: int) -> tuple[Path, ...]:
    """Files of one byte, each a second younger than the one before."""
    found = []
    for number in range(count):
        path = folder / f"{number:04}.csv"
        path.write_bytes(b"x")
        os.utime(path, (1e9 + number, 1e9 + number))
        found.append(path)
    return tuple(found)


def test_the_newest_of_many_files_are_listed_and_each_can_be_fetched(
    visitor: Visitor, tmp_path: Path
) -> None:
    files = some_files(tmp_path, 1000)
    os.utime(files[3])  # the table that the run began with is still written to
    visitor.server.tell(RunState(files=files))
    told = visitor.watch().until("state")
    names = [file["name"] for file in told["files"]]
    assert names == ["0003.csv", *(path.name for path in files[-99:])]
    assert told["more_files"] == 900
    assert len(json.dumps(told)) < 10_000
    assert visitor.ask("/recordings/0500.csv", auth=True).body == b"x"


def test_files_are_looked_at_once_a_second_and_only_where_somebody_watches(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    look = Shelf._look

    def counted(self: Shelf) -> shelf.Listed:
        looks.append(time.perf_counter())
        return look(self)

    monkeypatch.setattr(Shelf, "_look", counted)
    visitor.server.tell(RunState(files=some_files(tmp_path, 3)))
    time.sleep(0.3)
    assert looks == []
    watcher = visitor.watch()
    assert len(watcher.until("state")["files"]) == 3
    assert until(lambda: len(looks) == 3)
    assert min(b - a for a, b in itertools.pairwise(looks)) >= desk._LIST_S


def test_what_the_files_have_become_at_the_end_is_told(visitor: Visitor, tmp_path: Path) -> None:
    (path,) = some_files(tmp_path, 1)
    visitor.server.tell(RunState(files=(path,)))
    watcher = visitor.watch()
    assert watcher.until("state")["files"][0]["size_bytes"] == 1
    path.write_bytes(b"xyz")
    visitor.server.close()
    assert watcher.until("state")["files"][0]["size_bytes"] == 3


def test_a_file_that_may_not_be_looked_at_ends_nothing(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat, (path,) = Path.stat, some_files(tmp_path, 1)
    calls: list[Path] = []

    def once(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if self == path:
            calls.append(self)
            if len(calls) > 1:  # a file server that has restarted in between
                raise OSError(116, "Stale file handle")
        return stat(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", once)
    visitor.server.tell(RunState(files=(path,)))
    watcher = visitor.watch()
    assert watcher.until("state")["files"]
    assert watcher.until("state")["files"] == []
    assert visitor.ask("/", auth=True).status == 200


# Those who are slow


def test_stalled_downloads_keep_nobody_out(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(within, "SEND_WITHIN_S", 1.0)
    path = tmp_path / "me.mp4"
    with path.open("wb") as file:
        file.truncate(1 << 24)
    visitor.server.tell(RunState(files=(path,)))
    told = {"Authorization": f"Bearer {visitor.server.token}"}
    head = visitor.head("/recordings/me.mp4", "GET", 0, told)
    stalled = [visitor.connect() for _ in range(MOST_DOWNLOADS)]
    for connection in stalled:
        connection.sendall(head)
    taken = visitor.server.desk.downloads
    assert until(lambda: taken.taken == MOST_DOWNLOADS)
    answer = visitor.ask("/recordings/me.mp4", auth=True)
    assert (answer.status, answer.body) == (503, b"too many fetch files already\n")
    assert visitor.ask("/healthz").status == 200
    assert until(lambda: taken.taken == 0)
    door = visitor.server.desk.door
    assert door is not None
    assert until(lambda: not door.transports)
    assert len(visitor.ask("/recordings/me.mp4", auth=True).body) == 1 << 24


@pytest.mark.parametrize("path", ["/stream.mjpg", "/ws", "/camera", "/recordings/me.csv"])
def test_what_goes_on_for_a_while_has_no_head_to_ask_for(visitor: Visitor, path: str) -> None:
    connection = visitor.connect()
    told = {"Authorization": f"Bearer {visitor.server.token}"}
    connection.sendall(visitor.head(path, "HEAD", 0, told))
    assert read_answer(connection)[0].status == 405
    assert visitor.server.desk.watchers.taken == 0
    assert visitor.ask("/", "HEAD", auth=True).status == 200


def test_a_camera_that_is_replaced_goes_at_once_and_few_are_taken(visitor: Visitor) -> None:
    path, server = f"/camera?token={visitor.server.token}", visitor.server
    first = visitor.open(path)
    assert isinstance(first, Socket)
    # A picture that never ends, which would keep its place and its megabytes.
    first.connection.sendall(bytes([0x82, 0xFF]) + (1 << 22).to_bytes(8, "big") + bytes(4 + 999))
    second = visitor.open(path)
    assert isinstance(second, Socket)
    assert json.loads(first.read()[1]) == {"type": "replaced"}
    assert first.read()[0] == CLOSE
    second.send(bytes(8) + b"x")
    assert json.loads(second.read()[1]) == {"type": "taken"}
    assert until(lambda: server.desk.cameras.taken == 1)
    answers = [visitor.open(path) for _ in range(12)]
    refused = [one for one in answers if isinstance(one, Answer)]
    assert server.desk.cameras.taken <= MOST_CAMERAS
    assert {one.status for one in refused} == {503}
    assert until(lambda: server.desk.cameras.taken == 1)


# Failures of ours


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_failure_of_ours_is_shown_once(
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    is_stream: bool,  # noqa: FBT001
) -> None:
    def broken(*_: object) -> bytes:
        raise TypeError("no picture at all")

    monkeypatch.setattr("steadypose.realtime.record.live.web.board.to_jpeg", broken)
    visitor.server.send(message(0, 1))
    for _ in range(3):
        if is_stream:
            visitor.ask("/stream.mjpg", auth=True)
        else:
            assert visitor.watch("&picture=1").closing_code() == 1011
    assert until(lambda: visitor.server.desk.watchers.taken == 0)
    said = capfd.readouterr().err
    assert said.count("the page has failed for somebody who watches:") == 1
    assert said.count("TypeError: no picture at all") == 1
    assert "Traceback" in said


def test_what_visitors_do_is_no_failure_of_ours(
    visitor: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    visitor.server.send(message(0, 1))
    for data in (b"\0" * 99, b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01", b"GET /" + b"x" * 99_999):
        connection = visitor.connect()
        connection.sendall(data + b"\r\n\r\n")
        connection.close()
    for index in range(MOST_WATCHERS):
        watcher = visitor.watch("&picture=1")
        watcher.send("{" if index % 2 else '{"type":"seen","frame":[]}')
        watcher.connection.shutdown(socket.SHUT_RDWR)
        watcher.connection.close()
        visitor.server.send(message(index, 1))
    assert until(lambda: visitor.server.desk.watchers.taken == 0)
    assert capfd.readouterr().err == ""


def test_the_loop_is_made_on_the_servers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows one that is made on the main thread takes Ctrl-C's wake-up from it."""
    import asyncio

    made: list[str] = []
    make = asyncio.new_event_loop

    def remember() -> asyncio.AbstractEventLoop:
        made.append(threading.current_thread().name)
        return make()

    monkeypatch.setattr(asyncio, "new_event_loop", remember)
    WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses).close()
    assert made == ["page"]


# The end


def test_one_who_waits_for_a_picture_learns_that_the_run_has_ended(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        begun.set()
        go_on.wait(5)
        return b"a picture"

    monkeypatch.setattr("steadypose.realtime.record.live.web.board.to_jpeg", slow)
    first = visitor.watch("&picture=1")
    visitor.server.send(message(0, 1))
    assert begun.wait(5)
    visitor.server.send(message(1, 1))
    second = visitor.watch("&picture=1")
    board = visitor.server.desk.board
    assert until(lambda: board.encoded == 2)  # behind the first, which is being encoded
    closing = threading.Thread(target=visitor.server.close)
    closing.start()
    assert second.until("end") == {"type": "end"}
    assert second.read()[0] == CLOSE
    go_on.set()
    assert first.until("end") == {"type": "end"}
    closing.join()


def test_whoever_comes_at_the_very_end_is_cut(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> None:
        """As if the connection had come when everything else was closed."""

    monkeypatch.setattr("aiohttp.web.AppRunner.cleanup", nothing)
    late = visitor.connect()
    assert visitor.ask("/healthz").status == 200
    door = visitor.server.desk.door
    assert door is not None
    assert until(lambda: door.transports)
    visitor.server.close()
    visitor.server._thread.join(10)
    assert not visitor.server._thread.is_alive()
    assert not door.transports
    assert read_answer(late)[0].status == 0
