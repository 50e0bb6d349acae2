"""Assign points of the rest posture to body parts and positions along limbs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person


class Part(IntEnum):
    """Of a body."""

    ARM = 0
    LEG = 1
    TRUNK = 2
    HEAD = 3
    HAND = 4
    FOOT = 5


_OF_BONE = {
    Part.ARM: ("upperarm", "lowerarm"),
    Part.LEG: ("upperleg", "lowerleg"),
    Part.HEAD: ("head", "eye", "neck"),
    Part.HAND: ("wrist", "finger", "metacarpal"),
    Part.FOOT: ("foot", "toe"),
}
_PARTS = {stem: part for part, stems in _OF_BONE.items() for stem in stems}


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Body part and position of points of the rest body.

    Attributes:
        part: (V,) values of ``Part``.
        along: (V,) float32, arms and legs: 0 at shoulder or hip, 1 at elbow or knee,
            2 at wrist or ankle.
    """

    part: NDArray[np.int64]
    along: Floats


def _parts(model: BodyModel) -> NDArray[np.int64]:
    """(V,) ``Zones.part``, by the bone with the largest weight on a vertex."""
    of_bone = np.full(len(model.bones), Part.TRUNK, np.int64)
    for b, bone in enumerate(model.bones):
        stem = bone.split(".")[0].rstrip("0123456789-")
        if bone != "neck01":  # the collar
            of_bone[b] = _PARTS.get(stem, Part.TRUNK)
    return of_bone[model.weights.argmax(axis=1)]


def find_zones(model: BodyModel, person: Person) -> Zones:
    """Find the (V,) zones of all vertices."""
    part = _parts(model)
    along = np.zeros(len(part), np.float32)
    for chain, which in (
        (("upperarm01", "lowerarm01", "wrist"), Part.ARM),
        (("upperleg01", "lowerleg01", "foot"), Part.LEG),
    ):
        for side in ("L", "R"):
            a, b, c = (model.joint(person, f"{bone}.{side}") for bone in chain)
            rows = np.flatnonzero(
                (part == which) & (np.sign(person.vertices[:, 0]) == np.sign(a[0]))
            )
            first = (person.vertices[rows] - a) @ (b - a) / float((b - a) @ (b - a))
            second = (person.vertices[rows] - b) @ (c - b) / float((c - b) @ (c - b))
            along[rows] = np.where(second > 0, 1 + second, np.minimum(first, 1.0))
    return Zones(part, along)


def of_faces(
    faces: NDArray[np.int64], zones: Zones, person: Person
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(F,) part, position along the limb, and height in metres, of faces."""
    z = person.vertices[faces][:, :, 2].mean(axis=1)
    return zones.part[faces[:, 0]], zones.along[faces].mean(axis=1), z
