"""Render posed bodies onto images: a camera and a painter's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.people.body import Floats

Images = NDArray[np.uint8]
NEAREST_M = 0.05
"""Near clipping distance from the camera."""
_SHIFT = 3  # fractional bits of pixel coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera in front of the scene, looking along +y; x right, z up.

    Attributes:
        place: (3,) position, metres.
        pitch: (3, 3) rotation of the world before projection.
        focal_px: Focal length.
        center_xy: Principal point, pixels.
    """

    place: Floats
    pitch: Floats
    focal_px: float
    center_xy: tuple[float, float]

    def see(self, points: Floats) -> tuple[Floats, Floats]:
        """(N, 2) pixels and (N,) depths, metres, of (N, 3) points."""
        local = (points - self.place) @ self.pitch.T
        depth = np.maximum(local[:, 1], 1e-3)
        x = self.center_xy[0] + self.focal_px * local[:, 0] / depth
        y = self.center_xy[1] - self.focal_px * local[:, 2] / depth
        return np.stack((x, y), axis=1).astype(np.float32), depth.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """One lamp and ambient light.

    Attributes:
        way: (3,) unit vector towards the lamp.
        colour: (3,) BGR factor of the lamp.
        ambient: (3,) BGR factor of the rest.
    """

    way: Floats
    colour: Floats
    ambient: Floats


def paint(
    canvas: Images,
    vertices: Floats,
    faces: NDArray[np.int64],
    colours: Floats,
    is_two_sided: NDArray[np.bool_],
    *,
    camera: Camera,
    light: Light,
) -> None:
    """Draw a mesh, far faces first (the painter's algorithm).

    Args:
        canvas: (H, W, 3) uint8, drawn on.
        vertices: (V, 3) metres.
        faces: (F, 4).
        colours: (F, 3) BGR without light.
        is_two_sided: (F,).
        camera: The viewpoint.
        light: Flat shading (Lambert).
    """
    xy, depth = camera.see(vertices)
    corners = vertices[faces]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.maximum(1e-12, np.linalg.norm(normals, axis=1, keepdims=True))
    flat = xy[faces]
    area = _cross(flat[:, 2] - flat[:, 0], flat[:, 3] - flat[:, 1])
    is_front = area < 0  # counter-clockwise with y up is clockwise with y down
    height, width = canvas.shape[:2]
    low, high = flat.min(axis=1), flat.max(axis=1)
    is_in = ((high > 0) & (low < (width, height))).all(axis=1)
    is_in &= (depth[faces] > NEAREST_M).all(axis=1)
    drawn = np.flatnonzero((is_front | is_two_sided) & is_in)
    away = np.where(is_front, 1.0, -1.0)[:, None]
    bright = np.clip((normals * away) @ light.way, 0, None)[:, None]
    lit = np.clip(colours * (light.ambient + light.colour * bright), 0, 255)
    order = drawn[np.argsort(-depth[faces[drawn]].mean(axis=1), kind="stable")]
    points = np.round(flat[order] * (1 << _SHIFT)).astype(np.int32)
    for corner, colour in zip(points, lit[order].tolist(), strict=True):
        cv2.fillConvexPoly(canvas, corner, colour, cv2.LINE_8, _SHIFT)


def _cross(a: Floats, b: Floats) -> Floats:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]  # type: ignore[no-any-return]
