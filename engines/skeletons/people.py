"""Bodies of people: COCO's 17 keypoints, MPII's 16, Halpe's 26 and BlazePose's 33."""

from __future__ import annotations

from steadypose.engines.skeletons.skeleton import UNKNOWN_SIGMA, Skeleton

COCO17 = Skeleton(
    name="coco17",
    keypoints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    limbs=(
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (5, 6),
        (5, 7),
        (7, 9),
        (6, 8),
        (8, 10),
        (5, 11),
        (6, 12),
        (11, 12),
        (11, 13),
        (13, 15),
        (12, 14),
        (14, 16),
    ),
    flip_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    # COCO keypoint evaluation, cocodataset.org/#keypoints-eval
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035),
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
)

MPII16 = Skeleton(
    name="mpii16",
    keypoints=(
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("pelvis", "thorax", "upper_neck", "head_top"),
        *("right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    ),
    limbs=(
        *((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9)),
        *((10, 11), (11, 12), (12, 7), (7, 13), (13, 14), (14, 15)),
    ),
    flip_pairs=((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)),
    # COCO's sigma where COCO has the keypoint; the trunk's as published with OpenMMLab.
    sigmas=(
        *(0.089, 0.087, 0.107, 0.107, 0.087, 0.089),
        *(0.026, 0.026, 0.026, 0.026),
        *(0.062, 0.072, 0.079, 0.079, 0.072, 0.062),
    ),
)

_FEET = tuple(
    f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right")
)

HALPE26 = Skeleton(
    name="halpe26",
    keypoints=(*COCO17.keypoints, "head", "neck", "hip", *_FEET),
    limbs=(
        *((0, 1), (0, 2), (1, 3), (2, 4), (17, 18), (18, 19)),
        *((18, 5), (5, 7), (7, 9), (18, 6), (6, 8), (8, 10)),
        *((19, 11), (11, 13), (13, 15), (19, 12), (12, 14), (14, 16)),
        *((15, 20), (15, 22), (15, 24), (16, 21), (16, 23), (16, 25)),
    ),
    flip_pairs=(*COCO17.flip_pairs, (20, 21), (22, 23), (24, 25)),
    # As Halpe's own evaluation has them (Fang-Haoshu/Halpe-FullBody, cocoeval.py).
    sigmas=(*COCO17.sigmas, 0.026, 0.026, 0.066, *(6 * (0.079,))),
)

_FACE33 = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye"),
    *("right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right"),
)
_LIMBS33 = (
    *("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    *("hip", "knee", "ankle", "heel", "foot_index"),
)
_NAMES33 = (*_FACE33, *(f"{side}_{part}" for part in _LIMBS33 for side in ("left", "right")))

BLAZEPOSE33 = Skeleton(
    name="blazepose33",
    keypoints=_NAMES33,
    limbs=(
        *((0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10)),
        *((11, 12), (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19)),
        *((12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20), (11, 23), (12, 24)),
        *((23, 24), (23, 25), (25, 27), (27, 29), (27, 31), (29, 31)),
        *((24, 26), (26, 28), (28, 30), (28, 32), (30, 32)),
    ),
    flip_pairs=(
        *((1, 4), (2, 5), (3, 6), (7, 8), (9, 10)),
        *((place, place + 1) for place in range(11, 33, 2)),
    ),
    # COCO's where COCO has the keypoint; of the others none was published.
    sigmas=tuple(
        COCO17.sigmas[COCO17.index(name)] if name in COCO17.keypoints else UNKNOWN_SIGMA
        for name in _NAMES33
    ),
)
