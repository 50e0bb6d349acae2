"""A picture for the video, known without loading the encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import Pose

MADE_BY = "recorded by steadypose"
"""Comment in a video of ours, by which it is known again."""
Paint = Callable[[], NDArray[np.uint8]]
Picture = tuple[Paint, float]
"""What makes a picture, and its capture time in seconds.

It is called on the writing thread, so drawing for the file costs the loop nothing, and returns
(H, W, 3) uint8 BGR that nobody changes any more.
"""
Draw = Callable[[NDArray[np.uint8], Sequence[Pose]], None]
"""Draws people, in pixels of the frame, onto an (H, W, 3) uint8 BGR picture of the same size."""
