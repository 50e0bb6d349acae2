"""An engine whose batches servers compute: one after another, and none waited for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.backends.remote.contract import Unreachable
from steadypose.engines.backends.remote.rota import Rota
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec

_PAUSE_S = 0.01
_FIRST_HELP_S = 2.0  # a server may load its model first


class RemoteEngine(BaseEngine):
    """Asks servers in turn; where one fails the next is asked within the same bound.

    One that has not answered when half of the bound is over gets help: another is asked as
    well, and the first answer is taken. Who needed it is put aside: see ``Rota``.

    Until the first answer a failure is an error. From then on a live run goes on: where nobody
    answers in time, or all refuse, nobody is seen in the frame, and a late answer is dropped. A
    file waits instead, and fails only after ``patience_s``. Another model than ours ends both.

    Args:
        spec: Contract of the model file here, which the servers' have been compared with.
        servers: At least one; owned.
        timeout_s: How long an answer may take: what it adds to a frame's age at most.
        patience_s: How long a file waits for servers to come back; None: a live run.
        label: Protocol, for people.
        first_s: How long the first answer may take.
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
        self._rota = Rota(servers)
        self._timeout_s, self._patience_s, self._first_s = timeout_s, patience_s, first_s
        self._is_proven, self._is_away = False, False
        self._asked: dict[Server, Future[NDArray[np.float32]]] = {}
        self._tried: set[Server] = set()
        self._reason: EngineError | None = None
        places = ", ".join(server.where for server in servers)
        super().__init__("remote", spec, f"remote {label}, {places}")

    def listen(self, say: Callable[[str], None]) -> None:
        """Call ``say`` with a sentence when a server does not answer, and when it does again."""
        self._rota.say = say

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._begin_s = time.perf_counter()
        self._crops = crops.copy()  # an answer that is late would read what comes next
        self._asked, self._tried, self._reason = {}, set(), None
        self._ask(self._bound_s())
        if self._is_proven:
            self._rota.probe(self._crops, timeout_s=self._help_s())

    def _answer(self) -> NDArray[np.float32]:
        try:
            return self._wait()
        finally:
            self.took_ms = (time.perf_counter() - self._begin_s) * 1e3
            self._asked = {}

    def _wait(self) -> NDArray[np.float32]:
        end_s = self._begin_s + self._bound_s()
        while (left_s := end_s - time.perf_counter()) > 0:
            if not self._asked:
                is_tried = self._tried.issuperset(self._rota.servers)
                if not self._is_proven and is_tried and self._reason is not None:
                    raise self._reason
                if not self._ask(left_s):
                    if self._is_proven and self._patience_s is None:
                        break
                    time.sleep(_PAUSE_S)
                    continue
            for server, future in self._first_of(left_s):
                try:
                    return self._found(server, future.result())
                except EngineError as error:
                    if not self._is_proven and not isinstance(error, Unreachable):
                        raise  # names and tokens are wrong from the beginning
                    self._reason = error
                    del self._asked[server]
                    self._rota.failed(server, error.what)
        self._all_late(min(self._try_s(), self._bound_s()))
        return self._nobody()

    def _first_of(self, left_s: float) -> list[tuple[Server, Future[NDArray[np.float32]]]]:
        """Who of those asked has answered; nobody, where help was called or all are late.

        Where nobody can help, all of the time is theirs.
        """
        wait_s = min(left_s, self._help_s() if self._can_help else self._try_s())
        done, _ = wait(self._asked.values(), wait_s, FIRST_COMPLETED)
        if not done and wait_s < left_s and not self._ask(left_s - wait_s):
            self._all_late(self._try_s())
        return [pair for pair in self._asked.items() if pair[1] in done]

    def _found(self, server: Server, found: NDArray[np.float32]) -> NDArray[np.float32]:
        for other in self._asked:
            if other is server:
                break
            self._rota.failed(other, self._late(other, self._help_s()).what)  # asked before it
        self._is_proven = True
        self._rota.succeeded(server)
        if self._is_away:
            self._is_away = False
            self._rota.say(f"{server.where} answers again")
        return found

    def _nobody(self) -> NDArray[np.float32]:
        """What a frame shows that no server has looked at.

        Raises:
            EngineError: That is no answer, for a file or at the beginning.
        """
        reason = self._reason
        if not self._is_proven or self._patience_s is not None:
            raise reason or self._late(self._rota.servers[0], self._bound_s())
        if not self._is_away:
            self._is_away = True
            why = reason.what if reason is not None else "no server answers"
            self._rota.say(f"{why}; the run goes on, and nobody is seen until one answers")
        return np.zeros((self._batch, self.spec.output_rows, 3), np.float32)

    def _ask(self, left_s: float) -> bool:
        """Hand the batch to the next server that may be asked, if there is one."""
        server = self._rota.turn(but=self._asked) if left_s > 0 else None
        if server is None:
            return False
        self._tried.add(server)
        self._asked[server] = server.ask(self._crops, timeout_s=min(left_s, self._try_s()))
        return True

    def _all_late(self, after_s: float) -> None:
        """Put aside who was asked and has not answered."""
        for server in self._asked:
            self._reason = self._late(server, after_s)
            self._rota.failed(server, self._reason.what)
        self._asked = {}

    @property
    def _can_help(self) -> bool:
        """Whether there is another server that can be asked as well."""
        others = (s for s in self._rota.servers if s not in self._asked)
        return any(s.may_be_asked and not s.is_aside for s in others)

    def _bound_s(self) -> float:
        """How long this batch may take in all."""
        if not self._is_proven:
            return self._first_s
        return self._timeout_s if self._patience_s is None else self._patience_s

    def _try_s(self) -> float:
        """How long one server may take."""
        return self._first_s if not self._is_proven or self._patience_s else self._timeout_s

    def _help_s(self) -> float:
        """How long one server may take until another is asked as well."""
        if not self._is_proven:
            return min(_FIRST_HELP_S, self._first_s / 2)
        return self._timeout_s if self._patience_s is not None else self._timeout_s / 2

    def _late(self, server: Server, after_s: float) -> Unreachable:
        return Unreachable(
            f"{server.where} did not answer within {after_s:g} s",
            fix="check that it runs and what it is busy with; --server-timeout waits longer",
        )

    def _free(self) -> None:
        self._rota.close()
