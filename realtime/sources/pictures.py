"""Pictures of others: read if they are files, and no larger than pictures are."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.foreign.files import check_regular
from steadypose.limits import MOST_PIXELS

_MOST_BYTES = 8 * MOST_PIXELS  # four channels of two bytes each, not compressed


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """A picture file as (H, W, 3) uint8 BGR; EXIF orientation is honoured.

    Returns:
        None where it is a pipe, no picture, or has more than ``MOST_PIXELS``, which OpenCV finds
        in its header.
    """
    try:
        check_regular(path)
        if path.stat().st_size > _MOST_BYTES:
            return None
        return decode_picture(np.fromfile(path, np.uint8))  # OpenCV's own takes ASCII on Windows
    except OSError:
        return None


def decode_picture(data: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The bytes of a picture file; as ``read_picture``."""
    try:
        return _bounded(cv2.imdecode(data, cv2.IMREAD_COLOR)) if data.size else None
    except cv2.error:
        return None


def is_too_large(width: int, height: int) -> bool:
    """Whether a picture, or a video's frame, is larger than any that is read."""
    chosen = os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", "")
    return width * height > (int(chosen) if chosen.isdecimal() else MOST_PIXELS)


def _bounded(image: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """Where OpenCV was loaded before its limit was set."""
    return None if image is None or is_too_large(image.shape[1], image.shape[0]) else image
