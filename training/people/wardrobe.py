"""What people wear: which faces of the mesh are skin, cloth, shoes or hair, and their colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person

Images = NDArray[np.uint8]
# Light to dark, BGR, and hair from black over brown and red to grey.
_SKINS = ((188, 205, 238), (160, 185, 228), (130, 165, 214), (95, 132, 190), (60, 92, 148))
_SKINS += ((40, 62, 108), (28, 42, 76))  # type: ignore[assignment]
_HAIRS = ((18, 18, 22), (25, 32, 45), (35, 52, 82), (60, 92, 130), (105, 160, 205), (40, 62, 140))
_HAIRS += ((150, 150, 155), (210, 212, 215))  # type: ignore[assignment]
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


@dataclass(frozen=True, slots=True, eq=False)
class Dressed:
    """A person ready to be posed and drawn.

    Attributes:
        vertices: (V, 3) rest posture; cloth stands off the body.
        faces: (F, 4) what is drawn.
        colours: (F, 3) float32 BGR without light.
        is_two_sided: (F,) cloth ends and hair are also seen from behind.
    """

    vertices: Floats
    faces: NDArray[np.int64]
    colours: Floats
    is_two_sided: NDArray[np.bool_]


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


def dress(
    model: BodyModel,
    person: Person,
    zones: Zones,
    *,
    is_woman: bool,
    picture: Images,
    rng: np.random.Generator,
) -> Dressed:
    """Choose skin, hair and clothes.

    Args:
        model: For its faces.
        person: Whom to dress.
        zones: Of that person.
        is_woman: Chooses among hair lengths and skirts.
        picture: (H, W, 3) any picture, for printed cloth.
        rng: Random numbers.
    """
    height = float(np.ptp(person.vertices[:13380, 2]))
    hip = float(person.heads[model.bones.index("upperleg01.L")][2])
    neck = float(person.heads[model.bones.index("neck01")][2])
    sleeve = float(rng.choice((-1.0, 0.45, 0.9, 1.5, 1.93), p=(0.1, 0.3, 0.08, 0.12, 0.4)))
    leg = float(rng.choice((0.2, 0.55, 1.0, 1.9), p=(0.1, 0.2, 0.1, 0.6)))
    hem = hip + height * float(rng.uniform(-0.01, 0.09))
    collar = neck + height * float(rng.choice((-0.05, -0.02, 0.03), p=(0.2, 0.5, 0.3)))
    has_top = is_woman or rng.random() < 0.92
    has_skirt = is_woman and rng.random() < 0.25
    vertices = _loosen(model, person, zones, height, rng)
    tights = model.faces["helper-tights"]
    limb, along, z = _of_faces(tights, zones, person)
    on_top = has_top & (((limb == 0) & (along < sleeve)) | ((limb >= 2) & (z > hem) & (z < collar)))
    on_leg = ((limb == 1) & (along < leg)) | ((limb == 2) & (z <= hem))
    top_colour = paint_cloth(person.vertices[tights].mean(axis=1), picture, rng)
    leg_colour = paint_cloth(person.vertices[tights].mean(axis=1), picture, rng, plain=0.75)
    if rng.random() < 0.12:
        leg_colour = top_colour  # a suit, a dress, overalls
    parts = [
        (tights[on_top], top_colour[on_top], False),
        (tights[on_leg], leg_colour[on_leg], False),
    ]
    if has_skirt:
        skirt = model.faces["helper-skirt"]
        lowest = hip - height * float(rng.uniform(0.1, 0.42))
        kept = person.vertices[skirt][:, :, 2].mean(axis=1) > lowest
        colour = paint_cloth(person.vertices[skirt].mean(axis=1), picture, rng)
        parts.append((skirt[kept], colour[kept], True))
    parts.append((*_skin(model, person, zones, (sleeve, leg, hem, collar), has_top, rng), False))
    parts += _head(model, person, height, is_woman=is_woman, rng=rng)
    faces = np.concatenate([part[0] for part in parts])
    colours = np.concatenate([part[1] for part in parts]).astype(np.float32)
    two_sided = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    grain = rng.normal(1.0, 0.03, (len(colours), 1)).astype(np.float32)
    return Dressed(vertices, faces, colours * grain, two_sided)


def _of_faces(
    faces: NDArray[np.int64], zones: Zones, person: Person
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(F,) limb, place along it and height of faces."""
    z = person.vertices[faces][:, :, 2].mean(axis=1)
    return zones.limb[faces[:, 0]], zones.along[faces].mean(axis=1), z


def _loosen(
    model: BodyModel, person: Person, zones: Zones, height: float, rng: np.random.Generator
) -> Floats:
    """Cloth that stands off the body, in folds, wider towards its ends."""
    rows = np.unique(model.faces["helper-tights"])
    faces = model.faces["helper-tights"]
    corners = person.vertices[faces]
    across = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = np.zeros_like(person.vertices)
    for corner in range(4):
        np.add.at(normals, faces[:, corner], across)
    normals /= np.maximum(1e-9, np.linalg.norm(normals, axis=1, keepdims=True))
    wide = height * float(rng.choice((0.0, 0.006, 0.014, 0.024), p=(0.25, 0.3, 0.3, 0.15)))
    flare = height * float(rng.choice((0.0, 0.012, 0.03), p=(0.5, 0.35, 0.15)))
    at = person.vertices[rows] / height
    folds = np.zeros(len(rows), np.float32)
    for _ in range(4):
        wave = rng.normal(0, 14, 3)
        folds += np.sin(at @ wave + rng.uniform(0, 6.28)).astype(np.float32) / 4
    end = np.clip(zones.along[rows], 0, 2) / 2
    amount = wide * (1 + 0.8 * folds) + flare * end
    vertices = person.vertices.copy()
    vertices[rows] += normals[rows] * amount[:, None]
    return vertices


def paint_cloth(
    at: Floats, picture: Images, rng: np.random.Generator, *, plain: float = 0.45
) -> Floats:
    """(F, 3) BGR of cloth at (F, 3) rest positions: plain, striped, checked or printed."""
    one, two = rng.uniform(8, 245, 3), rng.uniform(8, 245, 3)
    if rng.random() < 0.35:
        one = np.full(3, rng.choice((15, 40, 90, 160, 235))) + rng.normal(0, 6, 3)
    kind = rng.random()
    count = len(at)
    if kind < plain:
        return np.tile(one, (count, 1)).astype(np.float32)
    period = float(rng.uniform(0.03, 0.12))
    if kind < plain + 0.18:
        axis = int(rng.choice((0, 2)))
        is_on = np.sin(at[:, axis] * 2 * math.pi / period) > rng.uniform(-0.5, 0.7)
        return np.where(is_on[:, None], one, two).astype(np.float32)
    if kind < plain + 0.28:
        is_on = (np.sin(at[:, 0] * 2 * math.pi / period) > 0.2) ^ (
            np.sin(at[:, 2] * 2 * math.pi / period) > 0.2
        )
        return np.where(is_on[:, None], one, two).astype(np.float32)
    if kind < plain + 0.36:  # a logo on the chest
        spot = np.array((rng.uniform(-0.08, 0.08), at[:, 2].max() - rng.uniform(0.1, 0.3)))
        near = np.abs(at[:, (0, 2)] - spot) < rng.uniform(0.04, 0.12, 2)
        is_on = near.all(axis=1) & (at[:, 1] < 0)
        return np.where(is_on[:, None], two, one).astype(np.float32)
    size = float(rng.uniform(120, 500))  # picture pixels a metre
    h, w = picture.shape[:2]
    x = (at[:, 0] * size + at[:, 1] * size * 0.7 + rng.uniform(0, w)).astype(int) % w
    y = (-at[:, 2] * size + rng.uniform(0, h)).astype(int) % h
    return picture[y, x].astype(np.float32)


def _skin(
    model: BodyModel,
    person: Person,
    zones: Zones,
    ends: tuple[float, float, float, float],
    has_top: bool,  # noqa: FBT001 - private
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], Floats]:
    """Faces of the body that no cloth covers, with their colours."""
    sleeve, leg, hem, collar = ends
    faces = model.faces["body"]
    limb, along, z = _of_faces(faces, zones, person)
    covered = (limb == 1) & (along < leg - 0.04)
    covered |= (limb == 2) & (z <= hem)
    if has_top:
        covered |= ((limb == 0) & (along < sleeve - 0.04)) | (
            (limb == 2) & (z > hem) & (z < collar - 0.01)
        )
    index = min(len(_SKINS) - 2, int(rng.integers(0, len(_SKINS))))
    mix = float(rng.random())
    tone = np.array(_SKINS[index]) * (1 - mix) + np.array(_SKINS[index + 1]) * mix
    colours = np.tile(tone * rng.normal(1, 0.03, 3), (len(faces), 1))
    colours *= rng.normal(1, 0.015, (len(faces), 1))
    if rng.random() < 0.85:
        shoe = rng.uniform(10, 240, 3) * (0.3 if rng.random() < 0.5 else 1.0)
        colours[limb == 5] = shoe
    _paint_face(colours, model, person, tone, rng)
    return faces[~covered], colours[~covered].astype(np.float32)


def _paint_face(
    colours: NDArray[np.float64],
    model: BodyModel,
    person: Person,
    tone: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Lips, brows, and perhaps a beard, on the body's faces."""
    at = person.vertices[model.faces["body"]].mean(axis=1)
    eyes = [person.heads[model.bones.index(f"eye.{side}")] for side in ("L", "R")]
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
        off = np.abs(at - eye) / gap  # lids in shade, so that an eye is dark around
        colours[is_front & (off[:, 0] < 0.27) & (off[:, 2] < 0.12)] *= 0.72
    if rng.random() < 0.18:
        jaw = is_front & (at[:, 2] < mouth[2] + 0.22 * gap) & (at[:, 2] > mouth[2] - 0.9 * gap)
        jaw &= ~lips & (np.abs(at[:, 0]) < 1.05 * gap)
        colours[jaw] = colours[jaw] * 0.35 + hair * 0.65


def _head(
    model: BodyModel, person: Person, height: float, *, is_woman: bool, rng: np.random.Generator
) -> list[tuple[NDArray[np.int64], Floats, bool]]:
    """Eyes and hair."""
    parts: list[tuple[NDArray[np.int64], Floats, bool]] = []
    for name in ("helper-l-eye", "helper-r-eye"):
        faces = model.faces[name]
        at = person.vertices[faces].mean(axis=1)
        front = at[:, 1].min()
        iris = at[:, 1] < front + 0.12 * float(np.ptp(at[:, 1]))
        colour = np.where(iris[:, None], rng.uniform(10, 110, 3), (225, 228, 230))
        parts.append((faces, colour.astype(np.float32), False))
    hair = np.array(_HAIRS[int(rng.integers(len(_HAIRS)))], np.float64) * rng.uniform(0.7, 1.2)
    if rng.random() < 0.1:
        hair = rng.uniform(10, 240, 3)  # dyed, or a cap
    style = rng.random()
    if style < 0.08:
        return parts
    eye_z = float(person.heads[model.bones.index("eye.L")][2])
    body = model.faces["body"]
    at = person.vertices[body].mean(axis=1)
    neck = person.heads[model.bones.index("neck03")]
    nose_y = float(at[at[:, 2] > neck[2]][:, 1].min())
    line = eye_z + height * float(rng.uniform(0.03, 0.05))  # the hairline
    behind = at[:, 1] > nose_y + 0.62 * float(at[at[:, 2] > eye_z][:, 1].max() - nose_y)
    scalp = (at[:, 2] > line) | (behind & (at[:, 2] > eye_z - height * 0.035))
    scalp &= at[:, 2] > neck[2]
    dark = hair * rng.uniform(0.75, 1.05)
    parts.append((body[scalp], np.tile(dark, (int(scalp.sum()), 1)).astype(np.float32), False))
    if style > (0.25 if is_woman else 0.75):
        faces = model.faces["helper-hair"]
        at = person.vertices[faces].mean(axis=1)
        lowest = eye_z - height * float(rng.choice((0.0, 0.06, 0.12, 0.25)))
        kept = at[:, 2] > lowest
        kept &= (at[:, 2] > line) | (at[:, 1] > nose_y + height * 0.05)  # not before the face
        strands = hair * rng.normal(1, 0.12, (int(kept.sum()), 1))
        parts.append((faces[kept], strands.astype(np.float32), True))
    return parts


def any_picture(pictures: list[Images], rng: np.random.Generator) -> Images:
    """One of them, or coloured noise where there is none."""
    if pictures:
        return pictures[int(rng.integers(len(pictures)))]
    small = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
    return cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]
