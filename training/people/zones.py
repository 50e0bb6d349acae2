"""Parts of a body: where on which limb a point of the rest posture lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person

_LIMBS = {"upperarm": 0, "lowerarm": 0, "upperleg": 1, "lowerleg": 1, "head": 3, "eye": 3}
_LIMBS |= {"neck": 3, "wrist": 4, "finger": 4, "metacarpal": 4, "foot": 5, "toe": 5}


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Where a point of the rest body lies.

    Attributes:
        limb: 0 arm, 1 leg, 2 trunk, 3 head, 4 hand or finger, 5 foot.
        along: Arms and legs: 0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle.
    """

    limb: NDArray[np.int64]
    along: Floats


def _limbs(model: BodyModel) -> NDArray[np.int64]:
    """(V,) ``Zones.limb``, by the bone that moves a vertex most."""
    of_bone = np.full(len(model.bones), 2, np.int64)
    for b, bone in enumerate(model.bones):
        stem = bone.split(".")[0].rstrip("0123456789-")
        if bone != "neck01":  # the collar
            of_bone[b] = _LIMBS.get(stem, 2)
    return of_bone[model.weights.argmax(axis=1)]


def find_zones(model: BodyModel, person: Person) -> Zones:
    """(V,) zones of all vertices."""
    limb = _limbs(model)
    along = np.zeros(len(limb), np.float32)
    for chain, which in (
        (("upperarm01", "lowerarm01", "wrist"), 0),
        (("upperleg01", "lowerleg01", "foot"), 1),
    ):
        for side in ("L", "R"):
            a, b, c = (person.heads[model.bones.index(f"{bone}.{side}")] for bone in chain)
            rows = np.flatnonzero(
                (limb == which) & (np.sign(person.vertices[:, 0]) == np.sign(a[0]))
            )
            first = (person.vertices[rows] - a) @ (b - a) / float((b - a) @ (b - a))
            second = (person.vertices[rows] - b) @ (c - b) / float((c - b) @ (c - b))
            along[rows] = np.where(second > 0, 1 + second, np.minimum(first, 1.0))
    return Zones(limb, along)


def of_faces(
    faces: NDArray[np.int64], zones: Zones, person: Person
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(F,) limb, place along it and height of faces."""
    z = person.vertices[faces][:, :, 2].mean(axis=1)
    return zones.limb[faces[:, 0]], zones.along[faces].mean(axis=1), z
