"""Joint angles as frames arrive, each with its standard deviation.

Angles are those of ``angles``. There, a whole recording tells how often a joint has turned and
on which side it bends; here only the past does. So a joint counts as bending to the side on
which it was first clearly bent, and passes through straight to 181; beyond 225 or below -45,
which no joint reaches, the person has turned round, and it is counted from the other side.

Standard deviations follow from the covariances of the keypoints by first-order propagation
(JCGM 100:2008, "Guide to the expression of uncertainty in measurement", 5.1.2), keypoints taken
as independent. For a limb that is not much longer than its ends are uncertain this says too
little; no standard deviation is larger than that of an angle of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.datatypes import FloatArray, Pose
from steadypose.realtime.smooth.angles import JOINTS, NAMES, NEW_START_S, SIDES, TRUNK

NOTHING_KNOWN_DEG = 360.0 / np.sqrt(12.0)
"""Standard deviation of an angle that may be any."""

_LEAST_PX = 1.0
_CLEARLY_BENT_DEG = (30.0, 150.0)
_BEYOND_DEG = (-45.0, 225.0)
_IS_JOINT = np.array([name != "trunk" for name in NAMES])


class _Memory:
    """(P, J) what people's angles were, on which side they bend, and when they were known."""

    def __init__(self, people: int) -> None:
        shape = (people, len(NAMES))
        self.angle: FloatArray = np.full(shape, np.nan)
        self.side: FloatArray = np.where(_IS_JOINT, 0.0, np.ones(shape))
        self.known_s: FloatArray = np.full(shape, -np.inf)

    def go_on(self, now: FloatArray, time_s: float) -> FloatArray:
        """(P, J) signed angles as they go on from those before; NaN where they are not known."""
        is_known = now == now  # noqa: PLR0124 - not NaN
        size = np.abs(now)
        is_old = time_s - self.known_s > NEW_START_S
        self.side[is_old & _IS_JOINT] = 0.0
        has_no_side = self.side == 0.0
        is_bent = (size > _CLEARLY_BENT_DEG[0]) & (size < _CLEARLY_BENT_DEG[1])
        np.copyto(self.side, np.sign(now), where=is_bent & has_no_side)
        begin = np.where(self.side == 0.0, size, self.side * now)
        last = np.where(is_old | has_no_side, begin, self.angle)
        found: FloatArray = last + (begin - last + 180.0) % 360.0 - 180.0
        is_beyond = ((found < _BEYOND_DEG[0]) | (found > _BEYOND_DEG[1])) & _IS_JOINT
        np.negative(self.side, out=self.side, where=is_beyond)
        np.copyto(found, size, where=is_beyond)
        np.copyto(self.angle, found, where=is_known)
        self.known_s[is_known] = time_s
        return found


class LiveAngles:
    """Angles of the people of one camera, frame by frame.

    Args:
        keypoints: Names, in the order of the poses.
    """

    def __init__(self, keypoints: Sequence[str]) -> None:
        places = {name: k for k, name in enumerate(keypoints)}
        count = len(places)  # the next rows are the middles of shoulders and hips, and nothing
        nothing = count + 2
        self._middles = [places.get(name, nothing) for name in TRUNK]
        parts = [[f"{side}_{part}" for part in JOINTS[joint]] for joint in JOINTS for side in SIDES]
        triples = [[places.get(name, nothing) for name in names] for names in parts]
        triples.append([count + 1, count + 1, count])
        self._triples = np.ascontiguousarray(np.array(triples).T)
        self._ids: list[int] = []
        self._memory = _Memory(0)

    def measure(
        self, ids: Sequence[int], xy: FloatArray, covariance: FloatArray, time_s: float
    ) -> FloatArray:
        """Angles of a frame's people; frames come in the order of their times.

        Args:
            ids: P people.
            xy: (P, K, 2) positions, pixels, NaN while lost.
            covariance: (P, K, 2, 2) pixels², NaN where it is not known.
            time_s: When the frame was taken.

        Returns:
            (P, J, 2) angle and standard deviation, degrees, in the order of ``angles.NAMES``. NaN
            where a keypoint is lost or not part of the skeleton, or a limb has no direction.
        """
        self._remember(list(ids))
        found = np.empty((len(ids), len(NAMES), 2))
        if len(ids):
            now, found[..., 1] = self._now(xy, covariance)
            found[..., 0] = self._memory.go_on(now, time_s)
        return found

    def of_poses(
        self, poses: Sequence[Pose], covariances: Sequence[FloatArray] | None, time_s: float
    ) -> list[FloatArray]:
        """(J, 2) of each pose; without covariances no standard deviation is known."""
        if not poses:
            self._remember([])
            return []
        xy = np.stack([pose.xy for pose in poses])
        spread = np.full((*xy.shape, 2), np.nan) if covariances is None else np.stack(covariances)
        ids = [pose.track_id for pose in poses]
        return list(self.measure(ids, xy, spread, time_s))

    def _remember(self, ids: list[int]) -> None:
        """Bring the memory into the order of these people, and forget the others."""
        if ids == self._ids:
            return
        memory = _Memory(len(ids))
        for row, person in enumerate(ids):
            if person in self._ids:
                earlier = self._ids.index(person)
                for name in ("angle", "side", "known_s"):
                    getattr(memory, name)[row] = getattr(self._memory, name)[earlier]
        self._ids, self._memory = ids, memory

    def _now(self, xy: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(P, J) signed angles in ±180, and their standard deviations.

        A point is a complex number. The gradient of a limb's direction lies across it, by its
        length. A covariance is its trace and its elongation, a complex number as well; in the
        direction of a gradient g it is half of |g|² trace + Re(g² elongation*).
        """
        places = np.ascontiguousarray(xy).view(np.complex128)[..., 0]
        trace = covariance[..., 0, 0] + covariance[..., 1, 1]
        longer = covariance[..., 0, 0] - covariance[..., 1, 1] + 2j * covariance[..., 0, 1]
        ends = self._with_middles(places, 2.0)[:, self._triples]
        limbs = ends[:, (0, 2)] - ends[:, (1,)]
        limbs[:, 0, -1] = -1j  # up, which is certain
        limbs[np.abs(limbs) < _LEAST_PX] = np.nan
        angle = np.degrees(np.angle(limbs[:, 1] * limbs[:, 0].conj()))
        across = 1j * limbs * (1.0 / (limbs.real**2 + limbs.imag**2))
        across[:, 0, -1] = 0.0
        gradient = np.stack((across[:, 0], across[:, 0] - across[:, 1], across[:, 1]), axis=1)
        spread = self._with_middles(trace, 4.0)[:, self._triples]
        turned = self._with_middles(longer, 4.0)[:, self._triples]
        squares = gradient.real**2 + gradient.imag**2
        variance = 0.5 * (squares * spread + (gradient**2 * turned.conj()).real).sum(axis=1)
        deviation = np.degrees(np.sqrt(np.maximum(variance, 0.0)))
        return angle, np.minimum(deviation, NOTHING_KNOWN_DEG)

    def _with_middles(self, values: NDArray[Any], divisor: float) -> NDArray[Any]:
        """(P, K + 3) with columns for shoulders, hips, and what the skeleton does not have."""
        people, count = values.shape
        out = np.full((people, count + 3), np.nan, values.dtype)
        out[:, :count] = values
        a, b, c, d = self._middles
        out[:, count] = (out[:, a] + out[:, b]) / divisor
        out[:, count + 1] = (out[:, c] + out[:, d]) / divisor
        return out
