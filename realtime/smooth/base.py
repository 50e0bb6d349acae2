"""The Smoother protocol: what the tracker needs from a temporal filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray


class Smoother(Protocol):
    """Filters the keypoints of up to S persons at once, each in a slot.

    All slots share one clock: ``predict`` moves every person to a frame's capture
    time, then ``update`` takes the measurements of that frame.
    """

    xy: FloatArray
    """(S, K, 2) filtered positions, frame pixels. Meaningful where ``state`` is not LOST."""

    state: NDArray[np.int8]
    """(S, K) values of ``State``."""

    def forecast(self, time_s: float) -> FloatArray:
        """(S, K, 2) predicted positions at ``time_s``; changes nothing."""
        ...

    def ahead(self, time_s: float) -> FloatArray:
        """(S, K, 2) where to draw keypoints that will be seen at ``time_s``.

        As ``forecast``, but uncertain motion is extrapolated less, so that keypoints at
        rest do not tremble; changes nothing.
        """
        ...

    def uncertainty(self) -> FloatArray:
        """(S, K, 2, 2) covariance of ``xy``, pixels²; NaN if the filter does not know it.

        An ellipse of 90 % holds the true position nine times in ten: how nearly is in
        docs/smoothing.md.
        """
        ...

    def uncertainty_later(self) -> Callable[[], FloatArray]:
        """The ``uncertainty`` of this moment, worked out only when it is called."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name and parameters, ready for JSON."""
        ...

    def predict(self, time_s: float) -> None:
        """Move every slot to ``time_s``, the capture time of a frame, seconds."""
        ...

    def update(self, xy: FloatArray, score: FloatArray, size_px: FloatArray) -> None:
        """Take the measurements of the frame that ``predict`` moved to.

        Args:
            xy: (S, K, 2) measured positions, frame pixels; ignored where score is 0.
            score: (S, K) in [0, 1]; 0 where there is no measurement.
            size_px: (S,) size of each person, frame pixels; noise scales with it.
        """
        ...

    def begin(self, slot: int, xy: FloatArray, score: FloatArray, size_px: float) -> None:
        """Start a person from one pose at the current time; nothing else changes.

        Args:
            slot: Row of the person; its previous content is discarded.
            xy: (K, 2) frame pixels.
            score: (K,) 0 where there is no measurement.
            size_px: Size of the person, frame pixels.
        """
        ...

    def clear(self, slot: int) -> None:
        """Forget the person in a slot."""
        ...
