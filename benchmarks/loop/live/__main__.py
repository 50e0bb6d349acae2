"""What sending poses live costs the loop, with receivers that are gone or never read.

python -m benchmarks.loop.live

A frame of the loop is all that its thread does with one: it cuts crops, waits 2 ms for a simulated
engine, tracks, and hands the people over. Threads that send share the interpreter with it.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from benchmarks.common import guarded, own_mib, p50_p95, parser, publish, table
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.datatypes import Frame, Pose, State
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions, open_live
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.record.live.state import RunState
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.turns import take_short_turns

_HZ = 250  # several times a camera's rate, so that slots fill
_PEOPLE = 3
_SETTLED = 1000  # frames after which memory is looked at first
_MANY, _FEW = 10_000, 2000
_STRANGERS = 200


@dataclass(frozen=True, slots=True)
class Case:
    """Receivers, and what they do.

    Attributes:
        name: As the table calls it.
        options: Where poses are sent.
        frames: How many.
        watchers: Open the page's socket, ask for pictures, and read nothing.
        are_leaving: The watchers go after a third of the frames.
        strangers: Connections without a token that ask again and again.
    """

    name: str
    options: LiveOptions
    frames: int = _FEW
    watchers: int = 0
    are_leaving: bool = False
    strangers: int = 0


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    return parser(__doc__)


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    take_short_turns()  # as the program does
    with _deaf() as port:
        rows = [_row(case) for case in _cases(Address("127.0.0.1", port))]
    head = (
        *("receivers", "a frame of the loop, ms p50 / p95", "handing over, ms p50 / p95"),
        *("frames", "memory grown, MiB", "sent, skipped"),
    )
    publish(
        f"{_PEOPLE} people at {_HZ} Hz; memory from frame {_SETTLED} on\n\n{table(head, rows)}",
        arguments.output,
    )


def _cases(deaf: Address) -> list[Case]:
    gone = Address("127.0.0.1", 9)
    page = ServeOptions(Address("127.0.0.1", 0))
    every = LiveOptions(deaf, deaf, "benchmark", serve=page)
    return [
        Case("nothing", LiveOptions()),
        Case("--udp, never read", LiveOptions(udp=deaf)),
        Case("--osc, never read", LiveOptions(osc=deaf)),
        Case("--lsl, nobody there", LiveOptions(lsl="benchmark")),
        Case("--serve, two that never read", LiveOptions(serve=page), watchers=2),
        Case("all, never read", every, _MANY, watchers=2),
        Case(
            "all, gone",
            LiveOptions(gone, gone, "benchmark", serve=page),
            _MANY,
            watchers=2,
            are_leaving=True,
        ),
        Case(f"all, and {_STRANGERS} strangers", every, _MANY, watchers=2, strangers=_STRANGERS),
        Case("nothing, again", LiveOptions()),
    ]


def _row(case: Case) -> tuple[str, ...]:
    pipeline = Pipeline(FakeEngine(latency_s=0.002))
    live = open_live(case.options, pipeline.engine.spec.skeleton, persons=_PEOPLE, draw=draw_poses)
    with ExitStack() as around:
        at = urlsplit(live.page.url) if live.page is not None else urlsplit("")
        if case.strangers:
            around.enter_context(_strangers(Address(at.hostname or "", at.port or 0)))
        watchers = around.enter_context(ExitStack())
        for _ in range(case.watchers):
            watchers.enter_context(_stalled(at.netloc, at.query))
        cost = _run(live, pipeline, case, watchers)
    live.close()
    told = live.describe().replace("127.0.0.1:", "")
    frames, offers, grown_mib = cost
    return (
        *(case.name, p50_p95(frames), p50_p95(offers), str(case.frames)),
        *(f"{grown_mib:.1f}", told or "-"),
    )


@contextmanager
def _deaf() -> Iterator[int]:
    """A port where datagrams arrive and nobody reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        yield int(ear.getsockname()[1])


@contextmanager
def _stalled(netloc: str, query: str) -> Iterator[None]:
    """One who opens the page's socket, asks for pictures, and reads nothing."""
    host, _, port = netloc.rpartition(":")
    with socket.create_connection((host, int(port))) as one:
        lines = (
            f"GET /ws?{query}&picture=1 HTTP/1.1",
            f"Host: {netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        one.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        yield


@contextmanager
def _strangers(at: Address) -> Iterator[None]:
    """Connections that are kept open, and one after another that asks without the token."""
    stop = threading.Event()

    def ask() -> None:
        with ExitStack() as kept:
            for _ in range(_STRANGERS):
                kept.enter_context(socket.create_connection((at.host, at.port)))
            while not stop.wait(0.01):
                with suppress(OSError), socket.create_connection((at.host, at.port)) as one:
                    one.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    one.recv(1000)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(
    live: Live, pipeline: Pipeline, case: Case, watchers: ExitStack
) -> tuple[list[float], list[float], float]:
    """What each frame and each ``offer`` took, seconds; memory grown, MiB."""
    skeleton = pipeline.engine.spec.skeleton
    rng = np.random.default_rng(7)
    image = DemoScene().draw(0)
    count = len(skeleton)
    people = [
        Pose(
            rng.uniform(0, 360, (count, 2)),
            rng.uniform(0.3, 1, count),
            rng.uniform(0, 360, (count, 2)),
            np.full(count, State.MEASURED, np.int8),
            skeleton,
            person,
        )
        for person in range(1, _PEOPLE + 1)
    ]
    frames, offers, settled_mib = [], [], 0.0
    due_s = time.perf_counter()
    for index in range(case.frames):
        if case.are_leaving and index == case.frames // 3:
            watchers.close()
        if index == _SETTLED:
            settled_mib = own_mib()
        frame = Frame(image, index, index / _HZ, time.perf_counter())
        begin_s = time.perf_counter()
        pipeline.process(frame)
        found_s = time.perf_counter()
        live.offer(frame, people)
        if live.page is not None:
            live.page.tell(RunState(lines=("benchmark",)))
        end_s = time.perf_counter()
        frames.append(end_s - begin_s)
        offers.append(end_s - found_s)
        due_s += 1 / _HZ
        time.sleep(max(0.0, due_s - time.perf_counter()))
    return frames, offers, own_mib() - settled_mib


if __name__ == "__main__":
    guarded(main)
