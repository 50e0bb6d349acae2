"""Several sources on one page: who watches chooses one, buttons act on all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, open_live
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web.server import WebServer
from tests.realtime.record.test_live import message
from tests.support.visitor import Visitor


@pytest.fixture
def server() -> Iterator[WebServer]:
    at = Address("127.0.0.1", 0)
    found = WebServer(at, COCO17, draw=draw_poses, sources=("hall", "door"))
    yield found
    found.close()


def test_who_watches_is_told_the_sources_and_gets_the_one_that_was_asked_for(
    visitor: Visitor,
) -> None:
    seats = visitor.server.seats
    watchers = {"hall": visitor.watch(), "door": visitor.watch("&source=door")}
    for name, watcher in watchers.items():
        hello = watcher.until("hello")
        assert (hello["source"], hello["sources"]) == (name, ["hall", "door"])
    seats["door"].send(message(5, 1, 2))
    seats["hall"].send(message(7, 1))
    for name, frame, people in (("door", 5, 2), ("hall", 7, 1)):
        told = watchers[name].until("frame")
        assert (told["source"], told["frame"], len(told["persons"])) == (name, frame, people)


def test_a_source_that_is_none_is_not_found(visitor: Visitor) -> None:
    for path in ("/stream.mjpg", "/recordings/a.csv"):
        assert visitor.ask(f"{path}?source=roof", auth=True).status == 404


def test_buttons_act_on_all_and_files_are_those_of_each(visitor: Visitor, tmp_path: Path) -> None:
    seats = visitor.server.seats
    for name, seat in seats.items():
        (tmp_path / f"o.{name}.csv").write_text(name)
        seat.tell(RunState(files=(tmp_path / f"o.{name}.csv",)))
    pressed = json.dumps({"button": "record"}).encode()
    answer = visitor.ask("/press", "POST", pressed, auth=True, Content_Type="application/json")
    assert answer.status == 204
    assert [seat.pressed() for seat in seats.values()] == [["r"], ["r"]]
    state = visitor.watch("&source=door").until("state")
    assert [file["name"] for file in state["files"]] == ["o.door.csv"]
    path = "/recordings/o.door.csv"
    assert visitor.ask(f"{path}?source=door", auth=True).body == b"door"
    assert visitor.ask(path, auth=True).status == 404, "it is none of the first source's"


def test_the_end_of_one_source_leaves_the_page_to_the_others(visitor: Visitor) -> None:
    seats = visitor.server.seats
    lives = [
        open_live(LiveOptions(), COCO17, persons=1, source=name, seat=seat)
        for name, seat in seats.items()
    ]
    watcher = visitor.watch("&source=door")
    watcher.until("hello")
    lives[0].close()
    lives[1]._senders[0].offer(message(3, 1))
    assert watcher.until("frame")["frame"] == 3
    lives[1].close()


def test_a_source_that_has_ended_says_so_and_is_no_standstill(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadypose.realtime.record.live.web.desk._STALLED_S", -1)
    seats = visitor.server.seats
    seats["hall"].tell(RunState(lines=("30 fps",), is_recording=True))
    assert visitor.ask("/healthz").status == 503
    seats["hall"].close()
    answer = visitor.ask("/healthz")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    state = visitor.watch().until("state")
    assert (state["message"], state["is_recording"]) == ("this source has ended", False)
    seats["door"].tell(RunState())
    assert visitor.ask("/healthz").status == 503, "the other stands still"


def test_the_pages_camera_is_that_of_the_source_which_reads_it() -> None:
    at, names = Address("127.0.0.1", 0), ("hall", "door")
    server = WebServer(at, COCO17, draw=draw_poses, takes_camera=True, sources=names, camera="door")
    guest = Visitor(server)
    try:
        assert {name: seat.inlet for name, seat in server.seats.items()} == {
            "hall": None,
            "door": server.inlet,
        }
        for name in names:  # whichever is watched, the page offers its camera
            assert guest.watch(f"&source={name}").until("hello")["takes_camera"]
        answer = guest.ask("/camera", auth=True)
        assert answer.status == 400, "it wants a socket"
        assert "camera=(self)" in answer.headers["permissions-policy"]
    finally:
        guest.close()
        server.close()


def test_one_source_says_nothing_of_others(visitor: Visitor) -> None:
    alone = WebServer(Address("127.0.0.1", 0), COCO17, draw=draw_poses)
    guest = Visitor(alone)
    watcher = guest.watch()
    assert "sources" not in watcher.until("hello")
    alone.send(message(1, 1))
    assert "source" not in watcher.until("frame")
    guest.close()
    alone.close()
