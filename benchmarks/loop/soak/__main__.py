"""Ten minutes, or an hour, of mixed trouble: what is lost, and what grows?

python -m benchmarks.loop.soak [--minutes 10]

A simulated 30 fps camera with two people who come and go is lost 40 times, stalls and changes its
size; receivers of poses die and return; the disk takes nothing for a while, which ends a run, and
the next one begins. All formats and the video are recorded, and every row is counted. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.common import guarded, parser, publish, table
from benchmarks.loop.recording import resident_mib
from benchmarks.loop.soak.counting import Shift, check
from benchmarks.loop.soak.troubled import SIZES, TroubledCamera
from steadypose.engines.errors import RecordError, SourceError
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.model.places import DEFAULT_MODEL
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, open_live
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline

PLAN = {"lost": 40, "resized": 8, "stalled": 6, "deaf": 6, "full": 4}
"""How often each trouble happens, however long it all takes."""
_MOST_MIB, _MOST_AGE_MS = 15.0, 200.0
_WARM_RUNS = 6


class Soak:
    """The whole of it.

    Args:
        folder: Of the recordings.
        seconds: How long.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._camera = TroubledCamera()
        self._engine = open_engine(
            DEFAULT_MODEL, backend="auto", options=EngineOptions(threads=1)
        ).engine
        self._ear = _Ear()
        self._app: App | None = None
        self._is_over = False
        self.shifts: list[Shift] = []
        self.memory_mib: list[float] = []
        self.counts: dict[str, int] = dict.fromkeys(PLAN, 0)

    def run(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """All shifts; (handles, threads) before and after."""
        for _ in range(_WARM_RUNS):  # everything is loaded, and the allocator has its arenas
            self._shift(seconds=3.0)
        self.shifts.clear()
        before = _held()
        trouble = threading.Thread(target=self._trouble)
        trouble.start()
        while not self._is_over:
            self._shift()
        trouble.join()
        after = _held()
        self._ear.close()
        self._engine.close()
        return before, after

    def _shift(self, seconds: float | None = None) -> None:
        shift = Shift(self._folder / f"{len(self.shifts):03}")
        shift.folder.mkdir(exist_ok=True)
        self.shifts.append(shift)
        source = self._plugged_in()
        options = LiveOptions(udp=Address("127.0.0.1", self._ear.port))
        skeleton = self._engine.spec.skeleton
        outputs = Outputs(
            skeleton,
            source.fps,
            is_live=True,
            tables=tuple(
                Table(find_table(name, "long" if name == "csv" else ""), shift.folder / f"a.{name}")
                for name in ("csv", "jsonl", "parquet")
            ),
            video=shift.folder / "a.mp4",
            run_info={},
            dropped=lambda: source.dropped,
            live=open_live(options, skeleton, persons=2),
        )
        pipeline = Pipeline(self._engine, persons=2, is_paced=True)
        app = self._app = App(source, pipeline, NullDisplay(), outputs)
        timer = threading.Timer(seconds, app.quit) if seconds is not None else None
        if timer is not None:
            timer.start()
        for step in (app.run, outputs.close, source.close):
            try:
                step()
            except RecordError:
                shift.is_refused = True
        if timer is not None:
            timer.join()
        _let_write(is_let=True)  # somebody freed the disk
        shift.frames = app.clock.frames
        shift.ages_ms = app.clock.column("age").tolist()

    def _plugged_in(self) -> LiveSource:
        """Open the camera; whoever finds it away tries again."""
        while True:
            try:
                return LiveSource(self._camera.open)
            except SourceError:
                time.sleep(0.2)

    def _trouble(self) -> None:
        """On a thread: one trouble after the other, evenly, in an order that is the same always."""
        names = [name for name, times in PLAN.items() for _ in range(times)]
        random.Random(5).shuffle(names)  # noqa: S311 - no secret
        begin_s = time.perf_counter()
        each_s = self._seconds / len(names)
        for at, name in enumerate(names):
            self.memory_mib.append(resident_mib())
            time.sleep(max(0.0, begin_s + (at + 0.5) * each_s - time.perf_counter()))
            self.counts[name] += 1
            if name == "deaf":
                self._ear.toggle()
            elif name == "full":
                _let_write(is_let=False)
            else:
                self._camera.trouble(name)
        time.sleep(max(0.0, begin_s + self._seconds - time.perf_counter()))
        self._is_over = True
        if self._app is not None:
            self._app.quit()


class _Ear:
    """A receiver of poses that dies, and another that takes its place."""

    def __init__(self) -> None:
        self.port = 0
        self._socket: socket.socket | None = None
        self.toggle()

    def toggle(self) -> None:
        """Die, or listen again."""
        if self._socket is not None:
            self.close()
            return
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Die."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _let_write(*, is_let: bool) -> None:
    """Let files grow, or refuse every byte, as a full disk does; Linux ends no process for it."""
    import resource  # noqa: PLC0415 - Windows has none

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if is_let else 0, most))


def _held() -> tuple[int, int]:
    """Open files, and threads; which files they are goes to the standard error output."""
    files = []
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names alone
        with contextlib.suppress(OSError):  # the list's own
            files.append(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115
    print("open:", *sorted(files), file=sys.stderr)
    return len(files), threading.active_count()


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--minutes", type=float, default=10.0, help="60: an hour (default: 10)")
    return made


def main() -> None:
    """Run, count, print; exit code 1: something is lost, or grew."""
    arguments = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), 60.0 * arguments.minutes)
        before, after = soak.run()
        for shift in soak.shifts:  # only now: reading whole files takes memory
            check(shift)
    shifts = soak.shifts
    problems = [problem for shift in shifts for problem in shift.problems]
    print("MiB:", *(f"{mib:.0f}" for mib in soak.memory_mib), file=sys.stderr)
    tenth = max(1, len(soak.memory_mib) // 10)
    early, late = soak.memory_mib[tenth : 2 * tenth], soak.memory_mib[-tenth:]
    grown_mib = float(np.mean(late) - np.mean(early))
    ages = np.concatenate([shift.ages_ms for shift in shifts])
    low, high, most = np.percentile(ages, (50, 95, 100))
    refused = sum(shift.is_refused for shift in shifts)
    frames = sum(shift.frames for shift in shifts)
    is_good = {
        "files": not problems and refused == PLAN["full"],
        "memory": grown_mib < _MOST_MIB,
        "held": before == after,
        "age": high < _MOST_AGE_MS,
    }
    told = ", ".join(f"{name} {count}" for name, count in soak.counts.items())
    rows = [
        ("trouble", told, "-"),
        ("frames recorded, in runs", f"{frames}, {len(shifts)}", "-"),
        ("runs that a full disk ended", str(refused), _said(is_good["files"])),
        ("files that lack what the disk took", "; ".join(problems) or "0", _said(is_good["files"])),
        ("memory grown, MiB", f"{grown_mib:.1f} (limit {_MOST_MIB:g})", _said(is_good["memory"])),
        ("open files, threads: before", f"{before[0]}, {before[1]}", "-"),
        ("open files, threads: after", f"{after[0]}, {after[1]}", _said(is_good["held"])),
        (
            "frame age, ms p50 / p95 / max",
            f"{low:.0f} / {high:.0f} / {most:.0f} (limit of p95 {_MOST_AGE_MS:g})",
            _said(is_good["age"]),
        ),
    ]
    sizes = ", ".join(f"{width}x{height}" for height, width in SIZES)
    publish(
        f"{arguments.minutes:g} minutes, two people, {sizes}; CSV, JSON lines, Parquet, video, UDP"
        "\n\n"
        f"{table(('', '', 'as it should be'), rows)}",
        arguments.output,
    )
    sys.exit(0 if all(is_good.values()) else 1)


def _said(is_good: object) -> str:
    return "yes" if is_good else "no"


if __name__ == "__main__":
    guarded(main)
