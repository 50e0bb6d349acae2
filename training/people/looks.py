"""Draw skin, faces and hair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person
from training.people.zones import Part, Zones, of_faces

Colour = tuple[int, int, int]
# Light to dark, BGR.
_SKINS: tuple[Colour, ...] = (
    *((188, 205, 238), (160, 185, 228), (130, 165, 214), (95, 132, 190)),
    *((60, 92, 148), (40, 62, 108), (28, 42, 76)),
)
# Black, brown, fair, red, grey.
_HAIRS: tuple[Colour, ...] = (
    *((18, 18, 22), (25, 32, 45), (35, 52, 82), (60, 92, 130), (105, 160, 205)),
    *((40, 62, 140), (150, 150, 155), (210, 212, 215)),
)


class Piece(NamedTuple):
    """Mesh faces to draw.

    Attributes:
        faces: (F, 4) vertex numbers.
        colours: (F, 3) float32 BGR before lighting.
        is_two_sided: Also seen from behind.
    """

    faces: NDArray[np.int64]
    colours: Floats
    is_two_sided: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of the clothes.

    Attributes:
        sleeve: Along the arm as in ``Zones.along``.
        leg: Along the leg.
        hem: Between top and trousers, height in metres.
        collar: Height in metres.
        has_top: Otherwise trunk and arms are bare.
    """

    sleeve: float
    leg: float
    hem: float
    collar: float
    has_top: bool

    def covered(
        self, part: NDArray[np.int64], along: Floats, z: Floats, *, slack: float = 0.0
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(F,) which faces lie under the top, and which under the trousers.

        Args:
            part: (F,) of ``of_faces``, and so on.
            along: (F,).
            z: (F,) metres.
            slack: Shortens the ends by this much, so that skin continues under cloth.
        """
        is_trunk = part == Part.TRUNK
        top = (part == Part.ARM) & (along < self.sleeve - slack)
        top |= is_trunk & (z > self.hem) & (z < self.collar - slack / 4)
        trousers = (part == Part.LEG) & (along < self.leg - slack) | is_trunk & (z <= self.hem)
        return top & self.has_top, trousers


def paint_skin(
    model: BodyModel,
    person: Person,
    zones: Zones,
    ends: Ends,
    *,
    rng: np.random.Generator,
) -> Piece:
    """Faces of the body that no cloth covers: skin, shoes, lips, brows, beards."""
    faces = model.faces["body"]
    part, along, z = of_faces(faces, zones, person)
    top, trousers = ends.covered(part, along, z, slack=0.04)
    covered = top | trousers
    # The two darkest are chosen twice as often as other pairs.
    index = min(len(_SKINS) - 2, int(rng.integers(0, len(_SKINS))))
    mix = float(rng.random())
    tone = np.array(_SKINS[index]) * (1 - mix) + np.array(_SKINS[index + 1]) * mix
    colours = np.tile(tone * rng.normal(1, 0.03, 3), (len(faces), 1))
    colours *= rng.normal(1, 0.015, (len(faces), 1))
    if rng.random() < 0.85:
        shoe = rng.uniform(10, 240, 3) * (0.3 if rng.random() < 0.5 else 1.0)
        colours[part == Part.FOOT] = shoe
    _paint_face(colours, model, person, tone, rng)
    return Piece(faces[~covered], colours[~covered].astype(np.float32))


def _paint_face(
    colours: NDArray[np.float64],
    model: BodyModel,
    person: Person,
    tone: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Lips, brows, and perhaps a beard, on the body's faces."""
    at = person.vertices[model.faces["body"]].mean(axis=1)
    eyes = [model.joint(person, f"eye.{side}") for side in ("L", "R")]
    gap = float(abs(eyes[0][0] - eyes[1][0]))
    is_front = at[:, 1] < (eyes[0][1] - 0.1 * gap)
    mouth = (eyes[0] + eyes[1]) / 2 - np.array((0, 0, 1.12 * gap))
    off = np.abs(at - mouth) / gap
    lips = is_front & (off[:, 0] < 0.38) & (off[:, 2] < 0.13)
    colours[lips] = tone * np.array((0.75, 0.62, 0.9)) * rng.uniform(0.75, 1.0)
    hair = np.array(_HAIRS[int(rng.integers(len(_HAIRS)))], np.float64)
    for eye in eyes:
        off = np.abs(at - eye - np.array((0, 0, 0.36 * gap))) / gap
        colours[is_front & (off[:, 0] < 0.36) & (off[:, 2] < 0.07)] = hair * 0.8
        off = np.abs(at - eye) / gap  # shaded lids, so that eyes have dark edges
        colours[is_front & (off[:, 0] < 0.27) & (off[:, 2] < 0.12)] *= 0.72
    if rng.random() < 0.18:
        jaw = is_front & (at[:, 2] < mouth[2] + 0.22 * gap) & (at[:, 2] > mouth[2] - 0.9 * gap)
        jaw &= ~lips & (np.abs(at[:, 0]) < 1.05 * gap)
        colours[jaw] = colours[jaw] * 0.35 + hair * 0.65


def paint_head(
    model: BodyModel, person: Person, height: float, *, is_woman: bool, rng: np.random.Generator
) -> list[Piece]:
    """Eyes and hair; ``height`` is the person's, metres."""
    pieces: list[Piece] = []
    for name in ("helper-l-eye", "helper-r-eye"):
        faces = model.faces[name]
        at = person.vertices[faces].mean(axis=1)
        front = at[:, 1].min()
        iris = at[:, 1] < front + 0.12 * float(np.ptp(at[:, 1]))
        colour = np.where(iris[:, None], rng.uniform(10, 110, 3), (225, 228, 230))
        pieces.append(Piece(faces, colour.astype(np.float32)))
    hair = np.array(_HAIRS[int(rng.integers(len(_HAIRS)))], np.float64) * rng.uniform(0.7, 1.2)
    if rng.random() < 0.1:
        hair = rng.uniform(10, 240, 3)  # dyed, or a cap
    style = rng.random()
    if style < 0.08:
        return pieces
    eye_z = float(model.joint(person, "eye.L")[2])
    body = model.faces["body"]
    at = person.vertices[body].mean(axis=1)
    neck = model.joint(person, "neck03")
    nose_y = float(at[at[:, 2] > neck[2]][:, 1].min())
    line = eye_z + height * float(rng.uniform(0.03, 0.05))  # the hairline
    behind = at[:, 1] > nose_y + 0.62 * float(at[at[:, 2] > eye_z][:, 1].max() - nose_y)
    scalp = (at[:, 2] > line) | (behind & (at[:, 2] > eye_z - height * 0.035))
    scalp &= at[:, 2] > neck[2]
    dark = hair * rng.uniform(0.75, 1.05)
    pieces.append(Piece(body[scalp], np.tile(dark, (int(scalp.sum()), 1)).astype(np.float32)))
    if style > (0.25 if is_woman else 0.75):
        faces = model.faces["helper-hair"]
        at = person.vertices[faces].mean(axis=1)
        lowest = eye_z - height * float(rng.choice((0.0, 0.06, 0.12, 0.25)))
        kept = at[:, 2] > lowest
        kept &= (at[:, 2] > line) | (at[:, 1] > nose_y + height * 0.05)  # not in front of the face
        strands = hair * rng.normal(1, 0.12, (int(kept.sum()), 1))
        pieces.append(Piece(faces[kept], strands.astype(np.float32), is_two_sided=True))
    return pieces
