"""A network that several cameras share, also from threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadypose.api import options as choosing
from steadypose.api.closing import Closing
from steadypose.api.options import Chosen, NetworkOptions
from steadypose.engines.base import Engine, Turns, check_crops, no_people
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Network(Closing):
    """One network for several trackers, each of which may run on a thread of its own.

    It works on a thread that belongs to it, on one batch at a time; who waits does so in turn.
    Close it after those that share it, or use it in a ``with`` around them.

    Args:
        options: See ``NetworkOptions``.

    Raises:
        Error: An option cannot be used, or the model cannot be opened.
    """

    def __init__(self, **options: Unpack[NetworkOptions]) -> None:
        chosen = Chosen.of(options)
        self._closing = threading.Lock()
        self._is_closed = False
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")
        try:
            self._engine: Engine = self._owner.submit(choosing.open_model, chosen).result()
        except BaseException:
            self._owner.shutdown(wait=False)
            raise

    @property
    def label(self) -> str:
        """The network and what it runs on."""
        return f"{self._engine.spec.name} on {self._engine.label}"

    def share(self) -> Engine:
        """A share in it, for one tracker; closing that leaves the network open."""
        return _Share(self)

    def submit(self, crops: NDArray[np.uint8]) -> Future[_Found]:
        """Have a batch worked on, in turn.

        Raises:
            EngineError: The network is closed.
        """
        with self._closing:
            if self._is_closed:
                raise EngineError("the shared network is closed", fix="close it last")
            return self._owner.submit(self._infer, crops)

    def _infer(self, crops: NDArray[np.uint8]) -> _Found:
        found = self._engine.infer(crops).copy()
        return _Found(found, self._engine.others.copy(), self._engine.took_ms)

    @property
    def spec(self) -> ModelSpec:
        """Of the model."""
        return self._engine.spec

    @property
    def backend(self) -> str:
        """Backend, precision and threads."""
        return self._engine.label

    def close(self) -> None:
        """Free the network once the batches that were handed over are done. Safe to call twice."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            last = self._owner.submit(self._engine.close)
        last.result()
        self._owner.shutdown()


class _Found(NamedTuple):
    """What a batch gave: copies."""

    people: NDArray[np.float32]
    others: NDArray[np.float32]
    took_ms: float


class _Share:
    """An ``Engine`` for one tracker, on the network's thread."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._turns = Turns("shared network")
        self._batch: Future[_Found] | None = None
        self._last = _Found(no_people(network.spec), no_people(network.spec), 0.0)

    @property
    def spec(self) -> ModelSpec:
        return self._network.spec

    @property
    def label(self) -> str:
        return self._network.backend

    def start(self, crops: NDArray[np.uint8]) -> None:
        check_crops(crops, self.spec)
        self._turns.start()
        try:
            self._batch = self._network.submit(crops)
        except BaseException:
            self._turns.finish()
            raise

    def finish(self) -> NDArray[np.float32]:
        self._turns.finish()
        assert self._batch is not None
        self._last = self._batch.result()
        return self._last.people

    @property
    def others(self) -> NDArray[np.float32]:
        return self._last.others

    @property
    def took_ms(self) -> float:
        return self._last.took_ms

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        self._turns.close()
