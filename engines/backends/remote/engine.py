"""An engine whose batches servers compute: one after another, and none waited for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.backends.remote.contract import Unreachable
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec

_PAUSE_S = 0.01


class RemoteEngine(BaseEngine):
    """Asks servers in turn; where one fails the next is asked within the same bound.

    Until the first answer a failure is an error. From then on a live run goes on: where nobody
    answers in time, or all refuse, nobody is seen in the frame, and a late answer is dropped. A
    file waits instead, and fails only after ``patience_s``. Another model than ours ends both.

    Args:
        spec: Contract of the model file here, which the servers' have been compared with.
        servers: At least one; owned.
        timeout_s: How long an answer may take: what it adds to a frame's age at most.
        patience_s: How long a file waits for servers to come back; None: a live run.
        label: Protocol, for people.
    """

    def __init__(
        self,
        spec: ModelSpec,
        servers: Sequence[Server],
        *,
        timeout_s: float,
        patience_s: float | None,
        label: str,
        first_s: float = 10.0,
    ) -> None:
        self._servers = list(servers)
        self._next = 0
        self._timeout_s, self._patience_s, self._first_s = timeout_s, patience_s, first_s
        self._say: Callable[[str], None] = lambda _: None
        self._is_proven, self._is_away = False, False
        self._asked: Server | None = None
        self._future: Future[NDArray[np.float32]] | None = None
        places = ", ".join(server.where for server in servers)
        super().__init__("remote", spec, f"remote {label}, {places}")

    def listen(self, say: Callable[[str], None]) -> None:
        """Call ``say`` with a sentence when no server answers any more, and when one does again."""
        self._say = say

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._begin_s = time.perf_counter()
        self._crops = crops.copy()  # an answer that is late would read what comes next
        self._future = self._ask(self._bound_s())

    def _answer(self) -> NDArray[np.float32]:
        try:
            return self._wait()
        finally:
            self._took_ms = (time.perf_counter() - self._begin_s) * 1e3
            self._future = None

    def _wait(self) -> NDArray[np.float32]:
        end_s = self._begin_s + self._bound_s()
        reason: EngineError | None = None
        tries = 1
        while True:
            left_s = end_s - time.perf_counter()
            if self._future is None:
                if left_s <= 0 or (self._is_proven and self._patience_s is None):
                    return self._nobody(reason)
                time.sleep(_PAUSE_S)
            else:
                try:
                    found = self._future.result(max(0.0, min(left_s, self._try_s())))
                except LateError:
                    reason = self._late()
                except EngineError as error:
                    if not self._is_proven and not isinstance(error, Unreachable):
                        raise  # names and tokens are wrong from the beginning
                    reason = error
                else:
                    return self._found(found)
                self._rest()
                if not self._is_proven and tries == len(self._servers):
                    raise reason
                tries += 1
            self._future = self._ask(end_s - time.perf_counter())

    def _found(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self._asked is not None
        self._asked.succeeded()
        self._is_proven = True
        if self._is_away:
            self._is_away = False
            self._say(f"{self._asked.where} answers again")
        return found

    def _nobody(self, reason: EngineError | None) -> NDArray[np.float32]:
        """What a frame shows that no server has looked at.

        Raises:
            EngineError: That is no answer, for a file or at the beginning.
        """
        if not self._is_proven or self._patience_s is not None:
            raise reason or self._late()
        if not self._is_away:
            self._is_away = True
            why = reason.what if reason is not None else "no server answers"
            self._say(f"{why}; the run goes on, and nobody is seen until one answers")
        return np.zeros((self._batch, self._spec.output_rows, 3), np.float32)

    def _ask(self, left_s: float) -> Future[NDArray[np.float32]] | None:
        """Hand the batch to the next server that may be asked."""
        if left_s <= 0:
            return None
        for turn in range(len(self._servers)):
            server = self._servers[(self._next + turn) % len(self._servers)]
            if server.is_due:
                self._next = (self._next + turn + 1) % len(self._servers)
                self._asked = server
                return server.ask(self._crops, timeout_s=min(left_s, self._try_s()))
        return None

    def _rest(self) -> None:
        if self._asked is not None:
            self._asked.failed()

    def _bound_s(self) -> float:
        """How long this batch may take in all."""
        if not self._is_proven:
            return self._first_s
        return self._timeout_s if self._patience_s is None else self._patience_s

    def _try_s(self) -> float:
        """How long one server may take."""
        return self._first_s if not self._is_proven or self._patience_s else self._timeout_s

    def _late(self) -> Unreachable:
        where = self._asked.where if self._asked is not None else "the server"
        return Unreachable(
            f"{where} did not answer within {min(self._try_s(), self._bound_s()):g} s",
            fix="check that it runs and what it is busy with; --server-timeout waits longer",
        )

    def _free(self) -> None:
        for server in self._servers:
            server.close()
