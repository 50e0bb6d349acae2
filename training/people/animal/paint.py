"""Paint a quib: fur, spots, a scene around it and sometimes something before it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.people.animal.body import LEGS, NAMES, Floats, Posture

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
_FINE = 8  # positions of OpenCV's shapes in 1/2**n of a pixel
_SPOTS = 7


@dataclass(frozen=True, slots=True)
class Coat:
    """What it wears: (3,) BGR of fur, belly and spots, and (n, 3) places and sizes of those."""

    fur: Floats
    dark: Floats
    spots: Floats


def any_coat(rng: np.random.Generator) -> Coat:
    """Any colours that differ."""
    fur = rng.uniform(70, 245, 3)
    dark = np.clip(fur * rng.uniform(0.25, 0.6) + rng.uniform(-20, 20, 3), 0, 255)
    spots = np.column_stack(
        (
            rng.uniform(-0.45, 0.45, _SPOTS),
            rng.uniform(-0.7, 0.7, _SPOTS),
            rng.uniform(0.02, 0.07, _SPOTS),
        )
    )
    return Coat(fur, dark, spots)


def keypoints(posture: Posture, *, middle: Floats, trunk: float) -> Floats:
    """(10, 2) pixels of ``NAMES``, for a trunk of so many pixels around ``middle``."""
    joints = posture.joints()
    return np.stack([middle + trunk * joints[name][:2] for name in NAMES])


def paint(image: Image, posture: Posture, coat: Coat, *, middle: Floats, trunk: float) -> Mask:
    """Paint it into a picture.

    Args:
        image: (H, W, 3) BGR, changed in place.
        posture: How it stands.
        coat: What it wears.
        middle: (2,) of its trunk, pixels.
        trunk: Its length, pixels.

    Returns:
        (H, W) where it covers the picture.
    """
    joints = {
        name: (middle + trunk * at[:2], float(at[2])) for name, at in posture.joints().items()
    }
    mask = np.zeros(image.shape[:2], np.uint8)
    parts = [
        ("rump", "withers", 0.21, 0.24, 1.0),
        ("withers", "head", 0.17, 0.12, 1.0),
        ("head", "snout", 0.13, 0.07, 0.9),
        ("rump", "tail", 0.05, 0.05, 0.75),
        ("tail", "tail_tip", 0.05, 0.09, 0.5),
    ]
    parts += [("head", f"{side}_ear", 0.05, 0.045, 0.7) for side in ("left", "right")]
    for leg in LEGS:
        parts.append((leg, f"{leg}_knee", 0.12, 0.07, 0.95))
        parts.append((f"{leg}_knee", f"{leg}_paw", 0.06, 0.065, 0.85))
    order = sorted(parts, key=lambda part: -(joints[part[0]][1] + joints[part[1]][1]))
    for a, b, thick, thin, shade in order:
        (start, near), (end, far) = joints[a], joints[b]
        light = shade * (
            1.0 - 1.4 * np.clip((near + far) / 2, -0.1, 0.45)
        )  # the far side is darker
        colour = coat.fur * light if not b.endswith("paw") else coat.dark * light + 12
        _cone(image, start, end, (thick * trunk, thin * trunk), np.clip(colour, 0, 255))
        _cone(mask, start, end, (thick * trunk, thin * trunk), np.array([255.0]))
        if (a, b) == ("rump", "withers"):
            _spots(image, start, end, coat, trunk)
    snout, _ = joints["snout"]
    _dot(image, snout, 0.05 * trunk, np.array((25.0, 20, 30)))
    return mask > 0


def _spots(image: Image, rump: Floats, withers: Floats, coat: Coat, trunk: float) -> None:
    along = withers - rump
    length = max(1e-6, float(np.linalg.norm(along)))
    across = np.array((-along[1], along[0])) / length
    for at, aside, size in coat.spots:
        place = rump + along * (0.5 + at) + across * aside * 0.2 * trunk
        _dot(image, place, size * trunk, coat.dark)


def _cone(
    image: Image, start: Floats, end: Floats, radii: tuple[float, float], colour: Floats
) -> None:
    """Two discs, and what lies between them."""
    along = end - start
    length = float(np.linalg.norm(along))
    for at, radius in ((start, radii[0]), (end, radii[1])):
        _dot(image, at, radius, colour)
    if length > 1e-6:
        across = np.array((-along[1], along[0])) / length
        corners = (
            start + across * radii[0],
            end + across * radii[1],
            end - across * radii[1],
            start - across * radii[0],
        )
        points = np.round(np.stack(corners) * 2**_FINE).astype(np.int32)
        cv2.fillConvexPoly(image, points, colour.tolist(), cv2.LINE_AA, _FINE)


def _dot(image: Image, at: Floats, radius: float, colour: Floats) -> None:
    x, y = (round(float(v) * 2**_FINE) for v in at)
    whole = max(1, round(max(0.7, radius) * 2**_FINE))
    cv2.circle(image, (x, y), whole, colour.tolist(), -1, cv2.LINE_AA, _FINE)


def scene(rng: np.random.Generator, size_hw: tuple[int, int]) -> Image:
    """(H, W, 3) without an animal: ground and sky, with things in it that could be legs."""
    height, width = size_hw
    cells = rng.uniform(30, 225, (int(rng.integers(2, 9)), int(rng.integers(2, 9)), 3))
    image = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    horizon = int(height * rng.uniform(0.2, 0.8))
    image[horizon:] = 0.6 * image[horizon:] + 0.4 * rng.uniform(30, 200, 3)
    whole = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 14))):
        place, colour = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, 255, 3)
        if rng.random() < 0.6:
            end = place + rng.normal(0, 0.25, 2) * (width, height)
            radii = tuple(rng.uniform(0.005, 0.03, 2) * width)
            _cone(whole, place, end, (radii[0], radii[1]), colour)
        else:
            _dot(whole, place, rng.uniform(0.01, 0.1) * width, colour)
    grain = rng.normal(0, rng.uniform(2, 12), (height // 2 + 1, width // 2 + 1, 1))
    noise = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.clip(whole + noise, 0, 255).astype(np.uint8)


def cover(image: Image, rng: np.random.Generator, *, middle: Floats, trunk: float) -> Mask:
    """Put a bush or a post before it; (H, W) of what is hidden now."""
    mask = np.zeros(image.shape[:2], np.uint8)
    colour = rng.uniform(20, 200, 3)
    place = middle + rng.normal(0, 0.4, 2) * trunk
    if rng.random() < 0.5:
        for _ in range(12):
            at, radius = place + rng.normal(0, 0.12, 2) * trunk, rng.uniform(0.05, 0.13) * trunk
            _dot(image, at, radius, np.clip(colour * rng.uniform(0.7, 1.2), 0, 255))
            _dot(mask, at, radius, np.array([255.0]))
    else:
        up = np.array((0.0, 2 * trunk))
        ends = place - up, place + up
        _cone(image, *ends, (0.06 * trunk, 0.07 * trunk), colour)
        _cone(mask, *ends, (0.06 * trunk, 0.07 * trunk), np.array([255.0]))
    return mask > 0


def photographed(image: Image, rng: np.random.Generator) -> Image:
    """As a camera would have it: a little blurred, darker or brighter, with noise."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
    seen = soft * rng.uniform(0.6, 1.25) + rng.normal(0, rng.uniform(1, 7), image.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)
