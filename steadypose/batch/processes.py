"""A crew of processes on this machine: whoever dies over a clip is replaced."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from steadypose.batch.order import Clip, Order
from steadypose.batch.outcome import FAILED, Beat, Outcome
from steadypose.engines.errors import EngineError, SteadyposeError
from steadypose.engines.wording.printable import exit_text

STUCK_S = 300.0
"""Longest time between two frames of a clip."""

_BEAT_S = 1.0
_AWAY_S = 10.0  # nobody looks for so long of his own will
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@dataclass(slots=True)
class _Member:
    process: BaseProcess
    line: Connection
    clip: Clip | None = None
    is_ready: bool = False
    reads_since_s: float | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether a clip has given no frame for too long."""
        since_s = self.reads_since_s
        return since_s is not None and time.perf_counter() - since_s > STUCK_S


class Processes:
    """See ``Crew``. Over a clip that gives no frame for ``STUCK_S`` a worker is ended.

    Args:
        order: What they do.
        count: How many.
    """

    def __init__(self, order: Order, count: int) -> None:
        self._order = order
        self._engine = ""
        self._looked_s = time.perf_counter()
        self._members: list[_Member] = []
        try:
            for _ in range(count):
                self._members.append(self._hire())
        except BaseException:
            self.close()
            raise

    @property
    def label(self) -> str:
        """See ``Crew``."""
        count = len(self._members)
        return f"{count} {'process' if count == 1 else 'processes'}, each {self._engine}"

    @property
    def has_room(self) -> bool:
        """See ``Crew``."""
        return any(member.clip is None for member in self._members)

    def give(self, clip: Clip) -> None:
        """See ``Crew``."""
        member = next(member for member in self._members if member.clip is None)
        member.clip = clip
        with contextlib.suppress(OSError):  # it has died: ``take`` will notice
            member.line.send(clip)

    def take(self, timeout_s: float) -> list[Outcome]:
        """See ``Crew``."""
        lines = {id(member.line): member for member in self._members}
        outcomes = []
        self._forgive_pause()
        for line in wait([member.line for member in self._members], timeout_s):
            member = lines[id(line)]
            try:
                said = member.line.recv()
            except (EOFError, OSError):
                outcomes += self._replace(member)
                continue
            if isinstance(said, SteadyposeError):
                raise said
            if isinstance(said, Beat):
                member.reads_since_s = time.perf_counter() if said is Beat.READS else None
            elif isinstance(said, Outcome):
                member.clip = member.reads_since_s = None
                outcomes.append(said)
                if said.is_last:
                    outcomes += self._replace(member)
            else:
                member.is_ready, self._engine = True, said
        for member in [member for member in self._members if member.is_stuck]:
            member.process.kill()
            outcomes += self._replace(member, f"it gave no frame for {STUCK_S:g} s")
        return outcomes

    def _forgive_pause(self) -> None:
        """Count no time in which this process was away too: stopped with its workers, or asleep."""
        now_s = time.perf_counter()
        away_s, self._looked_s = now_s - self._looked_s, now_s
        if away_s < _AWAY_S:
            return
        for member in self._members:
            if member.reads_since_s is not None:
                member.reads_since_s += away_s

    def close(self) -> None:
        """See ``Crew``."""
        for member in self._members:
            member.process.kill()
        for member in self._members:
            member.process.join()
            member.line.close()
        self._members.clear()

    def _replace(self, member: _Member, why: str = "") -> list[Outcome]:
        """Hire another for one that is dead; its clip has failed.

        Args:
            member: Dead.
            why: What it died of, if that is known.

        Raises:
            EngineError: It died before it could begin.
        """
        member.process.join()
        member.line.close()
        how = exit_text(member.process.exitcode or 0)
        self._members.remove(member)
        if not member.is_ready:
            raise EngineError(
                f"a worker ended while it opened its engine ({how})",
                fix="try --workers 1; where memory is short, a smaller --quality",
            )
        self._members.append(self._hire())
        if member.clip is None:
            return []
        what = why or f"the worker died over it ({how})"
        fix = f"follow it alone: steadypose run --headless --source {member.clip.shown}"
        return [Outcome(member.clip, FAILED, what=what, fix=fix)]

    def _hire(self) -> _Member:
        context = multiprocessing.get_context("spawn")  # no threads or engines of ours in it
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._order), daemon=True)
        if hasattr(signal, "pthread_sigmask"):  # its start ends deafness, so it comes before
            resource_tracker.ensure_running()
        with _deaf():
            process.start()
        theirs.close()
        return _Member(process, ours)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Let a process that is started begin without ears for signals.

    Ctrl-C goes to all processes of a terminal. It is this one that ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Connection, order: Order) -> None:
    """What a process does: clip after clip, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from steadypose.batch.work import Worker  # noqa: PLC0415 - from here on signals are harmless

    try:
        worker = Worker(order, _Beats(line))
    except SteadyposeError as error:
        line.send(error)
        return
    line.send(worker.label)
    with contextlib.suppress(EOFError, OSError):
        while True:
            outcome = worker.work(line.recv())
            line.send(outcome)
            if outcome.is_last:
                return


class _Beats:
    """Passes on what is done, about once a second where it is the same."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._last, self._last_s = Beat.WORKS, 0.0

    def __call__(self, beat: Beat) -> None:
        now_s = time.perf_counter()
        if beat is not self._last or now_s - self._last_s > _BEAT_S:
            self._last, self._last_s = beat, now_s
            self._line.send(beat)


def _end_with_parent() -> None:
    """Stop in the middle where nobody waits for the result any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
