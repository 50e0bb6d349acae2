"""Legs that are none: where the picture ends above them, or within them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import FloatArray

_CHAIN = ("hip", "knee", "ankle")  # each hangs on the one before
_FEET = ("heel", "big_toe", "small_toe", "foot_index")  # hang on the ankle, where there are any
_SIDES = ("left", "right")
_CLEAR = 0.5  # score of a part that is seen though what it hangs on is outside
_SHORTEST = 0.43  # of the trunk's side: half a shank (see framing.LENGTHS)
_SUPPOSED = 0.1  # score of a knee whose place means something, though it does not count as seen
_EDGE = 0.02  # of the frame's shorter side: what is found nearer to its edge may lie beyond it


class Legs:
    """Tells seen legs from those that a network supposes in a picture that ends above the feet.

    Where it ends at the hips, a network that knows people finds these below it, and the knees it
    looks for on the arms or the chest, with low scores. So a part of a leg has to be seen clearly
    if the next part towards the trunk that is seen at all lies outside the picture or at its very
    edge, and a shoulder lies within; who films feet alone keeps them. A hip that is hidden within
    the picture forbids nothing.

    Where it ends at the thighs, networks put the knees on its edge and fold the ankles back into
    the picture, with any score: one closer to such a knee than half a shank is none, nor is its
    foot. ``benchmarks.accuracy.legs`` prints what both rules gain and cost.

    Args:
        skeleton: One without these keypoints has no legs to judge.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        places = {name: k for k, name in enumerate(skeleton.keypoints)}

        def pair(part: str) -> list[int]:
            found = [places[name] for side in _SIDES if (name := f"{side}_{part}") in places]
            return found if len(found) == len(_SIDES) else []

        shoulders, chain = pair("shoulder"), [pair(part) for part in _CHAIN]
        has_legs = bool(shoulders) and all(chain)
        self._shoulders = np.array(shoulders, np.intp)
        self._chain = [np.array(both) for both in chain] if has_legs else []
        self._feet = [np.array(both) for part in _FEET if has_legs and (both := pair(part))]
        self._parts = np.array([k for both in (*self._chain[1:], *self._feet) for k in both])

    def attached(
        self,
        xy: FloatArray,
        score: FloatArray,
        is_seen: NDArray[np.bool_],
        frame_hw: tuple[int, int],
    ) -> NDArray[np.bool_]:
        """The seen keypoints without legs that are none.

        Args:
            xy: (K, 2) frame pixels.
            score: (K,)
            is_seen: (K,) which count as seen; not changed.
            frame_hw: Height and width of the frame, pixels.
        """
        if not self._chain or not is_seen[self._parts].any():  # as at a desk
            return is_seen
        is_at_edge = ~_inside(xy, frame_hw)
        is_outside = is_seen & is_at_edge
        if not is_at_edge.any() or not (is_seen & ~is_outside)[self._shoulders].any():
            return is_seen
        hips, knees, ankles = self._chain
        is_weak, is_kept, hangs_outside = score < _CLEAR, is_seen.copy(), is_outside[hips]
        is_folded = is_at_edge[knees] & (score[knees] >= _SUPPOSED) & is_seen[ankles]
        is_folded &= distances(xy, knees, ankles) < _SHORTEST * self._trunk(xy, is_seen)
        is_kept[ankles] &= ~is_folded
        for part in (knees, ankles):
            is_kept[part] &= ~(is_weak[part] & hangs_outside)
            hangs_outside = np.where(is_kept[part], is_outside[part], hangs_outside)
        for part in self._feet:
            is_kept[part] &= ~(is_weak[part] & hangs_outside | is_folded)
        return is_kept

    def _trunk(self, xy: FloatArray, is_seen: NDArray[np.bool_]) -> float:
        """From shoulder to hip on the longer side that is seen, pixels; 0: on none."""
        hips = self._chain[0]
        length = distances(xy, self._shoulders, hips)
        return float(np.max(length, where=is_seen[self._shoulders] & is_seen[hips], initial=0.0))


def distances(xy: FloatArray, a: NDArray[np.intp], b: NDArray[np.intp]) -> FloatArray:
    """(N,) from each keypoint of ``a`` to that of ``b``, pixels; both are N indices of ``xy``."""
    apart = xy[a] - xy[b]
    return np.hypot(apart[:, 0], apart[:, 1])


def _inside(xy: FloatArray, frame_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(K,) which points lie in the frame and not at its very edge."""
    height, width = frame_hw
    edge = _EDGE * min(frame_hw)
    middle = np.array(((width - 1) / 2, (height - 1) / 2))
    away = np.abs(xy - middle) <= middle - edge
    inside: NDArray[np.bool_] = away[:, 0] & away[:, 1]
    return inside
