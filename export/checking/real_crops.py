"""Cut real crops as the app does, for checks and calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import UsageError
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.sources.address import shown, spelled_out
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.tracking.crop import cut, place_crop
from steadypose.realtime.tracking.search_windows import scan_windows

_EVERY = 15  # largest step between used frames: neighbours look the same
_WINDOWS = 6  # of each frame, from the whole frame inwards


def gather_crops(source: str, spec: ModelSpec, *, count: int) -> NDArray[np.uint8]:
    """Cut windows out of a video, a folder of images or the demo.

    Args:
        source: As for ``run.py --source``.
        spec: For its crop size.
        count: Number of crops wanted.

    Returns:
        (N, H, W, 3) uint8 BGR; N is smaller if the source is short.

    Raises:
        SourceError: The source cannot be read.
        UsageError: It has no frame.
    """
    if count < 1:
        raise UsageError(f"{count} crops cannot be checked with", fix="ask for at least one")
    opened = open_source(SourceOptions(spelled_out(source)))
    every = _EVERY
    if opened.frame_count:
        every = max(1, min(_EVERY, opened.frame_count * _WINDOWS // count))
    crops: list[NDArray[np.uint8]] = []
    try:
        while len(crops) < count and not opened.is_over:
            frame = opened.read(5.0)
            if frame is None or frame.index % every:
                continue
            for window in scan_windows(frame.size_hw, spec.input_hw)[:_WINDOWS]:
                crop = np.empty((*spec.input_hw, 3), np.uint8)
                cut(
                    frame.image_bgr,
                    place_crop(window, size_hw=spec.input_hw, padding=1.0),
                    crop,
                )
                crops.append(crop)
    finally:
        opened.close()
    if not crops:
        raise UsageError(
            f"{shown(source)} gave no frame to check with", fix="choose another source"
        )
    return np.stack(crops[:count])
