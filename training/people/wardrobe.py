"""Dress people: choose the mesh faces that are cloth, and their colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.people.body import BodyModel, Floats, Person
from training.people.looks import Ends, Piece, paint_head, paint_skin
from training.people.render import Images
from training.people.zones import Part, Zones, of_faces


@dataclass(frozen=True, slots=True, eq=False)
class Dressed:
    """A person ready to be posed and drawn.

    Attributes:
        vertices: (V, 3) rest posture; cloth is offset from the body.
        faces: (F, 4) mesh faces to draw.
        colours: (F, 3) float32 BGR without light.
        is_two_sided: (F,) cloth ends and hair are also seen from behind.
    """

    vertices: Floats
    faces: NDArray[np.int64]
    colours: Floats
    is_two_sided: NDArray[np.bool_]


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
        model: Provides the faces.
        person: The person to dress.
        zones: The person's zones.
        is_woman: Chooses among hair lengths and skirts.
        picture: (H, W, 3) any picture, for printed cloth.
        rng: Random numbers.
    """
    height = float(np.ptp(person.vertices[: model.faces["body"].max() + 1, 2]))
    hip = float(model.joint(person, "upperleg01.L")[2])
    neck = float(model.joint(person, "neck01")[2])
    sleeve = float(rng.choice((-1.0, 0.45, 0.9, 1.5, 1.93), p=(0.1, 0.3, 0.08, 0.12, 0.4)))
    leg = float(rng.choice((0.2, 0.55, 1.0, 1.9), p=(0.1, 0.2, 0.1, 0.6)))
    hem = hip + height * float(rng.uniform(-0.01, 0.09))
    collar = neck + height * float(rng.choice((-0.05, -0.02, 0.03), p=(0.2, 0.5, 0.3)))
    ends = Ends(sleeve, leg, hem, collar, has_top=is_woman or rng.random() < 0.92)
    has_skirt = is_woman and rng.random() < 0.25
    vertices = _loosen(model, person, zones, height, rng)
    tights = model.faces["helper-tights"]
    part, along, z = of_faces(tights, zones, person)
    on_top, on_leg = ends.covered(part, along, z)
    # Cuffs and collars: the helper continues over hands and neck.
    on_top |= ends.has_top & (part > Part.TRUNK) & (z > hem) & (z < collar)
    top_colour = paint_cloth(person.vertices[tights].mean(axis=1), picture, rng)
    leg_colour = paint_cloth(person.vertices[tights].mean(axis=1), picture, rng, plain=0.75)
    if rng.random() < 0.12:
        leg_colour = top_colour  # a suit, a dress, overalls
    pieces = [
        Piece(tights[on_top], top_colour[on_top]),
        Piece(tights[on_leg], leg_colour[on_leg]),
    ]
    if has_skirt:
        skirt = model.faces["helper-skirt"]
        lowest = hip - height * float(rng.uniform(0.1, 0.42))
        kept = person.vertices[skirt][:, :, 2].mean(axis=1) > lowest
        colour = paint_cloth(person.vertices[skirt].mean(axis=1), picture, rng)
        pieces.append(Piece(skirt[kept], colour[kept], is_two_sided=True))
    pieces.append(paint_skin(model, person, zones, ends, rng=rng))
    pieces += paint_head(model, person, height, is_woman=is_woman, rng=rng)
    faces = np.concatenate([piece.faces for piece in pieces])
    colours = np.concatenate([piece.colours for piece in pieces]).astype(np.float32)
    two_sided = np.concatenate([np.full(len(p.faces), p.is_two_sided) for p in pieces])
    grain = rng.normal(1.0, 0.03, (len(colours), 1)).astype(np.float32)
    return Dressed(vertices, faces, colours * grain, two_sided)


def _loosen(
    model: BodyModel, person: Person, zones: Zones, height: float, rng: np.random.Generator
) -> Floats:
    """Offset cloth from the body, in folds, wider towards its ends."""
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


def any_picture(pictures: list[Images], rng: np.random.Generator) -> Images:
    """One of the pictures, or coloured noise if there is none."""
    if pictures:
        return pictures[int(rng.integers(len(pictures)))]
    small = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
    return cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]
