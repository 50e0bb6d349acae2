"""Cut a person out of a frame at the network's input size.

The crop is an upright window on whole frame pixels, so cutting it takes two fast
OpenCV calls: halve the region until it is less than twice the crop, then
interpolate. Halving averages the pixels that plain interpolation would skip;
without it a person filling a Full-HD frame is sampled at one pixel in eight, and
keypoints jitter with the aliasing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import ShapeError
from steadypose.realtime.datatypes import BBox


@dataclass(frozen=True, slots=True)
class CropTransform:
    """Where a crop lies in its frame: an offset and a scale per axis.

    Attributes:
        left: Frame x of the crop's left edge, whole pixels (an edge lies half a
            pixel before the pixel's centre).
        top: Frame y of the upper edge.
        width: Crop width in frame pixels.
        height: Crop height in frame pixels.
        size_hw: Crop size, crop pixels.
        halvings: How often the region is halved before interpolation; the four
            numbers above are multiples of 2 to that power.
    """

    left: int
    top: int
    width: int
    height: int
    size_hw: tuple[int, int]
    halvings: int

    def to_frame(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 2) crop pixels to frame pixels."""
        scale, offset = self._affine()
        moved: NDArray[np.float64] = xy * scale + offset
        return moved

    def move_to_frame(self, keypoints: NDArray[np.float64]) -> None:
        """``to_frame`` in place, for x and y of (K, 3) keypoints in every frame."""
        (sx, sy), (x, y) = self._scale_and_offset()
        keypoints[:, 0] *= sx
        keypoints[:, 0] += x
        keypoints[:, 1] *= sy
        keypoints[:, 1] += y

    def to_crop(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 2) frame pixels to crop pixels."""
        scale, offset = self._affine()
        moved: NDArray[np.float64] = (xy - offset) / scale
        return moved

    def _affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        scale, offset = self._scale_and_offset()
        return np.array(scale), np.array(offset)

    def _scale_and_offset(self) -> tuple[tuple[float, float], tuple[float, float]]:
        height, width = self.size_hw
        sx, sy = self.width / width, self.height / height
        # Pixel centres: crop pixel u covers frame x in left - 0.5 + [u, u + 1] * sx.
        return (sx, sy), (self.left + 0.5 * sx - 0.5, self.top + 0.5 * sy - 0.5)


def place_crop(bbox: BBox, *, size_hw: tuple[int, int], padding: float) -> CropTransform:
    """Find the window of a person's crop: aspect ratio kept, padded, on whole pixels.

    Args:
        bbox: Tight person box, frame pixels.
        size_hw: Crop height and width, crop pixels.
        padding: Factor the weights were trained with.

    Raises:
        ShapeError: The box has no area or is not finite.

    Source:
        Center/scale crop with padding 1.25: Xiao et al. 2018 (arXiv:1804.06208).
    """
    crop_h, crop_w = size_hw
    width = max(bbox.width, bbox.height * crop_w / crop_h) * padding
    if not (0 < bbox.width < math.inf and 0 < bbox.height < math.inf):
        raise ShapeError(f"{bbox} has no usable area", fix="pass a box with x1 < x2 and y1 < y2")
    halvings = math.floor(math.log2(max(1.0, width / crop_w)))
    step = 1 << halvings
    # Whole multiples of the halving step, so that halved pixels line up with the edge.
    cells_w = max(1, round(width / step))
    cells_h = max(1, round(width * crop_h / crop_w / step))
    cx, cy = bbox.center_xy
    left = round((cx + 0.5) / step - cells_w / 2) * step
    top = round((cy + 0.5) / step - cells_h / 2) * step
    return CropTransform(left, top, cells_w * step, cells_h * step, size_hw, halvings)


def cut(image_bgr: NDArray[np.uint8], place: CropTransform, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` with the pixels of a crop; what lies outside the frame is black.

    Args:
        image_bgr: (H, W, 3) uint8 camera frame. Not modified.
        place: Where to cut.
        out: (h, w, 3) uint8 of ``place.size_hw``, C-contiguous; overwritten.
    """
    frame_h, frame_w = image_bgr.shape[:2]
    crop_h, crop_w = place.size_hw
    x1, y1 = max(0, place.left), max(0, place.top)
    x2, y2 = min(frame_w, place.left + place.width), min(frame_h, place.top + place.height)
    step = 1 << place.halvings
    if x2 - x1 < step or y2 - y1 < step:
        out.fill(0)
        return
    region = image_bgr[y1:y2, x1:x2]
    for _ in range(place.halvings):
        half_h, half_w = region.shape[0] // 2, region.shape[1] // 2
        region = cv2.resize(
            region[: half_h * 2, : half_w * 2], (half_w, half_h), interpolation=cv2.INTER_AREA
        )
    full_h, full_w = place.height // step, place.width // step
    if region.shape[0] != full_h or region.shape[1] != full_w:
        above, before = (y1 - place.top) // step, (x1 - place.left) // step
        below, after = full_h - above - region.shape[0], full_w - before - region.shape[1]
        region = cv2.copyMakeBorder(region, above, below, before, after, cv2.BORDER_CONSTANT)
    cv2.resize(region, (crop_w, crop_h), dst=out, interpolation=cv2.INTER_LINEAR)
