"""Hands of 21 keypoints, and COCO-WholeBody's 133 of body, feet, face and both hands.

Jin et al., Whole-Body Human Pose Estimation in the Wild, ECCV 2020, arXiv:2007.11858; sigmas as
in its evaluation (jin-s13/COCO-WholeBody, myeval_wholebody.py). The face is the mark-up of 68
points (Sagonas et al., 300 Faces in-the-Wild, ICCV workshops 2013).
"""

from __future__ import annotations

from itertools import pairwise

from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_JOINTS = 4  # of a finger, from the palm to the tip
_HAND = ("root", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, _JOINTS + 1)))
_HAND_LIMBS = tuple(
    (place - 1 if joint else 0, place)
    for finger in range(len(_FINGERS))
    for joint, place in enumerate(range(1 + finger * _JOINTS, 1 + (finger + 1) * _JOINTS))
)
_HAND_SIGMAS = (
    *(0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024),
    *(0.022, 0.026, 0.017, 0.021, 0.021, 0.032, 0.020, 0.019, 0.022, 0.031),
)

HAND21 = Skeleton(
    name="hand21",
    keypoints=("wrist", *_HAND[1:]),
    limbs=_HAND_LIMBS,
    flip_pairs=(),  # the mirror image of a left hand is a right hand, joint by joint
    sigmas=_HAND_SIGMAS,
)

_FEET = tuple(
    f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")
)
_FOOT, _FACE, _LEFT, _RIGHT = 17, 23, 91, 112  # where the parts begin
# Lines of the face: jaw, brows, bridge and base of the nose, eyes, lips; the last four closed.
_OPEN = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36))
_CLOSED = ((36, 42), (42, 48), (48, 60), (60, 68))
# Points that lie opposite each other: sums of two numbers in these ranges.
_OPPOSITE = (
    *((range(8), 16), (range(17, 22), 43), (range(31, 33), 66)),
    *((range(36, 40), 81), (range(40, 42), 87)),
    *((range(48, 51), 102), (range(55, 57), 114), (range(60, 62), 124), (range(65, 66), 132)),
)
_FACE_SIGMAS = (
    *(0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032),
    *(0.037, 0.038, 0.043, 0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011),
    *(0.011, 0.013, 0.015, 0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.010),
    *(0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034),
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007),
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008),
)


def _face_limbs() -> list[tuple[int, int]]:
    lines = [tuple(range(first, end)) for first, end in _OPEN]
    lines += [(*range(first, end), first) for first, end in _CLOSED]
    return [(_FACE + a, _FACE + b) for line in lines for a, b in pairwise(line)]


COCO133 = Skeleton(
    name="coco133",
    keypoints=(
        *COCO17.keypoints,
        *_FEET,
        *(f"face_{point}" for point in range(68)),
        *(
            f"{side}_{'hand_root' if n == 'root' else n}"
            for side in ("left", "right")
            for n in _HAND
        ),
    ),
    limbs=(
        *COCO17.limbs,
        *((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22)),
        *_face_limbs(),
        *((9, _LEFT), (10, _RIGHT)),
        *((first + a, first + b) for first in (_LEFT, _RIGHT) for a, b in _HAND_LIMBS),
    ),
    flip_pairs=(
        *COCO17.flip_pairs,
        *((_FOOT + part, _FOOT + 3 + part) for part in range(3)),
        *((_FACE + n, _FACE + total - n) for some, total in _OPPOSITE for n in some),
        *((_LEFT + n, _RIGHT + n) for n in range(len(_HAND))),
    ),
    sigmas=(
        *COCO17.sigmas,
        *(0.068, 0.066, 0.066, 0.092, 0.094, 0.094),
        *_FACE_SIGMAS,
        *_HAND_SIGMAS,
        *_HAND_SIGMAS,
    ),
)
