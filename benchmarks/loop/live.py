"""What sending poses live costs the loop, with receivers that are gone or never read.

python -m benchmarks.loop.live
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import numpy as np

from benchmarks.common import guarded, p50_p95, parser, publish, table
from benchmarks.loop.recording import resident_mib
from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.app.draw import draw_poses
from steadypose.realtime.datatypes import Frame, Pose, State
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions, open_live
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.sources.demo import DemoScene

_FRAMES = 10_000
_HZ = 200  # several times a camera's rate, so that slots fill
_PEOPLE = 3


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    return parser(__doc__)


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    rows = []
    page = ServeOptions(Address("127.0.0.1", 0))
    with _deaf() as port:
        ways = {
            "nothing": LiveOptions(),
            "--udp, nobody there": LiveOptions(udp=Address("127.0.0.1", 9)),
            "--udp, never read": LiveOptions(udp=Address("127.0.0.1", port)),
            "--osc, never read": LiveOptions(osc=Address("127.0.0.1", port)),
            "--lsl, nobody there": LiveOptions(lsl="benchmark"),
            "--serve, nobody there": LiveOptions(serve=page),
            "--serve, two that never read": LiveOptions(serve=page),
            "all": LiveOptions(
                Address("127.0.0.1", port), Address("127.0.0.1", port), "benchmark", serve=page
            ),
        }
        for name, options in ways.items():
            live = open_live(options, COCO17, persons=_PEOPLE, draw=draw_poses)
            with ExitStack() as watchers:
                if live.page is not None and "nobody" not in name:
                    for _ in range(2):
                        watchers.enter_context(_stalled(live.page.url))
                before_mib = resident_mib()
                offered = _run(live)
                grown_mib = resident_mib() - before_mib
            live.close()
            rows.append((name, p50_p95(offered), f"{grown_mib:.1f}", live.describe() or "-"))
    head = ("receivers", "handing over a frame, ms p50 / p95", "memory grown, MiB", "frames")
    publish(
        f"{_FRAMES} frames of {_PEOPLE} people at {_HZ} Hz\n\n{table(head, rows)}",
        arguments.output,
    )


@contextmanager
def _deaf() -> Iterator[int]:
    """A port where datagrams arrive and nobody reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        yield int(ear.getsockname()[1])


@contextmanager
def _stalled(url: str) -> Iterator[None]:
    """One who opens the page's socket, asks for pictures, and reads nothing."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port)) as one:
        lines = (
            f"GET /ws?{at.query}&picture=1 HTTP/1.1",
            f"Host: {at.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        one.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        yield


def _run(live: Live) -> Sequence[float]:
    """What each ``offer`` took, seconds."""
    rng = np.random.default_rng(7)
    image = DemoScene().draw(0)
    people = [
        Pose(
            rng.uniform(0, 360, (len(COCO17), 2)),
            rng.uniform(0.3, 1, len(COCO17)),
            rng.uniform(0, 360, (len(COCO17), 2)),
            np.full(len(COCO17), State.MEASURED, np.int8),
            COCO17,
            person,
        )
        for person in range(1, _PEOPLE + 1)
    ]
    took = []
    due_s = time.perf_counter()
    for index in range(_FRAMES):
        frame = Frame(image, index, index / _HZ, time.perf_counter())
        begin_s = time.perf_counter()
        live.offer(frame, people)
        took.append(time.perf_counter() - begin_s)
        due_s += 1 / _HZ
        time.sleep(max(0.0, due_s - time.perf_counter()))
    return took


if __name__ == "__main__":
    guarded(main)
