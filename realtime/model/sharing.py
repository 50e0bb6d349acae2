"""One engine for several sources: whatever waits goes into one batch."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import (
    Cutter,
    Engine,
    Turns,
    Uncut,
    as_cutter,
    check_crops,
    cut_all,
    no_people,
)
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec

MOST = 16
"""Crops of a common batch; a single source may hand over more."""

Batch = NDArray[np.uint8] | Sequence[Uncut]
_GATHER_S = 0.002  # how long a busy engine waits for the sources that it has just served


class Found(NamedTuple):
    """What a batch gave for one source: copies."""

    people: NDArray[np.float32]
    others: NDArray[np.float32]
    took_ms: float


class SharedEngine:
    """An engine on a thread of its own, which opens, uses and closes it.

    While it works on a batch, those that come meanwhile wait; together they are the next one.
    Every source has one batch in it at most, and who waits longest comes first, so none is
    passed over however many others there are.

    Args:
        open_engine: Called on the thread.

    Attributes:
        spec: Of the model.

    Raises:
        SteadyposeError: The engine cannot be opened.
    """

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self.batches: list[int] = []
        """How many sources each of the last batches was for; at most ten thousand."""
        self._open_engine = open_engine
        self._waiting: deque[tuple[Batch, Future[Found]]] = deque()
        self._news = threading.Condition()
        self._is_closing = False
        self._shares = 0
        self._free_s = -math.inf
        opened: Future[Engine] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(opened,), name="shared engine", daemon=True
        )
        self._thread.start()
        self._engine = opened.result()
        self.spec: ModelSpec = self._engine.spec
        self._cutter = as_cutter(self._engine)

    @property
    def label(self) -> str:
        """Backend, precision and threads."""
        return self._engine.label

    def share(self) -> Engine:
        """An engine for one source; closing it leaves this one open."""
        with self._news:
            self._shares += 1
        return Share(self)

    def leave(self) -> None:
        """One source fewer is waited for."""
        with self._news:
            self._shares -= 1

    @property
    def is_cutting(self) -> bool:
        """Whether the engine wants frames instead of crops."""
        return self._cutter is not None and self._cutter.is_cutting

    def submit(self, crops: Batch) -> Future[Found]:
        """Have a batch worked on, in turn; it must not change meanwhile.

        Raises:
            EngineError: The engine is closed.
        """
        done: Future[Found] = Future()
        with self._news:
            if self._is_closing:
                raise EngineError("the shared network is closed", fix="close it last")
            self._waiting.append((crops, done))
            self._news.notify()
        return done

    def close(self) -> None:
        """Free the engine once all that waits is done. Safe to call twice."""
        with self._news:
            self._is_closing = True
            self._news.notify()
        self._thread.join()

    def _work(self, opened: Future[Engine]) -> None:
        try:
            engine = self._open_engine()
        except BaseException as error:
            opened.set_exception(error)
            return
        cutter = as_cutter(engine)
        opened.set_result(engine)
        try:
            while batch := self._next():
                _compute(engine, cutter, batch)
                self._free_s = time.perf_counter()
                self.batches.append(len(batch))
                del self.batches[:-10_000]
        finally:
            engine.close()

    def _next(self) -> list[tuple[Batch, Future[Found]]]:
        """What goes into the next batch; empty at the end."""
        with self._news:
            while not self._waiting and not self._is_closing:
                self._news.wait()
            # Those that have just been served are on their way back with the next frame.
            end_s = self._free_s + _GATHER_S
            while len(self._waiting) < self._shares and not self._is_closing:
                left_s = end_s - time.perf_counter()
                if left_s <= 0 or not self._news.wait(left_s):
                    break
            batch: list[tuple[Batch, Future[Found]]] = []
            count = 0
            while self._waiting and (not batch or count + _size(self._waiting[0][0]) <= MOST):
                batch.append(self._waiting.popleft())
                count += _size(batch[-1][0])
            return batch


def _compute(
    engine: Engine, cutter: Cutter | None, batch: list[tuple[Batch, Future[Found]]]
) -> None:
    try:
        people = _infer(engine, cutter, [crops for crops, _ in batch])
        others, took_ms = engine.others, engine.took_ms
        first = 0
        for given, done in batch:
            part = slice(first, first + _size(given))
            done.set_result(Found(people[part].copy(), others[part].copy(), took_ms))
            first += _size(given)
    except BaseException as error:
        for _, done in batch:
            if not done.done():
                done.set_exception(error)


def _infer(engine: Engine, cutter: Cutter | None, batches: Sequence[Batch]) -> NDArray[np.float32]:
    """All of them as one: frames where each is one and the engine cuts, else crops."""
    uncut = [part for batch in batches if not isinstance(batch, np.ndarray) for part in batch]
    if cutter is not None and sum(map(len, uncut)) == sum(map(_size, batches)):
        cutter.start_uncut(uncut)
        return cutter.finish()
    size_hw = engine.spec.input_hw
    crops = [b if isinstance(b, np.ndarray) else cut_all(b, size_hw) for b in batches]
    return engine.infer(np.concatenate(crops) if len(crops) > 1 else crops[0])


def _size(batch: Batch) -> int:
    """How many crops."""
    return len(batch) if isinstance(batch, np.ndarray) else sum(map(len, batch))


class Share:
    """An ``Engine`` for one source."""

    def __init__(self, shared: SharedEngine) -> None:
        self._shared, self.spec = shared, shared.spec
        self._turns = Turns("shared network")
        self._batch: Future[Found] | None = None
        self._last = Found(no_people(shared.spec), no_people(shared.spec), 0.0)

    @property
    def label(self) -> str:
        """See ``Engine.label``."""
        return self._shared.label

    @property
    def others(self) -> NDArray[np.float32]:
        """See ``Engine.others``."""
        return self._last.others

    @property
    def took_ms(self) -> float:
        """Of the common batch: what the source had to wait for."""
        return self._last.took_ms

    def start(self, crops: NDArray[np.uint8]) -> None:
        """See ``Engine.start``."""
        check_crops(crops, self.spec)
        self._start(crops)

    @property
    def is_cutting(self) -> bool:
        """See ``Cutter.is_cutting``."""
        return self._shared.is_cutting

    def stage(self, part: Uncut) -> None:
        """See ``Cutter.stage``; the engine's memory belongs to its own thread."""

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        """See ``Cutter.start_uncut``."""
        self._start(parts)

    def _start(self, batch: Batch) -> None:
        self._turns.start()
        try:
            self._batch = self._shared.submit(batch)
        except BaseException:
            self._turns.finish()
            raise

    def finish(self) -> NDArray[np.float32]:
        """See ``Engine.finish``."""
        self._turns.finish()
        assert self._batch is not None
        self._last = self._batch.result()
        return self._last.people

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See ``Engine.infer``."""
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._turns.close():
            self._shared.leave()
