"""PyTorch behind the engine protocol: the reference for comparing backends."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from steadypose.engines.base import Turns, check_crops, no_people, split_people
from steadypose.engines.spec import ModelSpec
from steadypose.export.models.decoding import PoseModel


class TorchEngine:
    """Runs a model before its export, in float32.

    Args:
        model: Preprocessing, network and decoding.
        spec: The spec the exported file would contain.
    """

    def __init__(self, model: PoseModel, spec: ModelSpec) -> None:
        self._model = model.eval()
        self._spec = spec
        self._turns = Turns("torch")
        self._others = no_people(spec)
        self._crops: NDArray[np.uint8] | None = None
        self._took_ms = 0.0

    @property
    def spec(self) -> ModelSpec:
        """See the protocol."""
        return self._spec

    @property
    def label(self) -> str:
        """See the protocol."""
        return f"torch {torch.__version__.split('+')[0]} fp32"

    @property
    def took_ms(self) -> float:
        """See the protocol."""
        return self._took_ms

    def start(self, crops: NDArray[np.uint8]) -> None:
        """See the protocol; the work is done in ``finish``."""
        check_crops(crops, self._spec)
        self._turns.start()
        self._crops = crops

    def finish(self) -> NDArray[np.float32]:
        """See the protocol."""
        self._turns.finish()
        assert self._crops is not None
        begin_s = time.perf_counter()
        with torch.inference_mode():
            found: NDArray[np.float32] = self._model(torch.from_numpy(self._crops)).numpy()
        self._took_ms = (time.perf_counter() - begin_s) * 1e3
        central, self._others = split_people(found, self._spec)
        return central

    @property
    def others(self) -> NDArray[np.float32]:
        """See the protocol."""
        return self._others

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See the protocol."""
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        """See the protocol."""
        self._turns.close()
