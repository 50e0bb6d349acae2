"""What a model's keypoints are called and how they connect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.names import RULE, is_name, shown


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Ordered keypoint names with their limbs, mirror pairs and OKS sigmas.

    Attributes:
        name: Short id such as ``coco17``.
        keypoints: K names in the order of the model's output. Left and right are
            the person's own.
        limbs: Index pairs that are drawn.
        flip_pairs: Index pairs that change places when the picture is mirrored.
        sigmas: K per-keypoint standard deviations of object keypoint similarity,
            as fractions of the square root of the person's area.
    """

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in (self.name, *self.keypoints):
            if not is_name(name):
                raise _bad(f"the skeleton has the name {shown(name)}; {RULE}")
        k = len(self.keypoints)
        if k == 0 or len(set(self.keypoints)) != k:
            raise _bad(f"skeleton {self.name!r} has no keypoints or repeats a name")
        if len(self.sigmas) != k or not all(0 < sigma < math.inf for sigma in self.sigmas):
            raise _bad(f"skeleton {self.name!r} needs {k} positive sigmas, got {len(self.sigmas)}")
        for a, b in (*self.limbs, *self.flip_pairs):
            if not (0 <= a < k and 0 <= b < k):
                raise _bad(f"skeleton {self.name!r} has a pair ({a}, {b}) outside 0..{k - 1}")
        flat = [index for pair in self.flip_pairs for index in pair]
        if len(flat) != len(set(flat)):
            raise _bad(f"skeleton {self.name!r} flips one keypoint twice")

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def flip_order(self) -> tuple[int, ...]:
        """Index of each keypoint's mirror twin; an involution."""
        order = list(range(len(self.keypoints)))
        for a, b in self.flip_pairs:
            order[a], order[b] = b, a
        return tuple(order)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Skeleton:
        """Read what ``dataclasses.asdict`` made, after a way through JSON.

        Raises:
            KeyError: An entry is missing.
            ModelFileError: The skeleton contradicts itself.
        """
        return cls(
            name=str(raw["name"]),
            keypoints=tuple(str(name) for name in raw["keypoints"]),
            limbs=tuple((int(a), int(b)) for a, b in raw["limbs"]),
            flip_pairs=tuple((int(a), int(b)) for a, b in raw["flip_pairs"]),
            sigmas=tuple(float(sigma) for sigma in raw["sigmas"]),
        )

    def index(self, keypoint: str) -> int:
        """Position of a keypoint name in the model's output."""
        return self.keypoints.index(keypoint)


def _bad(what: str) -> ModelFileError:
    return ModelFileError(what, fix="export the model again with a consistent skeleton")


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

SKELETONS = {skeleton.name: skeleton for skeleton in (COCO17, MPII16)}
"""Those that ship, by name."""
