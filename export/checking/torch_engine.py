"""PyTorch behind the engine protocol: the reference for comparing backends."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.spec import ModelSpec
from steadypose.export.models.decoding import PoseModel


class TorchEngine(BaseEngine):
    """Runs a model before its export, in float32.

    Args:
        model: Preprocessing, network and decoding.
        spec: The spec the exported file would contain.
    """

    def __init__(self, model: PoseModel, spec: ModelSpec) -> None:
        super().__init__("torch", spec, f"torch {torch.__version__.split('+')[0]} fp32")
        self._model = model.eval()

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._crops = crops

    def _answer(self) -> NDArray[np.float32]:
        begin_s = time.perf_counter()
        with torch.inference_mode():
            found: NDArray[np.float32] = self._model(torch.from_numpy(self._crops)).numpy()
        self.took_ms = (time.perf_counter() - begin_s) * 1e3
        return found

    def _free(self) -> None:
        """Nothing: the model is its owner's."""
