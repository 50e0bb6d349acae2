"""What a model's keypoints are called and how they connect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steadypose.engines.errors import ModelFileError
from steadypose.engines.foreign.names import RULE, is_name, shown

UNKNOWN_SIGMA = 0.08
"""Of a keypoint without a published one: about the mean over COCO's body joints."""


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
