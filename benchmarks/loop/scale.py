"""Several simulated cameras in one process, here and on an inference server; and archives.

python -m benchmarks.loop.scale cameras                             # one engine of this process
python -m benchmarks.loop.scale cameras --server HOST:PORT --server-model pose
python -m benchmarks.loop.scale cameras --crop-ms 10                # an engine that only takes time
python -m benchmarks.loop.scale archives [--ray]
python -m benchmarks.loop.scale plan                                # what follows from the networks
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import frames_of, guarded, output_of, parser, publish, table
from benchmarks.loop.age import SimulatedCamera
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.base import Engine
from steadypose.engines.options import EngineOptions, RemoteOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.grid import Grid
from steadypose.realtime.app.loop import App
from steadypose.realtime.app.many import Member, run_together
from steadypose.realtime.model.places import DEFAULT_MODEL, QUALITIES
from steadypose.realtime.model.sharing import SharedEngine
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline
from tests.support.clips import write_clips

_HZ, _FRAMES = 30.0, 90
_ALONE_S = 2.0
_SHARE = 0.8  # of an engine, or a line, that is planned for
_SEARCH = 2 / 3  # crops that the search may add to each person's


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("what", choices=("cameras", "archives", "plan"))
    made.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--seconds", type=float, default=8.0, help="of each run (default: 8)")
    made.add_argument("--server", action="append", default=[])
    made.add_argument("--server-model", default="")
    made.add_argument("--crop-ms", type=float, help="an engine that waits so long for each crop")
    made.add_argument("--clips", type=int, default=40, help="of the archive (default: 40)")
    made.add_argument("--ray", action="store_true", help="the archive on Ray, too")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    work = {"cameras": _cameras, "archives": _archives, "plan": _plan}[arguments.what]
    busy = f"{os.getloadavg()[0]:.1f} other processes wanted a core at the start"
    publish(f"{busy}; {work(arguments)}", arguments.output)


class _Waiting(FakeEngine):
    """Takes time for each crop, and no processor: what the loops do themselves is left."""

    def __init__(self, crop_s: float) -> None:
        super().__init__()
        self._crop_s = crop_s

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._latency_s = self._crop_s * len(crops)
        super()._begin(crops)


def _pictures() -> list[NDArray[np.uint8]]:
    found = [frame.image_bgr for frame in islice(frames_of("demo"), _FRAMES)]
    return found + found[::-1]


def _cameras(arguments: argparse.Namespace) -> str:
    remote = RemoteOptions(tuple(arguments.server), arguments.server_model, timeout_s=1.0)
    options = EngineOptions("auto" if remote.servers else "fp32", default_threads(), remote=remote)
    backend = "remote" if remote.servers else "openvino"

    def opened() -> Engine:
        if arguments.crop_ms is not None:
            return _Waiting(arguments.crop_ms / 1e3)
        return open_engine(DEFAULT_MODEL, backend=backend, options=options).engine

    shared = SharedEngine(opened)
    pictures = _pictures()
    rows = []
    for count in arguments.cameras:
        before = _alone_hz(shared, count)
        rates, ages, batch = _followed(shared, pictures, count, arguments.seconds)
        engine_hz = (before + _alone_hz(shared, count)) / 2
        fair = min(_HZ, engine_hz / count)
        rows.append(
            (
                str(count),
                f"{min(rates):.1f} / {np.mean(rates):.1f}",
                f"{engine_hz:.0f}",
                f"{fair:.1f}",
                f"{min(rates) / fair:.2f}",
                f"{np.mean(ages):.0f} / {max(ages):.0f}",
                f"{max(ages) / np.mean(ages):.2f}",
                f"{batch:.1f}",
            )
        )
    label = shared.label if arguments.crop_ms is None else f"{arguments.crop_ms:g} ms a crop"
    shared.close()
    head = (
        *("cameras", "fps, lowest / mean", "engine alone, crops/s", "fair share, fps"),
        *("lowest of it", "age p95 ms, mean / highest", "ratio", "sources a batch"),
    )
    about = f"simulated cameras, 640x360, {_HZ:g} fps, one person each; {label.partition(',')[0]}"
    return f"{about}\n\n{table(head, rows)}"


def _alone_hz(shared: SharedEngine, count: int) -> float:
    """Crops a second without anything beside the engine, as many to a batch as cameras."""
    share = shared.share()
    crops = np.zeros((count, *shared.spec.input_hw, 3), np.uint8)
    share.infer(crops)
    begin_s, done = time.perf_counter(), 0
    while time.perf_counter() < begin_s + _ALONE_S:
        share.infer(crops)
        done += count
    share.close()
    return done / (time.perf_counter() - begin_s)


def _followed(
    shared: SharedEngine, pictures: list[NDArray[np.uint8]], count: int, seconds: float
) -> tuple[list[float], list[float], float]:
    """Each camera's frames a second and age p95 in milliseconds; the mean batch."""
    sources = [
        LiveSource(lambda n=n: SimulatedCamera(_HZ, pictures, n / count))  # type: ignore[misc]
        for n in range(count)
    ]
    members = []
    for number, source in enumerate(sources):
        pipeline = Pipeline(shared.share(), is_paced=True)
        outputs = Outputs(shared.spec.skeleton, _HZ, is_live=True)
        members.append(Member(str(number), App(source, pipeline, NullDisplay(), outputs)))
    before = len(shared.batches)
    for member in members:
        threading.Timer(seconds, member.app.quit).start()
    run_together(members, Grid(NullDisplay(), [member.name for member in members]))
    for member, source in zip(members, sources, strict=True):
        source.close()
        member.app.pipeline.engine.close()
    clocks = [member.app.clock for member in members]
    batches = shared.batches[before:]
    return (
        [clock.fps for clock in clocks],
        [_settled_p95(clock.column("age")) for clock in clocks],
        float(np.mean(batches)),
    )


def _settled_p95(ages_ms: NDArray[np.float32]) -> float:
    """Without the first quarter, in which all cameras are searched at the same time."""
    return float(np.nanpercentile(ages_ms[len(ages_ms) // 4 :], 95))


def _plan(_: argparse.Namespace) -> str:
    """Measured: the engine; computed from that and from the size of a crop: the rest."""
    rows = []
    for quality, path in QUALITIES.items():
        options = EngineOptions("fp32", default_threads())
        shared = SharedEngine(
            lambda path=path, options=options: (
                open_engine(  # type: ignore[misc]
                    path, backend="openvino", options=options
                ).engine
            )
        )
        height, width = shared.spec.input_hw
        rate = _alone_hz(shared, 8)
        shared.close()
        crop_bytes = height * width * 3
        mbit = crop_bytes * 8 * _HZ / 1e6
        rows.append(
            (
                quality,
                f"{rate:.0f}",
                f"{_SHARE * rate / (_HZ * (1 + _SEARCH)):.1f}",
                f"{crop_bytes / 1e3:.0f}",
                f"{mbit:.0f}",
                f"{_SHARE * 1e3 / (mbit * (1 + _SEARCH)):.0f}",
            )
        )
    head = (
        *("--quality", "measured: crops/s, batch 8", "computed: people at 30 fps"),
        *("computed: kB a crop", "Mbit/s a person", "people over 1 Gbit/s"),
    )
    about = (
        f"people = {_SHARE:g} x crops/s / ({_HZ:g} fps x {1 + _SEARCH:.2f}): a fifth stays free, "
        "up to two thirds of a\ncrop per person may go to the search for others; openvino fp32"
    )
    return f"{about}\n\n{table(head, rows)}"


def _archives(arguments: argparse.Namespace) -> str:
    ways = {"1 process": ["--workers", "1"], "2 processes": ["--workers", "2"]}
    if arguments.ray:
        ways["Ray, 2 actors"] = ["--workers", "2", "--ray"]
    rows, first_s = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        clips = [f"{number:03}.mp4" for number in range(arguments.clips)]
        write_clips(Path(folder) / "clips", clips, frames=45)
        for name, words in ways.items():
            took_s = _batch(folder, name.replace(" ", "-"), [*words, "--threads", "1"])
            first_s = first_s or took_s
            again_s = _batch(folder, name.replace(" ", "-"), [*words, "--threads", "1"])
            rate = f"{45 * arguments.clips / took_s:.0f}"
            rows.append((name, f"{took_s:.1f}", rate, f"{first_s / took_s:.2f}", f"{again_s:.1f}"))
    head = ("workers", "seconds", "frames/s", "times one", "again, all finished: seconds")
    about = (
        f"{arguments.clips} clips of 45 frames, 160x90, a thread for each network, with its start"
    )
    return f"{about}\n\n{table(head, rows)}"


def _batch(folder: str, out: str, words: list[str]) -> float:
    begin_s = time.perf_counter()
    output_of("-m", "steadypose", "batch", f"{folder}/clips", "--out", f"{folder}/{out}", *words)
    return time.perf_counter() - begin_s


if __name__ == "__main__":
    guarded(main)
