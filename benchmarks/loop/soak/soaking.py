"""The loop in trouble: first some of each kind, then all of it, watched."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.common import open_network
from benchmarks.loop.soak.counting import Shift
from benchmarks.loop.soak.troubled import TroubledCamera
from benchmarks.loop.soak.watching import Watcher
from steadypose.engines.errors import RecordError, SourceError
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.record.formats.tables import Table, find_table
from steadypose.realtime.record.live.message import Address
from steadypose.realtime.record.live.opening import LiveOptions, open_live
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.tracking.pipeline import Pipeline

PLAN = {"lost": 40, "resized": 8, "stalled": 6, "deaf": 6, "full": 4}
"""How often each trouble happens, however long it all takes."""
_WARM_PLAN, _WARM_S = {"lost": 2, "resized": 2, "stalled": 1, "deaf": 2, "full": 2}, 60.0
"""Before anything is measured: everything is loaded, and all that is kept for later is there."""


class Soak:
    """The whole of it.

    Args:
        folder: Of the recordings.
        seconds: How long.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._camera = TroubledCamera()
        self._engine = open_network(threads=1)
        self._ear = _Ear()
        self._app: App | None = None
        self._is_over = False
        self._frames_before = self._runs = 0
        self._is_full = False
        self._changing = threading.Lock()
        self.shifts: list[Shift] = []
        self.watcher = Watcher(self._delivered)
        self.counts: dict[str, int] = dict.fromkeys(PLAN, 0)

    def run(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """All shifts; (handles, threads) before and after."""
        self._through(_WARM_PLAN, _WARM_S)
        self.shifts.clear()
        self.counts = dict.fromkeys(PLAN, 0)
        self._frames_before = 0
        before = _held()
        with self.watcher:
            self._through(PLAN, self._seconds)
        after = _held()
        self._ear.close()
        self._engine.close()
        return before, after

    def _through(self, plan: Mapping[str, int], seconds: float) -> None:
        """One run after another, until all trouble is over."""
        self._is_over = False
        trouble = threading.Thread(target=self._trouble, args=(plan, seconds), daemon=True)
        trouble.start()
        while not self._is_over:
            self._shift()
        trouble.join()

    def _delivered(self) -> int:
        """Frames so far."""
        with self._changing:
            now = self._app.clock.frames if self._app is not None else 0
            return self._frames_before + now

    def _shift(self) -> None:
        shift = Shift(self._folder / f"{self._runs:03}")
        shift.folder.mkdir(exist_ok=True)
        self.shifts.append(shift)
        self._runs += 1
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
        if self._is_over:
            app.quit()  # it was told to the run before
        for step in (app.run, outputs.close, source.close):
            try:
                step()
            except RecordError:
                shift.is_refused = True
        shift.frames = app.clock.frames
        shift.ages_ms = app.clock.column("age").copy()
        with self._changing:
            _let_write(is_let=True)  # somebody freed the disk
            self._is_full = False
            self._app, self._frames_before = None, self._frames_before + shift.frames

    def _plugged_in(self) -> LiveSource:
        """Open the camera; whoever finds it away tries again."""
        while True:
            try:
                return LiveSource(self._camera.open)
            except SourceError:
                time.sleep(0.2)

    def _trouble(self, plan: Mapping[str, int], seconds: float) -> None:
        """On a thread: one trouble after the other, evenly, in an order that is the same always."""
        names = [name for name, times in plan.items() for _ in range(times)]
        random.Random(5).shuffle(names)  # noqa: S311 - no secret
        begin_s = time.perf_counter()
        each_s = seconds / len(names)
        for at, name in enumerate(names):
            time.sleep(max(0.0, begin_s + (at + 0.5) * each_s - time.perf_counter()))
            self.counts[name] += 1
            if name == "deaf":
                self._ear.toggle()
            elif name == "full":
                self._fill()
            else:
                self._camera.trouble(name)
        time.sleep(max(0.0, begin_s + seconds - time.perf_counter()))
        self._is_over = True
        app = self._app
        if app is not None:
            app.quit()

    def _fill(self) -> None:
        """Let the disk take nothing more, once a run records that it has not ended already."""
        while True:
            with self._changing:
                is_recording = self._app is not None and self._app.clock.frames > 0
                if is_recording and not self._is_full:
                    self._is_full = True
                    _let_write(is_let=False)
                    return
            time.sleep(0.01)


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
