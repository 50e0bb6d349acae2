"""Who is let in and who is cut, with transports of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from steadypose.realtime.record.live.web.door import Door


class Wire(asyncio.Transport):
    """A connection; whoever cuts it hears of its loss later, as in a real loop."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False

    def abort(self) -> None:
        self.is_cut = True


class Inner(asyncio.Protocol):
    """Notes what reaches it."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def eof_received(self) -> bool:
        self.heard.append("end")
        return True

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append("lost")


def in_a_loop(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


def came(door: Door) -> tuple[Wire, asyncio.Protocol]:
    wire, protocol = Wire(), door()
    protocol.connection_made(wire)
    return wire, protocol


def test_where_all_places_are_taken_whoever_was_silent_longest_makes_room() -> None:
    def work() -> None:
        door = Door(Inner, most=2)
        (first, _), (second, _) = came(door), came(door)
        third, _ = came(door)
        assert [wire.is_cut for wire in (first, second, third)] == [True, False, False]
        came(door)  # before the loop has told the loss of the first
        assert [wire.is_cut for wire in (first, second, third)] == [True, True, False]

    in_a_loop(work)


def test_nobody_who_has_asked_is_cut_for_a_newcomer() -> None:
    def work() -> None:
        door = Door(Inner, most=2)
        wires = [came(door)[0] for _ in range(2)]
        for wire in wires:
            door.has_asked(wire)
        inner = Inner()
        door._make = lambda: inner
        late, protocol = came(door)
        assert late.is_cut
        assert not any(wire.is_cut for wire in wires)
        protocol.data_received(b"GET /")
        assert protocol.eof_received() is None
        protocol.connection_lost(None)
        assert inner.heard == [], "nothing of one that was not let in"

    in_a_loop(work)


def test_a_place_is_free_again_once_somebody_has_gone() -> None:
    def work() -> None:
        door = Door(Inner, most=1)
        first, protocol = came(door)
        door.has_asked(first)
        protocol.connection_lost(None)
        assert not door.transports
        second, _ = came(door)
        assert not second.is_cut

    in_a_loop(work)


def test_what_comes_in_is_passed_on_whole() -> None:
    def work() -> None:
        inner = Inner()
        _, protocol = came(Door(lambda: inner))
        protocol.data_received(b"GET /")
        protocol.pause_writing()
        protocol.resume_writing()
        assert protocol.eof_received() is True
        protocol.connection_lost(None)
        assert inner.heard == ["made", b"GET /", "pause", "resume", "end", "lost"]

    in_a_loop(work)


@pytest.mark.parametrize("has_asked", [False, True])
def test_who_asks_for_nothing_in_five_seconds_is_cut(*, has_asked: bool) -> None:
    async def run() -> None:
        door, loop = Door(Inner), asyncio.get_running_loop()
        begin_s = loop.time()
        wire, _ = came(door)
        (timer,) = door._silent.values()
        assert timer.when() == pytest.approx(begin_s + 5.0, abs=0.5)
        if has_asked:
            door.has_asked(wire)
        assert timer.cancelled() == has_asked
        door.shut()
        assert wire.is_cut

    asyncio.run(run())
