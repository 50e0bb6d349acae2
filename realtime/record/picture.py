"""What a recorded picture is; ``video`` writes them and needs av."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MADE_BY = "recorded by steadypose"
"""Comment in the file, by which it is known again."""

Paint = Callable[[], NDArray[np.uint8]]
Picture = tuple[Paint, float]
"""What makes a picture, and its capture time in seconds.

It is called on the writing thread, so drawing for the file costs the loop nothing, and returns
(H, W, 3) uint8 BGR that nobody changes any more.
"""
