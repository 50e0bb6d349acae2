"""Legs that are none: where the picture ends above them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import FloatArray

# What hangs on what, from the trunk on.
_PARTS = (
    (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    (("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
)
_SHOULDERS = ("left_shoulder", "right_shoulder")
_CLEAR = 0.5  # score of a part that is seen though what it hangs on is not in the picture
_EDGE = 0.02  # of the frame's shorter side: what is found nearer to its edge may lie beyond it


class Legs:
    """Tells seen legs from those that a network supposes in a picture that ends at the hips.

    A network that knows people looks for knees, and if the picture ends above them, it finds them
    on the arms or the chest, with low scores. So a knee whose hip is not in the picture, or an
    ankle whose knee is not, has to be seen clearly, as long as a shoulder is in the picture; who
    films feet alone keeps them. ``benchmarks.accuracy.legs`` prints what that costs and gains.

    Args:
        skeleton: One without these keypoints has no legs to judge.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        places = {name: k for k, name in enumerate(skeleton.keypoints)}
        names = {name for pairs in _PARTS for pair in pairs for name in pair}
        self._parts: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        self._shoulders = [places[name] for name in _SHOULDERS if name in places]
        if names <= places.keys() and self._shoulders:
            for pairs in _PARTS:
                root, end = (np.array([places[pair[i]] for pair in pairs]) for i in (0, 1))
                self._parts.append((root, end))

    def attached(
        self,
        xy: FloatArray,
        score: FloatArray,
        is_seen: NDArray[np.bool_],
        frame_hw: tuple[int, int],
    ) -> NDArray[np.bool_]:
        """The seen keypoints without legs that hang on nothing in the picture.

        Args:
            xy: (K, 2) frame pixels.
            score: (K,)
            is_seen: (K,) which count as seen; not changed.
            frame_hw: Height and width of the frame, pixels.
        """
        is_inside: NDArray[np.bool_] | None = None
        for root, end in self._parts:
            is_weak = is_seen[end] & (score[end] < _CLEAR)
            if not is_weak.any():  # as in most frames
                continue
            if is_inside is None:
                is_inside = _inside(xy, frame_hw)
                if not (is_seen & is_inside)[self._shoulders].any():
                    return is_seen
                is_seen = is_seen.copy()
            is_seen[end[is_weak & ~(is_seen[root] & is_inside[root])]] = False
        return is_seen


def _inside(xy: FloatArray, frame_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(K,) which points lie in the frame and not at its very edge."""
    height, width = frame_hw
    edge = _EDGE * min(frame_hw)
    middle = np.array(((width - 1) / 2, (height - 1) / 2))
    away = np.abs(xy - middle) <= middle - edge
    inside: NDArray[np.bool_] = away[:, 0] & away[:, 1]
    return inside
