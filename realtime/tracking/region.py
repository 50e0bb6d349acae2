"""The part of the frame in which people are looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.realtime.datatypes import BBox
from steadypose.realtime.tracking.search_windows import scan_windows


@dataclass(frozen=True, slots=True)
class Region:
    """An upright part of the frame, whole frame pixels.

    Attributes:
        x: Its left column.
        y: Its top row.
        width: Columns.
        height: Rows.
    """

    x: int
    y: int
    width: int
    height: int

    def check(self, frame_hw: tuple[int, int]) -> None:
        """Refuse a region without a pixel of the frame.

        Raises:
            UsageError: It lies outside.
        """
        rows, columns = self._within(frame_hw)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            raise UsageError(
                f"--roi {self.x},{self.y},{self.width},{self.height} lies outside the frame, "
                f"which has {frame_hw[1]}x{frame_hw[0]} pixels",
                fix="give x and y of its upper left corner, width and height",
            )

    def only(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A copy of a frame that is black outside the region.

        Args:
            image_bgr: (H, W, 3) uint8.
        """
        rows, columns = self._within(image_bgr.shape[:2])
        masked = np.zeros_like(image_bgr)
        masked[rows, columns] = image_bgr[rows, columns]
        return masked

    def windows(self, frame_hw: tuple[int, int], crop_hw: tuple[int, int]) -> list[BBox]:
        """``scan_windows`` of the region, in frame pixels; those of the frame if it is outside."""
        rows, columns = self._within(frame_hw)
        size_hw = (rows.stop - rows.start, columns.stop - columns.start)
        if min(size_hw) <= 0:
            return scan_windows(frame_hw, crop_hw)
        x, y = columns.start, rows.start
        return [
            BBox(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y)
            for box in scan_windows(size_hw, crop_hw)
        ]

    def _within(self, frame_hw: tuple[int, ...]) -> tuple[slice, slice]:
        height, width = frame_hw
        return (
            slice(min(self.y, height), min(self.y + self.height, height)),
            slice(min(self.x, width), min(self.x + self.width, width)),
        )
