"""Animals on four legs: the 17 keypoints of AP-10K.

Yu et al., AP-10K: A Benchmark for Animal Pose Estimation in the Wild, NeurIPS 2021 data sets,
arXiv:2108.12617. The paper gives no sigmas: they are COCO's, of the joint that is most like it.
"""

from __future__ import annotations

from steadypose.engines.skeletons.skeleton import Skeleton

_FRONT = ("shoulder", "elbow", "front_paw")
_BACK = ("hip", "knee", "back_paw")

AP10K17 = Skeleton(
    name="ap10k17",
    keypoints=(
        *("left_eye", "right_eye", "nose", "neck", "root_of_tail"),
        *(
            f"{side}_{part}"
            for leg in (_FRONT, _BACK)
            for side in ("left", "right")
            for part in leg
        ),
    ),
    limbs=(
        *((0, 1), (0, 2), (1, 2), (2, 3), (3, 4)),
        *((3, 5), (5, 6), (6, 7), (3, 8), (8, 9), (9, 10)),
        *((4, 11), (11, 12), (12, 13), (4, 14), (14, 15), (15, 16)),
    ),
    flip_pairs=((0, 1), (5, 8), (6, 9), (7, 10), (11, 14), (12, 15), (13, 16)),
    sigmas=(
        *(0.025, 0.025, 0.026, 0.035, 0.035),
        *(0.079, 0.072, 0.062, 0.079, 0.072, 0.062),
        *(0.107, 0.087, 0.089, 0.107, 0.087, 0.089),
    ),
)
