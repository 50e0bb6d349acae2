"""Decoded frames as BGR arrays, with the colours that the stream says it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

# As a stream codes them (ISO/IEC 23091-2, MatrixCoefficients): SWS_CS_* of libswscale.
_ITU601 = 5
_MATRICES = {1: 1, 4: 4, 5: _ITU601, 6: _ITU601, 7: 7, 9: 9, 10: 9}
_FULL_RANGE = 2
_YUV = ("yuv", "yuyv", "uyvy", "yvyu", "nv", "p01", "p21", "p41", "y21")


class ToBgr:
    """Converts frames of one stream; used by one thread."""

    def __init__(self) -> None:
        self._convert: Any = VideoReformatter()

    def __call__(self, frame: Any) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR of a PyAV frame; rows may be padded.

        Raises:
            av.error.FFmpegError: Its pixels have no meaning here.
        """
        # Frames are small: a pool of threads for each would cost more than it saves.
        how: dict[str, Any] = {"threads": 1}
        name = frame.format.name
        if name.startswith(_YUV):
            how["src_colorspace"] = _MATRICES.get(int(frame.colorspace), _ITU601)
            how["dst_colorspace"] = _ITU601
            is_full = int(frame.color_range) == _FULL_RANGE or name.startswith("yuvj")
            how["src_color_range"] = ColorRange.JPEG if is_full else ColorRange.MPEG
            how["dst_color_range"] = ColorRange.JPEG
        image: NDArray[np.uint8] = self._convert.reformat(frame, format="bgr24", **how).to_ndarray()
        return image
