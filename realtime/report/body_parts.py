"""Group keypoints by body part, and split curves into measured and predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.sides import without_side
from steadypose.realtime.datatypes import FloatArray
from steadypose.realtime.report.charts import Line

WAYS = ("wrist", "ankle")


def parts_of(keypoints: Sequence[str]) -> dict[str, list[int]]:
    """Group keypoints by body part: left and right of one part together, in order."""
    parts: dict[str, list[int]] = {}
    for k, name in enumerate(keypoints):
        parts.setdefault(without_side(name), []).append(k)
    return parts


def sure_and_guessed(
    x: FloatArray,
    y: FloatArray,
    is_sure: NDArray[np.bool_],
    style: str,
    name: str,
    *,
    is_path: bool = False,
) -> list[Line]:
    """Split a curve in two: solid where measured, dotted where predicted."""
    is_guess = ~is_sure
    # Dotted lines reach the measured ones on both sides.
    is_guess[:-1] |= ~is_sure[1:]
    is_guess[1:] |= ~is_sure[:-1]
    sure, guess = np.where(is_sure, y, np.nan), np.where(is_guess, y, np.nan)
    return [
        Line(x, guess, f"{style} guess", f"{name}, predicted", is_path),
        Line(x, sure, style, f"{name}, filtered", is_path),
    ]
