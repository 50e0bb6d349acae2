"""What workers say, and what becomes of those whose engine is lost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing import Process
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.batch import processes
from steadypose.batch.driving import outcomes
from steadypose.batch.options import build_parser, to_order
from steadypose.batch.order import Clip
from steadypose.batch.outcome import DONE, FAILED, SKIPPED
from steadypose.batch.work import Worker
from steadypose.engines.base import Engine
from steadypose.engines.errors import EngineError
from steadypose.realtime.command.engine_opening import open_for
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.model.best_built import Taken
from steadypose.realtime.model.places import ROOT
from steadypose.realtime.model.recovering import RecoveringEngine
from tests.support.clips import write_clips


def worker_of(model: Path, out: Path, *words: str) -> Worker:
    given = ["archive", "--out", str(out), "--model", str(model), "--backend", "openvino"]
    return Worker(to_order(build_parser().parse_args([*given, *words]), model, ()))


def clip_of(path: Path) -> Clip:
    return Clip(path, PurePosixPath(path.stem), path.name, path.stat().st_size)


class Failing:
    """A GPU's engine that computes some batches, then fails once or for ever."""

    label = "tensorrt 10.3.0 fp16, GPU"

    def __init__(self, engine: Engine, *, good: int, is_lost: bool) -> None:
        self._engine, self._good, self._is_lost = engine, good, is_lost
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def start(self, crops: NDArray[np.uint8]) -> None:
        self._count += 1
        if self._count == self._good + 1 or (self._is_lost and self._count > self._good):
            raise EngineError("unspecified launch failure", fix="none")
        self._engine.start(crops)


def test_who_cuts_the_crops_is_not_measured_by_each_worker(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result may be another in the next process, and a clip would be followed otherwise."""
    asked: list[str] = []

    def opened(settings: Settings) -> Taken:
        asked.append(settings.engine.crops)
        return open_for(settings)

    monkeypatch.setattr("steadypose.batch.work.open_for", opened)
    for words in ((), ("--crops", "auto"), ("--crops", "device")):
        worker_of(tiny_path, tmp_path / "out", *words).close()
    assert asked == ["cpu", "cpu", "device"]


def test_a_lost_gpu_is_told_and_its_clip_made_again_by_one_engine(
    tiny_path: Path, tmp_path: Path
) -> None:
    (path,) = write_clips(tmp_path / "clips", ["a.mp4"])
    worker = worker_of(tiny_path, tmp_path / "out")
    own = worker._engine
    gpu: Any = Failing(own, good=2, is_lost=True)
    gpu.close = lambda: None
    worker._engine = RecoveringEngine(gpu, (lambda: own,), say=worker._engine_notes.append)
    done = worker.work(clip_of(path))
    assert (done.state, done.frames) == (DONE, 4)
    (note,) = done.engine_notes
    assert note.startswith("the engine failed (unspecified launch failure); the run goes on with")
    assert worker.work(clip_of(path)).state == DONE, "two engines made it"
    assert worker.work(clip_of(path)).state == SKIPPED, "one has"
    worker.close()


def test_what_was_passed_over_is_told_with_the_first_clip(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(settings: Any) -> Any:
        taken = open_for(settings)
        return replace(taken, opened=replace(taken.opened, passed_over=("tensorrt: no GPU",)))

    monkeypatch.setattr("steadypose.batch.work.open_for", opening)
    (path,) = write_clips(tmp_path / "clips", ["a.mp4"])
    worker = worker_of(tiny_path, tmp_path / "out")
    assert worker.work(clip_of(path)).engine_notes == ("tensorrt: no GPU",)
    assert worker.work(clip_of(path)).engine_notes == ()
    worker.close()


def test_one_failure_under_a_skeleton_costs_one_clip(tiny_path: Path, tmp_path: Path) -> None:
    first, second = write_clips(tmp_path / "clips", ["a.mp4", "b.mp4"])
    worker = worker_of(tiny_path, tmp_path / "out")
    stumbling: Any = Failing(worker._engine, good=2, is_lost=False)
    worker._engine = RecoveringEngine(stumbling, (), say=worker._engine_notes.append)
    failed = worker.work(clip_of(first))
    assert (failed.state, failed.what) == (FAILED, "unspecified launch failure")
    assert not failed.is_last
    assert worker.work(clip_of(second)).state == DONE
    worker.close()


def test_an_engine_that_is_lost_for_good_is_the_last_of_its_worker(
    tiny_path: Path, tmp_path: Path
) -> None:
    (path,) = write_clips(tmp_path / "clips", ["a.mp4"])
    worker = worker_of(tiny_path, tmp_path / "out")
    lost: Any = Failing(worker._engine, good=0, is_lost=True)
    worker._engine = RecoveringEngine(lost, (lambda: lost,), say=lambda _: None)
    outcome = worker.work(clip_of(path))
    assert (outcome.state, outcome.is_last) == (FAILED, True)


PEOPLE = """
import os, signal
from steadypose.batch.outcome import DONE, Outcome


def once(line, order):
    line.send("an engine")
    clip = line.recv()
    line.send(Outcome(clip, DONE, notes=(str(os.getpid()),), is_last=True))


def masked(line, order):
    line.send(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    line.recv()
"""


def test_a_worker_that_has_lost_its_engine_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spent_people.py").write_text(PEOPLE)
    monkeypatch.syspath_prepend(tmp_path)
    import spent_people  # type: ignore[import-not-found]

    monkeypatch.setattr(processes, "_serve", spent_people.once)
    clips = [Clip(tmp_path, PurePosixPath(name), name, 1) for name in "abcd"]
    order: Any = None
    crew = processes.Processes(order, 2)
    found = [outcome for outcome in outcomes(crew, clips) if outcome is not None]
    crew.close()
    assert {outcome.state for outcome in found} == {DONE}
    assert len({outcome.notes for outcome in found}) == 4, "each by another process"


@pytest.mark.posix("signal masks")
def test_workers_are_deaf_to_ctrl_c_from_their_first_moment(tmp_path: Path) -> None:
    """What else multiprocessing starts must not end that."""
    (tmp_path / "masked_people.py").write_text(PEOPLE)
    code = (
        "import masked_people\n"
        "from steadypose.batch import processes\n"
        "processes._serve = masked_people.masked\n"
        "crew = processes.Processes(None, 2)\n"
        "print([member.line.recv() for member in crew._members])\n"
        "crew.close()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stdout.strip() == "[True, True]", done.stderr


def test_workers_that_were_paused_with_their_program_are_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("steadypose.batch.processes.time.perf_counter", lambda: now_s)
    line, other = multiprocessing.Pipe()
    member = processes._Member(Process(target=int), line, reads_since_s=now_s)
    crew = processes.Processes.__new__(processes.Processes)
    crew._members, crew._looked_s = [member], now_s
    now_s += 400.0  # Ctrl-Z, and fg after six minutes
    assert crew.take(0.0) == []
    stuck = [member.is_stuck]
    for _ in range(61):  # watched all the time, it gives nothing
        now_s += 5.0
        crew._forgive_pause()
        stuck.append(member.is_stuck)
    assert stuck == [*[False] * 61, True]
    line.close()
    other.close()
