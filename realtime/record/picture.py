"""A picture for the video, known without loading the encoder."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import Pose

MADE_BY = "recorded by steadypose"
"""Comment in a video or a picture of ours, by which it is known again."""
JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = 33  # bytes of its signature and first chunk
Paint = Callable[[], NDArray[np.uint8]]
Picture = tuple[Paint, float]
"""What makes a picture, and its capture time in seconds.

It is called on the writing thread, so drawing for the file costs the loop nothing, and returns
(H, W, 3) uint8 BGR that nobody changes any more.
"""
Draw = Callable[[NDArray[np.uint8], Sequence[Pose]], None]
"""Draws people, in pixels of the frame, onto an (H, W, 3) uint8 BGR picture of the same size."""


def with_comment(data: bytes) -> bytes:
    """A JPEG or PNG file with ``MADE_BY`` in it; others as they are."""
    text = MADE_BY.encode()
    if data.startswith(JPEG):
        segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        return data[: len(JPEG)] + segment + data[len(JPEG) :]
    if data.startswith(PNG):
        body = b"tEXtComment\0" + text
        chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
        return data[:_PNG_HEADER] + chunk + data[_PNG_HEADER:]
    return data
