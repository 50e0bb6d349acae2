"""The page's own rules, on a clock of the test: how much, how many and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp")

from aiohttp import web

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.record.live.message import message_of, normalized
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.record.live.web import desk as desks
from steadypose.realtime.record.live.web import gate as gates
from steadypose.realtime.record.live.web import shelf as shelves
from steadypose.realtime.record.live.web import within
from steadypose.realtime.record.live.web.board import NOTHING_YET, Board, OverError
from steadypose.realtime.record.live.web.desk import Desk, Pace, Places
from steadypose.realtime.record.live.web.gate import Gate
from steadypose.realtime.record.live.web.payload import frame_text
from steadypose.realtime.record.live.web.shelf import Shelf
from tests.realtime.record.test_live import message

DAY_S = 24 * 60 * 60


class Clock:
    """Both of a process' clocks, turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def perf_counter(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (desks, gates, shelves):
        monkeypatch.setattr(module, "time", found)
    return found


def test_ten_buttons_may_be_pressed_at_once_and_ten_a_second_from_then_on(clock: Clock) -> None:
    pace = Pace(10)
    assert [pace.allows() for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now_s += 0.25
    assert [pace.allows() for _ in range(3)] == [True, True, False]
    clock.now_s += 0.06  # half of one was left
    assert [pace.allows() for _ in range(2)] == [True, False]
    clock.now_s += 3600  # who waits saves no more than ten
    assert sum(pace.allows() for _ in range(30)) == 10


def test_one_more_than_fit_in_is_told_and_finds_a_place_once_somebody_goes() -> None:
    places = Places(2, "full")
    with places.take():
        with places.take():
            with pytest.raises(web.HTTPServiceUnavailable) as told:
                places.take().__enter__()
            assert told.value.text == "full\n"
            assert places.taken == 2
        with places.take():
            assert places.taken == 2
    with pytest.raises(ZeroDivisionError), places.take():
        raise ZeroDivisionError
    assert places.taken == 0


def desk_of(told_s: float | None) -> Desk:
    gate = Gate("127.0.0.1", 8000)
    return Desk(gate, SimpleNamespace(), "", "c", told_s=told_s)  # type: ignore[arg-type]


def test_a_run_that_said_nothing_for_ten_seconds_is_called_stalled(clock: Clock) -> None:
    desk = desk_of(clock.now_s)
    found = []
    for later_s in (9.9, 0.2):
        clock.now_s += later_s
        found.append(desk.is_stalled)
    assert found == [False, True]
    assert not desk_of(None).is_stalled, "it has not begun"


def test_sixteen_watch_eight_fetch_files_and_four_pages_are_cameras_at_once() -> None:
    desk = desk_of(None)
    for places, most in ((desk.watchers, 16), (desk.downloads, 8), (desk.cameras, 4)):
        with contextlib.ExitStack() as stack:
            for _ in range(most):
                stack.enter_context(places.take())
            with pytest.raises(web.HTTPServiceUnavailable):
                stack.enter_context(places.take())


def test_of_buttons_that_the_run_has_not_taken_the_last_eight_are_kept(clock: Clock) -> None:
    desk = desk_of(None)
    desk.presses.extend("abcdefghij")
    assert "".join(desk.presses) == "cdefghij"
    assert [desk.pace.allows() for _ in range(11)] == [True] * 10 + [False]


def test_sizes_of_files_on_the_page_are_a_second_old_at_most(clock: Clock, tmp_path: Path) -> None:
    desk, told = desk_of(clock.now_s), list[str]()
    desk.board.announce = told.append  # type: ignore[method-assign,assignment]
    path = tmp_path / "a.csv"
    path.write_bytes(b"1")
    desk.state = RunState(files=(path,))
    desk.renew()
    assert told == [], "nobody watches"
    with desk.watching():
        path.write_bytes(b"12")
        for later_s in (0.9, 0.2):
            clock.now_s += later_s
            desk.renew()
        path.write_bytes(b"123")
        desk.renew(within_s=0.0)
    assert [json.loads(text)["files"][0]["size_bytes"] for text in told] == [1, 1, 2, 2]
    clock.now_s += 0.1
    with desk.watching():
        desk.renew(within_s=0.0)
    assert json.loads(told[-1])["files"][0]["size_bytes"] == 3


def test_one_who_takes_nothing_is_waited_for_twenty_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    @contextlib.asynccontextmanager
    async def timeout(seconds: float) -> Any:
        waits.append(seconds)
        yield

    monkeypatch.setattr(within, "timeout", timeout)
    asyncio.run(within.in_time(asyncio.sleep(0)))
    assert waits == [20.0]


def test_the_system_keeps_a_quarter_megabyte_for_one_who_does_not_read() -> None:
    with socket.socket() as wire:
        options: list[tuple[int, ...]] = []
        spy = SimpleNamespace(setsockopt=lambda *given: options.append(given))
        for found in (spy, None):
            transport = SimpleNamespace(get_extra_info={"socket": found}.get)
            within.keep_little(SimpleNamespace(transport=transport))  # type: ignore[arg-type]
        within.keep_little(SimpleNamespace(transport=None))  # type: ignore[arg-type]
        within.abort(SimpleNamespace(transport=None))  # type: ignore[arg-type]
        assert options == [(socket.SOL_SOCKET, socket.SO_SNDBUF, 262_144)]
        wire.setsockopt(*options[0])


@pytest.mark.parametrize(
    ("size_wh", "shown_wh"),
    [((1920, 1080), (960, 540)), ((1080, 1920), (540, 960)), ((640, 360), (640, 360))],
)
def test_the_pages_picture_is_at_most_960_pixels_long_and_the_streams_is_whole(
    size_wh: tuple[int, int], shown_wh: tuple[int, int]
) -> None:
    drawn: list[int] = []
    board = Board(COCO17, lambda *_: drawn.append(1), has_pictures=True, is_normalized=False)
    noise = np.random.default_rng(0).integers(0, 255, (*size_wh[::-1], 3), np.uint8)
    one = message_of(Frame(noise, 0, 0.0, 0.0), [])
    small = cv2.resize(noise, shown_wh, interpolation=cv2.INTER_AREA)
    for is_drawn, picture, quality in ((False, small, 70), (True, noise, 85)):
        jpeg = board._jpeg(one, is_drawn)
        assert (
            jpeg == cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        )
    assert drawn == [1]
    board.close()


def test_a_picture_that_is_wanted_after_the_end_is_none_and_no_failure() -> None:
    async def want() -> bytes:
        board = Board(COCO17, lambda *_: None, has_pictures=True, is_normalized=False)
        board.post(message(0, 1))
        shown, _ = await board.news(0, NOTHING_YET)
        board.close()
        assert shown is not None
        return await shown.picture(is_drawn=False)

    with pytest.raises(OverError):
        asyncio.run(want())


def test_shares_have_five_places_and_pixels_two() -> None:
    one = message(0, 1)
    for sent, places in ((one, 2), (normalized(one), 5)):
        (told,) = json.loads(frame_text(sent, has_picture=False))["persons"]
        found = [[point["x"], point["y"]] for point in told["keypoints"] if point["x"] is not None]
        (pose,) = sent.poses
        wanted = pose.xy[~np.isnan(pose.xy[:, 0])]
        np.testing.assert_allclose(found, wanted, atol=0.51 * 10.0**-places)
        assert np.abs(np.array(found) - wanted).max() > 0.01 * 10.0**-places, "no more either"


def test_a_browser_is_known_for_a_day_and_no_longer(clock: Clock) -> None:
    gate = Gate("127.0.0.1", 8000)
    cookie = gate.new_cookie()
    clock.now_s += DAY_S - 1
    assert gate.is_cookie(cookie)
    clock.now_s += 2
    assert not gate.is_cookie(cookie)


def test_a_cookie_that_somebody_changed_is_none(clock: Clock) -> None:
    gate = Gate("127.0.0.1", 8000)
    until, _, signed = gate.new_cookie().partition(".")
    longer = (f"{int(until) + 1}.{signed}", f"{until}0.{signed}")
    for forged in (*longer, f"{until}.{signed[:-1]}", f"{until}.{signed}0", until, ""):
        assert not gate.is_cookie(forged)
    assert gate.is_cookie(f"{until}.{signed}")


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("localhost:65535", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("studio.example", True),
        ("192.168.0.5", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost:", False),
        ("localhost:123456", False),
        ("user@localhost", False),
        ("", False),
    ],
)
def test_a_page_on_this_machine_alone_answers_to_this_machines_names(
    host: str, *, is_known: bool
) -> None:
    assert Gate("127.0.0.1", 8000, names=("Studio.Example",)).knows_host(host) == is_known


def test_a_page_for_the_network_answers_to_any_number_and_to_its_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "studio.lan")
    gate = Gate("0.0.0.0", 8000)  # noqa: S104
    known = ("192.168.0.5", "studio.lan", "studio.local", "localhost")
    assert [host for host in (*known, "evil.example", "studio") if gate.knows_host(host)] == [
        *known
    ]


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://localhost:8000", True),
        ("https://localhost:8000", True),
        ("http://LOCALHOST:8000", True),
        ("http://localhost:8001", False),
        ("ftp://localhost:8000", False),
        ("http://localhost:8000/", False),
        ("http://localhost:8000?a", False),
        ("http://localhost:8000#a", False),
        ("http://[::1", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_a_page_from_here_may_change_something(origin: str, *, is_own: bool) -> None:
    assert Gate("127.0.0.1", 8000).is_own_page(origin, "localhost:8000") == is_own


def test_a_list_of_files_is_as_young_as_was_asked_and_names_what_is_there_now(
    clock: Clock, tmp_path: Path
) -> None:
    path, gone = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_bytes(b"12")
    shelf = Shelf()
    shelf.put([path, gone])
    want = [{"name": "a.csv", "size_bytes": 2}]
    assert shelf.listed(1.0) == (want, 0)
    path.write_bytes(b"1234")
    clock.now_s += 1.0
    assert shelf.listed(1.0) == (want, 0)
    clock.now_s += 0.1
    assert shelf.listed(1.0) == ([{"name": "a.csv", "size_bytes": 4}], 0)
    gone.write_bytes(b"")
    shelf.put([path, gone, tmp_path])  # other files: asked at once; a folder is none
    assert [file["name"] for file in shelf.listed(1.0)[0]] == ["a.csv", "b.csv"]


def test_files_of_one_name_are_told_apart_by_a_number(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.csv" for folder in "xyz"]
    for size, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(b"." * size)
    shelf = Shelf()
    shelf.put(paths)
    found = {file["name"]: file["size_bytes"] for file in shelf.listed()[0]}
    assert found == {"a.csv": 0, "a-2.csv": 1, "a-3.csv": 2}


@pytest.mark.parametrize(("count", "more"), [(100, 0), (101, 1), (130, 30)])
def test_a_hundred_files_are_listed_and_the_oldest_left_out(
    tmp_path: Path, count: int, more: int
) -> None:
    paths = [tmp_path / f"{number:03}.csv" for number in range(count)]
    for age, path in enumerate(paths):
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))  # the first is the youngest
    shelf = Shelf()
    shelf.put(paths)
    listed, left_out = shelf.listed()
    assert left_out == more
    assert [file["name"] for file in listed] == [path.name for path in paths[:100]]
