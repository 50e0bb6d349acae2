"""Draw the classes of errors as one bar per keypoint."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.measures.errors import KINDS, shares

_COLOURS = ((115, 158, 0), (233, 180, 86), (66, 228, 240), (0, 159, 230), (60, 60, 60))  # BGR
_ROW, _BAR, _HEAD, _LETTER = 22, 480, 56, 8  # pixels
_BLACK = (0, 0, 0)


def error_chart(kinds: NDArray[np.int8], names: Sequence[str], *, title: str) -> NDArray[np.uint8]:
    """Draw it.

    Args:
        kinds: (N, K) of ``training.measures.errors.classify``.
        names: Of the K keypoints.
        title: Above.

    Returns:
        (H, W, 3) uint8 BGR; keypoints without a label have no bar.
    """
    rows = [
        (name, part)
        for name, part in zip((*names, "all"), shares(kinds), strict=True)
        if np.isfinite(part).all()
    ]
    left = _LETTER * max(len(name) for name in (*names, "all")) + 16
    image = np.full((_HEAD + _ROW * len(rows) + 12, left + _BAR + 20, 3), 255, np.uint8)
    _write(image, title, (8, 18))
    x = left
    for kind, colour in zip(KINDS, _COLOURS, strict=True):
        cv2.rectangle(image, (x, 32), (x + 11, 43), colour, -1)
        _write(image, kind, (x + 16, 43))
        x += _LETTER * len(kind) + 36
    for number, (name, part) in enumerate(rows):
        y = _HEAD + number * _ROW
        _write(image, name, (8, y + 14))
        edges = left + np.round(np.concatenate(((0.0,), np.cumsum(part))) * _BAR).astype(int)
        for begin, end, colour in zip(edges[:-1], edges[1:], _COLOURS, strict=True):
            if end > begin:
                cv2.rectangle(image, (int(begin), y + 2), (int(end) - 1, y + 18), colour, -1)
    return image


def _write(image: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _BLACK, 1, cv2.LINE_AA)
