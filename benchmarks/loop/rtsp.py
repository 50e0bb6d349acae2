"""How old a network camera's pictures are when their people are found, over a real RTSP server.

python -m benchmarks.loop.rtsp [--seconds 30]

The picture of a 30 fps camera on this machine carries the moment at which it was made. The server
shares the processor with the network. It is GStreamer's: tests/support/network_camera.py.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, open_network, parser, publish, table
from steadypose.engines.errors import UsageError
from steadypose.realtime.sources.opening import TRANSPORTS, SourceOptions, open_source
from steadypose.realtime.tracking.pipeline import Pipeline

_WARM_UP = 45
_SIZES = ((640, 480), (1280, 720))


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=30.0, help="for each row")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    from tests.support import network_camera as cameras  # noqa: PLC0415 - not installed

    if not cameras.is_here():
        raise UsageError("there is no RTSP server", fix=f"apt-get install {cameras.PACKAGES}")
    rows = [
        (f"{transport}, {size[0]}x{size[1]}", *_measure(transport, size, arguments.seconds))
        for size in _SIZES
        for transport in TRANSPORTS
    ]
    head = ("stream", "pictures arrive, ms p50 / p95", "people are found, ms p50 / p95", "fps")
    publish(
        f"30 fps H.264 from this machine, the default network, {arguments.seconds:g} s each\n\n"
        f"{table(head, rows)}",
        arguments.output,
    )


def _measure(transport: str, size_wh: tuple[int, int], seconds: float) -> tuple[str, str, str]:
    from tests.support.network_camera import age_s, network_camera  # noqa: PLC0415

    engine = open_network(threads=1)
    pipeline = Pipeline(engine, is_paced=True)
    arrived, found = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        network_camera(Path(folder), size_wh=size_wh) as camera,
    ):
        source = open_source(SourceOptions(camera.address(), transport=transport))
        begin_s = time.perf_counter()
        while time.perf_counter() - begin_s < seconds:
            frame = source.read(1.0)
            if frame is not None:
                arrived.append(age_s(frame.image_bgr))
                pipeline.process(frame)
                found.append(age_s(frame.image_bgr))
        source.close()
    engine.close()

    def told(ages: list[float]) -> str:
        low, high = np.percentile(np.array(ages[_WARM_UP:]) * 1e3, (50, 95))
        return f"{low:.0f} / {high:.0f}"

    return told(arrived), told(found), f"{len(found) / seconds:.1f}"


if __name__ == "__main__":
    guarded(main)
