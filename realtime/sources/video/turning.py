"""Turn frames as their display matrix says: by quarter turns, mirrored, or both."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

UPRIGHT = (1, 0, 0, 1)
Turn = tuple[int, int, int, int]
"""a, b, c, d of x' = a x + c y and y' = b x + d y, each -1, 0 or 1."""


def turn_of(frame: Any) -> Turn:
    """The nearest right-angled turn that a PyAV frame's display matrix asks for.

    Source:
        libavutil/display.h: nine 32-bit numbers in the machine's order, x' = a x + c y.
    """
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except KeyError:
        data = None
    if data is None:
        return UPRIGHT
    matrix = np.frombuffer(bytes(data), np.int32)
    if len(matrix) != 9:
        return UPRIGHT
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if a == b == c == d == 0:
        return UPRIGHT
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


class Turning:
    """Turns the frames of one stream.

    A matrix is looked at where something else has changed: PyAV's side data and its frame refer to
    each other, so a frame that was asked for them stays in memory until the next collection.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int, int] | None = None
        self._turn: Turn = UPRIGHT

    def of(self, frame: Any) -> Turn:
        """The turn of a PyAV frame."""
        seen = frame.rotation, frame.width, frame.height
        if seen != self._seen:
            self._seen, self._turn = seen, turn_of(frame)
        return self._turn


def turned(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 turned; the same array where there is nothing to do."""
    if turn == UPRIGHT:
        return image
    a, b, c, d = turn
    if a == 0:
        image = cv2.transpose(image)
        a, d = c, b
    if a < 0 and d < 0:
        return cv2.flip(image, -1)
    if a < 0:
        return cv2.flip(image, 1)
    return cv2.flip(image, 0) if d < 0 else image
