"""Draw a moving person: ground truth for tests, and a demo without a camera.

The figure is drawn with tapered, shaded limbs around the 17 COCO keypoints that
``mannequin_motion`` computes, in front of the textured, moving background of ``demo``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.sources.mannequin_motion import INDEX

_SHIFT = 4  # fractional bits of the drawing coordinates

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of one mannequin, BGR."""

    skin: Colour = (120, 155, 205)
    hair: Colour = (35, 45, 60)
    shirt: Colour = (150, 90, 45)
    trousers: Colour = (75, 60, 60)
    shoes: Colour = (45, 45, 50)


LOOKS = (
    Look(),
    Look(skin=(80, 110, 160), hair=(20, 20, 25), shirt=(60, 70, 175), trousers=(110, 95, 80)),
    Look(skin=(140, 175, 225), hair=(70, 120, 160), shirt=(80, 140, 70), trousers=(60, 50, 45)),
)


def draw_person(
    image_bgr: NDArray[np.uint8], xy: NDArray[np.float64], *, height_px: float, look: Look
) -> None:
    """Draw the figure onto the image.

    Args:
        image_bgr: (H, W, 3) uint8, modified.
        xy: (17, 2) keypoints in frame pixels.
        height_px: Standing height, pixels; sets the thickness of the limbs.
        look: Colours.
    """
    at = {name: xy[i] for name, i in INDEX.items()}
    unit = height_px

    def limb(a: str, b: str, width_a: float, width_b: float, colour: Colour) -> None:
        _draw_limb(image_bgr, at[a], at[b], width_a * unit, width_b * unit, colour)

    for side in ("left", "right"):
        _draw_foot(image_bgr, at[f"{side}_ankle"], unit, look.shoes)
        limb(f"{side}_knee", f"{side}_ankle", 0.037, 0.024, look.trousers)
        limb(f"{side}_hip", f"{side}_knee", 0.054, 0.038, look.trousers)
    _draw_torso(image_bgr, at, unit, look)
    neck = (at["left_shoulder"] + at["right_shoulder"]) / 2
    head = (at["left_ear"] + at["right_ear"]) / 2
    _draw_limb(image_bgr, neck, head, 0.030 * unit, 0.028 * unit, look.skin)
    _draw_head(image_bgr, at, unit, look)
    for side in ("left", "right"):
        limb(f"{side}_shoulder", f"{side}_elbow", 0.036, 0.029, look.shirt)
        limb(f"{side}_elbow", f"{side}_wrist", 0.024, 0.017, look.skin)
        away = at[f"{side}_wrist"] - at[f"{side}_elbow"]
        away = away / max(1e-6, float(np.hypot(*away)))
        hand = at[f"{side}_wrist"] + away * 0.045 * unit
        _draw_limb(image_bgr, at[f"{side}_wrist"], hand, 0.019 * unit, 0.016 * unit, look.skin)


def _tone(colour: Colour, factor: float) -> tuple[int, int, int]:
    b, g, r = (min(255, int(channel * factor)) for channel in colour)
    return b, g, r


def _points(corners: NDArray[np.float64]) -> NDArray[np.int32]:
    points: NDArray[np.int32] = np.round(corners * (1 << _SHIFT)).astype(np.int32)
    return points


def _capsule(
    a: NDArray[np.float64], b: NDArray[np.float64], ra: float, rb: float
) -> NDArray[np.float64]:
    """Outline of two discs and what lies between them, (18, 2)."""
    along = b - a
    angle = math.atan2(along[1], along[0])
    half = np.linspace(-math.pi / 2, math.pi / 2, 9)
    end_b = b + rb * np.stack((np.cos(angle + half), np.sin(angle + half)), 1)
    end_a = a + ra * np.stack((np.cos(angle + math.pi + half), np.sin(angle + math.pi + half)), 1)
    return np.concatenate((end_b, end_a))


def _draw_limb(
    image: NDArray[np.uint8],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    ra: float,
    rb: float,
    colour: Colour,
) -> None:
    """A tapered cylinder lit from the upper left: nested outlines, lighter inwards."""
    for shrink, shift, tone in (
        (1.0, 0.0, 0.55),
        (0.84, 0.10, 0.8),
        (0.6, 0.22, 1.0),
        (0.3, 0.34, 1.2),
    ):
        offset = np.array((-0.8, -0.6)) * shift
        outline = _capsule(a + offset * ra, b + offset * rb, ra * shrink, rb * shrink)
        cv2.fillPoly(image, [_points(outline)], _tone(colour, tone), cv2.LINE_AA, _SHIFT)


def _draw_foot(
    image: NDArray[np.uint8], ankle: NDArray[np.float64], unit: float, colour: Colour
) -> None:
    toe = ankle + np.array((0.0, 0.028)) * unit
    _draw_limb(image, ankle, toe, 0.026 * unit, 0.03 * unit, colour)


def _draw_torso(
    image: NDArray[np.uint8], at: dict[str, NDArray[np.float64]], unit: float, look: Look
) -> None:
    left, right = at["left_shoulder"], at["right_shoulder"]
    left_hip, right_hip = at["left_hip"], at["right_hip"]
    middle, hips = (left + right) / 2, (left_hip + right_hip) / 2
    _draw_limb(image, left_hip, right_hip, 0.06 * unit, 0.06 * unit, look.trousers)
    for shrink, shift, tone in (
        (1.0, 0.0, 0.6),
        (0.88, 0.012, 0.85),
        (0.68, 0.024, 1.0),
        (0.34, 0.03, 1.12),
    ):
        offset = np.array((-1.0, -0.3)) * shift * unit
        grow = 0.035 * unit
        waist = (middle + hips) / 2
        corners = [
            right + np.array((-grow * 0.8, -grow * 0.6)),
            middle + np.array((0.0, -grow * 1.3)),
            left + np.array((grow * 0.8, -grow * 0.6)),
            left * 0.35 + left_hip * 0.65 + np.array((grow * 0.7, 0.0)),
            left_hip + np.array((grow * 0.9, 0.0)),
            right_hip + np.array((-grow * 0.9, 0.0)),
            right * 0.35 + right_hip * 0.65 + np.array((-grow * 0.7, 0.0)),
        ]
        outline = np.stack(
            [(corner - waist) * (shrink, 1.0) + waist + offset for corner in corners]
        )
        cv2.fillPoly(image, [_points(outline)], _tone(look.shirt, tone), cv2.LINE_AA, _SHIFT)


def _draw_head(
    image: NDArray[np.uint8], at: dict[str, NDArray[np.float64]], unit: float, look: Look
) -> None:
    ears = (at["left_ear"] + at["right_ear"]) / 2
    facing = at["nose"][0] - ears[0]

    def oval(center: NDArray[np.float64], rx: float, ry: float, colour: Colour) -> None:
        axes = _points(np.array((max(rx * unit, 0.6), max(ry * unit, 0.6))))
        x, y = _points(center)
        cv2.ellipse(
            image,
            (int(x), int(y)),
            (int(axes[0]), int(axes[1])),
            0,
            0,
            360,
            colour,
            -1,
            cv2.LINE_AA,
            _SHIFT,
        )

    def near(dx: float, dy: float) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = ears + np.array((dx, dy)) * unit
        return moved

    oval(near(0, -0.018), 0.054, 0.068, _tone(look.hair, 1.0))
    for side in ("left", "right"):
        oval(at[f"{side}_ear"], 0.010, 0.017, _tone(look.skin, 0.8))
    face_x = 0.25 * facing / unit
    oval(near(face_x, 0.006), 0.046, 0.060, _tone(look.skin, 0.72))
    oval(near(face_x - 0.003, 0.004), 0.042, 0.056, _tone(look.skin, 0.95))
    oval(near(face_x - 0.008, 0.0), 0.027, 0.040, _tone(look.skin, 1.08))
    oval(near(face_x, -0.052), 0.043, 0.022, _tone(look.hair, 1.25))
    for side in ("left", "right"):
        eye = at[f"{side}_eye"]
        oval(eye, 0.0095, 0.0055, (235, 235, 235))
        oval(eye, 0.0045, 0.0050, (40, 40, 45))
        oval(eye + np.array((0.0, -0.0125)) * unit, 0.012, 0.0026, _tone(look.hair, 0.9))
    oval(at["nose"], 0.0070, 0.0085, _tone(look.skin, 0.82))
    oval(at["nose"] + np.array((-0.002, -0.010)) * unit, 0.0042, 0.012, _tone(look.skin, 1.12))
    mouth = at["nose"] * 0.75 + near(face_x, 0.0) * 0.25
    oval(mouth + np.array((0.0, 0.026)) * unit, 0.016, 0.0046, (85, 80, 160))
