"""A deterministic stand-in for a network: tests of everything around it use this."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.base_engine import BaseEngine
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.spec import ModelSpec

Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

FAKE_SPEC = ModelSpec(
    name="fake", skeleton=COCO17, input_hw=(64, 48), decoder="none", weights={"source": "none"}
)


class FakeEngine(BaseEngine):
    """Answers with a function of the crops, after a chosen time.

    Args:
        spec: What it pretends to be.
        answer: (N, H, W, 3) uint8 to (N, spec.output_rows, 3) float32; by default a fixed figure
            in the middle of each crop whose score is the crop's mean brightness.
        latency_s: How long a batch takes, as an engine slower than the camera.
    """

    def __init__(
        self,
        spec: ModelSpec = FAKE_SPEC,
        *,
        answer: Answer | None = None,
        latency_s: float = 0.0,
    ) -> None:
        super().__init__("fake", spec, "fake")
        self._find = answer or self._fixed_figure
        self._latency_s = latency_s
        self.took_ms = latency_s * 1e3

    def _begin(self, crops: NDArray[np.uint8]) -> None:
        self._crops = crops
        self._ready_s = time.perf_counter() + self._latency_s

    def _answer(self) -> NDArray[np.float32]:
        time.sleep(max(0.0, self._ready_s - time.perf_counter()))
        return self._find(self._crops)

    def _free(self) -> None:
        """Nothing."""

    def _fixed_figure(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = self.spec.input_hw
        k = self.spec.keypoint_count
        keypoints = np.empty((len(crops), k, 3), np.float32)
        keypoints[..., 0] = width * (0.35 + 0.3 * (np.arange(k) % 2))
        keypoints[..., 1] = height * (0.1 + 0.8 * np.arange(k) / max(1, k - 1))
        keypoints[..., 2] = crops.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] / 255.0
        return np.tile(keypoints, (1, 1 + self.spec.others, 1))
