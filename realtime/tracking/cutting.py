"""What goes into an engine: crops cut by the CPU, or the frame where it cuts them itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.base import Engine, Uncut, as_cutter
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.crop import CropTransform, cut, place_crop

Batch = NDArray[np.uint8] | Uncut


class Cutting:
    """Makes the batches of one engine.

    Args:
        engine: They are for.
        most: Crops of a frame at most.
    """

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine, self._spec = engine, engine.spec
        self._cutter = as_cutter(engine)
        # One buffer may be in the engine while the next is filled.
        shape = (most, *self._spec.input_hw, 3)
        self._buffers = (np.empty(shape, np.uint8), np.empty(shape, np.uint8))
        self._turn = 0
        self._usual: list[CropTransform] = []

    def expect(self, windows: Sequence[BBox]) -> None:
        """Say where most crops will be, for engines that measure which way is faster."""
        self._usual = [self.place(window, padding=1.0) for window in windows]

    def place(self, box: BBox, padding: float | None = None) -> CropTransform:
        """Where the crop of a box lies; with the model's own padding, or another."""
        chosen = self._spec.box_padding if padding is None else padding
        return place_crop(box, size_hw=self._spec.input_hw, padding=chosen)

    def make(
        self, image_bgr: NDArray[np.uint8], places: list[CropTransform], *, is_early: bool = False
    ) -> Batch:
        """The batch of a frame.

        Args:
            image_bgr: (H, W, 3) uint8 frame.
            places: Of its crops.
            is_early: The engine may work on another batch meanwhile, so all that can be
                prepared is.
        """
        if self._cutter is None or not self._cutter.is_cutting:
            return self._cut(image_bgr, places)
        batch = Uncut(image_bgr, places, cut, self._usual)
        if is_early and places:
            self._cutter.stage(batch)
        return batch

    def start(self, batch: Batch) -> None:
        """Hand a batch to the engine."""
        if isinstance(batch, Uncut):
            assert self._cutter is not None
            self._cutter.start_uncut([batch])
        else:
            self._engine.start(batch)

    def infer(self, batch: Batch) -> NDArray[np.float32]:
        """The same, and wait for what it finds; see ``Engine.infer``."""
        if isinstance(batch, Uncut):
            self.start(batch)
            return self._engine.finish()
        return self._engine.infer(batch)

    def _cut(self, image_bgr: NDArray[np.uint8], places: list[CropTransform]) -> NDArray[np.uint8]:
        self._turn = 1 - self._turn
        buffer = self._buffers[self._turn]
        for place, crop in zip(places, buffer, strict=False):
            cut(image_bgr, place, crop)
        return buffer[: len(places)]
