"""Draw the surroundings of people: light, background and objects in front."""

from __future__ import annotations

import cv2
import numpy as np

from steadypose.realtime.sources.demo import paint_room
from training.people.body import Floats
from training.people.postures import Scene
from training.people.render import Images, Light
from training.people.wardrobe import any_picture


def hang_behind(
    size_hw: tuple[int, int], pictures: list[Images], rng: np.random.Generator
) -> Images:
    """Draw a background: a strip of an image, a painted room, or a wall."""
    height, width = size_hw
    kind = rng.random()
    if pictures and kind < 0.7:
        picture = any_picture(pictures, rng)
        if rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
        found = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            found = cv2.GaussianBlur(found, (0, 0), float(rng.uniform(1, 7)))
        return np.asarray(found, np.uint8)
    if kind < 0.85:
        room = paint_room((height // 2, width // 2), rng)[: height // 2, : width // 2]
        return np.asarray(cv2.resize(room, (width, height)), np.uint8)
    few = rng.uniform(0, 255, (2, 2, 3)) * rng.uniform(0.2, 1) + rng.uniform(0, 60)
    wall = cv2.resize(np.clip(few, 0, 255).astype(np.uint8), (width, height))
    return np.asarray(wall, np.uint8)


def any_light(rng: np.random.Generator) -> Light:
    """Choose a light: mostly from the front and above, weak or strong, slightly coloured."""
    way = rng.normal((0, -0.8, 0.6), 1)  # mostly from the front and above
    way /= np.linalg.norm(way)
    strength = float(rng.uniform(0.25, 0.9))
    tint = rng.normal(1, 0.1, 3)
    ambient = (1.0 - 0.75 * strength) * float(rng.uniform(0.55, 1.0)) * rng.normal(1, 0.05, 3)
    return Light(
        way.astype(np.float32),
        (strength * tint).astype(np.float32),
        ambient.astype(np.float32),
    )


def put_board(canvas: Images, xy: Floats, cover: float, rng: np.random.Generator) -> None:
    """Hide a share of the box around points, from the left or from below.

    Args:
        canvas: (H, W, 3) uint8, drawn on.
        xy: (N, 2) canvas pixels.
        cover: 0 to below 1; 0 draws nothing.
        rng: Random numbers.
    """
    if cover <= 0:
        return
    (x1, y1), (x2, y2) = xy.min(axis=0), xy.max(axis=0)
    colour = rng.uniform(20, 230, 3).tolist()
    if rng.random() < 0.5:
        middle = x1 + cover * (x2 - x1)
        low, high = (0, 0), (int(middle), canvas.shape[0])
    else:
        low, high = (0, int(y2 - cover * (y2 - y1))), (canvas.shape[1], canvas.shape[0])
    cv2.rectangle(canvas, low, high, colour, -1)


def put_furniture(
    canvas: Images,
    xy: Floats,
    scene: Scene,
    rng: np.random.Generator,
) -> float:
    """Draw a desk in front of a seated person, or a stand or a cup in front of anyone.

    Args:
        canvas: (H, W, 3) uint8, drawn on.
        xy: (17, 2) COCO keypoints, canvas pixels.
        scene: Desks are only drawn for webcam scenes.
        rng: Random numbers.

    Returns:
        Row of the desk's edge; H if there is none.
    """
    height, width = canvas.shape[:2]
    edge = height
    if scene == "webcam" and rng.random() < 0.35:
        shoulders = float(xy[5:7, 1].mean())
        hips = float(xy[11:13, 1].mean())
        edge = int(np.clip(shoulders + (hips - shoulders) * rng.uniform(0.55, 1.1), 1, height))
        if edge < height - 2:
            wood = rng.uniform(20, 230, 3)
            shade = np.linspace(1.0, 0.7, height - edge)[:, None, None]
            canvas[edge:] = np.clip(wood * shade, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:  # something thin: a microphone stand, a pole
        x, lean = rng.uniform(0.2, 0.8) * width, rng.normal(0, 0.15) * width
        ends = (int(x), int(rng.uniform(0.0, 0.5) * height)), (int(x + lean), height)
        thick = int(rng.uniform(0.008, 0.03) * width) + 1
        cv2.line(canvas, *ends, tuple(rng.uniform(0, 140, 3).tolist()), thick, cv2.LINE_AA)
    for wrist in (9, 10):  # something held
        if rng.random() < 0.12:
            size = float(np.linalg.norm(xy[5] - xy[6])) * float(rng.uniform(0.08, 0.28))
            spot = xy[wrist] + (xy[wrist] - xy[wrist - 2]) * rng.uniform(0.3, 0.6)
            axes = (max(1, int(size)), max(1, int(size * rng.uniform(0.25, 1.0))))
            angle = float(rng.uniform(0, 180))
            colour = tuple(rng.uniform(0, 255, 3).tolist())
            middle = (int(spot[0]), int(spot[1]))
            cv2.ellipse(canvas, middle, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return float(edge)
