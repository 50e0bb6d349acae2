"""The box around a person, extended to where unseen limbs can be.

The tight box of the seen keypoints is not enough: if an arm is missed once, the next
crop would exclude it for good, and on a person at a desk the crop would shrink to the
face. So the box extends to where the unseen end of every half-seen limb can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.realtime.datatypes import SEEN_SCORE, BBox, FloatArray
from steadypose.realtime.tracking.legs import Legs, distances

BOX_SCORE = 0.3
"""Keypoints with a lower score are ignored by boxes."""

# Lengths as shares of the standing height, after Drillis and Contini 1966 (in Winter,
# Biomechanics and Motor Control of Human Movement, figure 4.1); ears from head breadth.
LENGTHS = {
    ("left_ear", "right_ear"): 0.090,
    ("left_ear", "left_shoulder"): 0.130,
    ("right_ear", "right_shoulder"): 0.130,
    ("left_shoulder", "right_shoulder"): 0.230,
    ("left_shoulder", "left_elbow"): 0.186,
    ("right_shoulder", "right_elbow"): 0.186,
    ("left_elbow", "left_wrist"): 0.146,
    ("right_elbow", "right_wrist"): 0.146,
    ("left_shoulder", "left_hip"): 0.288,
    ("right_shoulder", "right_hip"): 0.288,
    ("left_hip", "right_hip"): 0.170,
    ("left_hip", "left_knee"): 0.245,
    ("right_hip", "right_knee"): 0.245,
    ("left_knee", "left_ankle"): 0.246,
    ("right_knee", "right_ankle"): 0.246,
}
# Largest distance from the trunk to a joint of the limb.
_SPANS = {
    ("left_shoulder", "left_elbow"): 0.186,
    ("right_shoulder", "right_elbow"): 0.186,
    ("left_shoulder", "left_wrist"): 0.332,
    ("right_shoulder", "right_wrist"): 0.332,
    ("left_hip", "left_knee"): 0.245,
    ("right_hip", "right_knee"): 0.245,
    ("left_hip", "left_ankle"): 0.491,
    ("right_hip", "right_ankle"): 0.491,
}
_FEWEST = 3  # keypoints that make a box
_SHARE_OF_POINTS = 0.25
_STRETCH = 1.5  # perspective and a wrong height make limbs look longer than they are
_REACH = 0.55  # share of a limb's length that the box extends; padding adds the rest
_HEIGHT_RANK = 0.6  # foreshortening makes limbs look short, so a high quantile is the height


class Framing:
    """Finds the box around a person for one skeleton.

    Args:
        skeleton: Keypoints without known limb lengths are only boxed tightly.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._fewest = min(_FEWEST, len(skeleton))
        self._legs = Legs(skeleton)
        self._a, self._b, self._length = _indices(LENGTHS, skeleton)
        self._root, self._end, self._span = _indices(_SPANS, skeleton)
        self._limbs = len(self._length)
        self._from = np.concatenate((self._a, self._root))
        self._to = np.concatenate((self._b, self._end))

    def plausible(self, xy: FloatArray, is_seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Select the seen keypoints that can belong to one person.

        An elbow, wrist, knee or ankle that is farther from its shoulder or hip than
        the person's size allows was found on another person.

        Args:
            xy: (K, 2) frame pixels.
            is_seen: (K,) which keypoints have a score worth trusting.
        """
        apart = distances(xy, self._from, self._to)
        height = self._height(apart[: self._limbs], is_seen)
        if height is None:
            return is_seen
        is_far = apart[self._limbs :] > _STRETCH * height * self._span
        is_far &= is_seen[self._root]
        if not is_far.any():  # as in most frames
            return is_seen
        is_good = is_seen.copy()
        is_good[self._end[is_far]] = False
        return is_good

    def evidence(self, pose: FloatArray, frame_hw: tuple[int, int] | None) -> FloatArray:
        """Scores of the keypoints that count as seen on one person.

        Args:
            pose: (K, 3) frame x, y and score.
            frame_hw: Height and width of the frame; None: not known, so legs are not judged.

        Returns:
            (K,) scores, 0 where too low, not possible for one person, or not finite.
        """
        xy, score = pose[:, :2], pose[:, 2]
        is_seen = (score >= SEEN_SCORE) & np.isfinite(xy).all(axis=1)
        is_seen = self.plausible(xy, is_seen)
        if frame_hw is not None:
            is_seen = self._legs.attached(xy, score, is_seen, frame_hw)
        return np.where(is_seen, score, 0.0)

    def _height(self, apart: FloatArray, is_seen: NDArray[np.bool_]) -> float | None:
        """Standing height from the limbs that are seen whole, frame pixels.

        Args:
            apart: Length of every limb, frame pixels.
            is_seen: (K,)
        """
        heights = (apart / self._length)[is_seen[self._a] & is_seen[self._b]]
        if not len(heights):
            return None
        heights.sort()
        return float(heights[int(_HEIGHT_RANK * (len(heights) - 1))])

    def box(
        self, xy: FloatArray, is_used: NDArray[np.bool_], frame_hw: tuple[int, int]
    ) -> BBox | None:
        """Find the box of the used keypoints and the unseen limbs near them.

        Args:
            xy: (K, 2) frame pixels.
            is_used: (K,) which keypoints are trusted.
            frame_hw: Height and width of the frame; only keypoints reach beyond it.

        Returns:
            None if fewer than three keypoints are used. One or two, where a skeleton has no
            more, have no size: their box is a quarter of the frame's shorter side, or larger.
        """
        used = xy[is_used]
        if len(used) < self._fewest:
            return None
        low, high = np.minimum.reduce(used), np.maximum.reduce(used)
        if self._fewest < _FEWEST:
            missing = np.maximum(_SHARE_OF_POINTS * min(frame_hw) - (high - low), 0.0)
            low, high = low - missing / 2, high + missing / 2
        if len(used) < len(xy):
            low, high = self._with_unseen(xy, is_used, low, high, frame_hw)
        return BBox(*low.tolist(), *high.tolist())

    def _with_unseen(
        self,
        xy: FloatArray,
        is_used: NDArray[np.bool_],
        low: FloatArray,
        high: FloatArray,
        frame_hw: tuple[int, int],
    ) -> tuple[FloatArray, FloatArray]:
        """The corners of a box, extended to where the unseen end of a limb can be."""
        has_a, has_b = is_used[self._a], is_used[self._b]
        is_open = has_a != has_b
        if not is_open.any():
            return low, high
        height = self._height(distances(xy, self._a, self._b), is_used)
        if height is None:
            return low, high
        seen = np.where(has_a, self._a, self._b)[is_open]
        reach = (_REACH * height * self._length[is_open])[:, None]
        limit = np.array((frame_hw[1] - 0.5, frame_hw[0] - 0.5))
        return (
            np.minimum(low, np.maximum((xy[seen] - reach).min(axis=0), -0.5)),
            np.maximum(high, np.minimum((xy[seen] + reach).max(axis=0), limit)),
        )


def known_lengths(
    names: Sequence[str], table: Mapping[tuple[str, str], float] = LENGTHS
) -> list[tuple[int, int, float]]:
    """Pairs of a table that a skeleton has, as indices, with their shares of the height.

    None of an animal's, whose proportions are others: its elbow has no wrist, its knee no ankle.
    """
    places = {name: k for k, name in enumerate(names)}
    for side in ("left", "right"):
        for middle, end in (("elbow", "wrist"), ("knee", "ankle")):
            if f"{side}_{middle}" in places and f"{side}_{end}" not in places:
                return []
    return [(places[a], places[b], n) for (a, b), n in table.items() if {a, b} <= set(places)]


def _indices(
    table: Mapping[tuple[str, str], float], skeleton: Skeleton
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    """Index arrays and lengths of a table's pairs that the skeleton has."""
    known = known_lengths(skeleton.keypoints, table)
    return (
        np.array([a for a, _, _ in known], np.intp),
        np.array([b for _, b, _ in known], np.intp),
        np.array([n for _, _, n in known]),
    )
