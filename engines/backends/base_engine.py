"""What every backend does alike: turns in order, crops and answers checked, people told apart."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import (
    Turns,
    check_crops,
    check_output_shape,
    no_people,
    split_people,
)
from steadypose.engines.spec import ModelSpec


class BaseEngine(ABC):
    """An ``Engine`` but for the computing itself.

    Args:
        name: The backend's, in its messages.
        spec: Contract of the loaded model.
        label: Backend, precision and threads.

    ``spec``, ``label``, ``others`` and ``took_ms`` are those of ``Engine``.
    """

    def __init__(self, name: str, spec: ModelSpec, label: str) -> None:
        self.spec = spec
        self.label = label
        self._turns = Turns(name)
        self.others = no_people(spec)
        self._batch = 0
        self.took_ms = 0.0

    def start(self, crops: NDArray[np.uint8]) -> None:
        """See ``Engine.start``."""
        check_crops(crops, self.spec)
        self._turns.start()
        self._batch = len(crops)
        try:
            self._begin(crops)
        except BaseException:
            self._turns.finish()
            raise

    def finish(self) -> NDArray[np.float32]:
        """See ``Engine.finish``."""
        self._turns.finish()
        output = self._answer()
        check_output_shape(output.shape, self.spec, self._batch)
        central, self.others = split_people(output, self.spec)
        return central

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See ``Engine.infer``."""
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._turns.close():
            self._free()
            self.others = no_people(self.spec)  # it was a view of memory that is gone

    @abstractmethod
    def _begin(self, crops: NDArray[np.uint8]) -> None:
        """Begin with a batch; or keep it for ``_answer``.

        Raises:
            EngineError: The backend failed.
        """

    @abstractmethod
    def _answer(self) -> NDArray[np.float32]:
        """(N, spec.output_rows, 3) of the batch, and ``took_ms``.

        Raises:
            EngineError: The backend failed.
        """

    @abstractmethod
    def _free(self) -> None:
        """Free what the backend holds; called once."""
