"""One server: asked on a thread of its own, left alone for a while when it fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.remote.contract import (
    Client,
    Served,
    TooLate,
    check_rows,
)
from steadypose.engines.errors import EngineError, SteadyposeError

_RESTS_S = (0.05, 0.1, 0.2, 0.4)  # of one on whom all depends: back soon is seen soon
_ASIDE_S = (0.4, 1.0, 2.0, 5.0)  # of one for whom others stand in
_STEADY_S = 5.0
_MOST_LATE = 3


class Server:
    """A server and what is known of it.

    Args:
        where: Its address, for people.
        connect: Makes a client; called on the server's thread.
        check: Refuses what it serves; called on that thread before the first batch, and again
            after each failure: who comes back may serve something else.
        model: The model's name there.
        rows: What it gives for each crop.
    """

    def __init__(
        self,
        where: str,
        connect: Callable[[], Client],
        check: Callable[[Served], None],
        *,
        model: str,
        rows: int,
    ) -> None:
        self.where = where
        self._connect, self._check, self._model, self._rows = connect, check, model, rows
        self._client: Client | None = None
        self._is_known = False
        self._most, self._late = 1, 0
        self.is_aside = False
        """Whether it failed, and has not answered since."""
        self._failures = 0
        self._failed_s = self._back_s = 0.0
        self._running: Future[NDArray[np.float32]] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"ask {where}")

    @property
    def may_be_asked(self) -> bool:
        """Whether it is neither late with an answer nor resting."""
        return not self._is_late and (not self.is_aside or self._has_rested(_RESTS_S))

    @property
    def is_probe_due(self) -> bool:
        """Whether it has been aside long enough to be looked at again, where others answer."""
        return self.is_aside and not self._is_late and self._has_rested(_ASIDE_S)

    @property
    def is_steady(self) -> bool:
        """Whether it has answered for some seconds without a failure."""
        return not self._failures

    def ask(self, crops: NDArray[np.uint8], *, timeout_s: float) -> Future[NDArray[np.float32]]:
        """Begin with a batch, which is not changed by anybody; it may fail as ``Client.infer``.

        Args:
            crops: (N, H, W, 3).
            timeout_s: How long the answer is wanted.
        """
        self._running = self._thread.submit(self._infer, crops, timeout_s)
        return self._running

    def succeeded(self) -> None:
        """Note an answer that came in time."""
        now_s = time.perf_counter()
        if self.is_aside:
            self.is_aside, self._back_s = False, now_s
        if now_s - self._back_s >= _STEADY_S:
            self._failures = 0

    def failed(self) -> None:
        """Note that it did not answer; it rests, longer each time."""
        self.is_aside = True
        self._failures += 1
        self._failed_s = time.perf_counter()

    def close(self) -> None:
        """End the connection, without waiting for an answer that is late."""
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=not self._is_late)

    @property
    def _is_late(self) -> bool:
        return self._running is not None and not self._running.done()

    def _has_rested(self, rests_s: Sequence[float]) -> bool:
        rest_s = rests_s[min(self._failures, len(rests_s)) - 1]
        return time.perf_counter() >= self._failed_s + rest_s

    def _infer(self, crops: NDArray[np.uint8], timeout_s: float) -> NDArray[np.float32]:
        end_s = time.perf_counter() + timeout_s
        try:
            if self._client is None:
                self._client, self._is_known = self._connect(), False
            if not self._is_known:
                served = self._client.describe(self._model, timeout_s=timeout_s)
                self._check(served)
                self._most, self._is_known = served.most or sys.maxsize, True
            pieces = []
            for first in range(0, len(crops), max(1, self._most)):
                left_s = max(1e-3, end_s - time.perf_counter())
                piece = crops[first : first + max(1, self._most)]
                found = self._client.infer(self._model, piece, timeout_s=left_s)
                check_rows(found, (len(piece), self._rows, 3), where=self.where)
                pieces.append(found)
            self._late = 0
        except TooLate:
            self._late += 1
            if self._late > _MOST_LATE:  # the connection may be dead without a word
                self._drop()
            raise
        except SteadyposeError:
            self._drop()
            raise
        except Exception as error:  # an answer can be wrong in any way, and breaks where it is read
            self._drop()
            raise EngineError(
                f"{self.where} answers what is not the protocol ({type(error).__name__}: {error})",
                fix="check that it is an inference server, and the port",
            ) from error
        return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]

    def _drop(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.close()
