"""Labelled pictures of quibs as a COCO file, and a film of one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.people.animal.body import LIMBS, NAMES, Floats, any_posture, walking
from training.people.animal.paint import (
    Image,
    Mask,
    any_coat,
    cover,
    keypoints,
    paint,
    photographed,
    scene,
)
from training.runs.progress import write_picture

_SIZES_HW = ((240, 320), (320, 240), (288, 384), (360, 480))
_FILM_HW, FPS, _TRUNK = (360, 640), 25, 110.0


def _picture(rng: np.random.Generator) -> tuple[Image, list[dict[str, Any]]]:
    """A picture with one quib, or two, and what is to be labelled in it."""
    height, width = _SIZES_HW[int(rng.integers(len(_SIZES_HW)))]
    image, found = scene(rng, (height, width)), list[tuple[Floats, Mask, Mask]]()
    for n in range(2 if rng.random() < 0.15 else 1):
        trunk = rng.uniform(0.16, 0.38) * width * (0.6 if n else 1.0)
        middle = np.array((width, height)) * rng.uniform((0.3, 0.35), (0.7, 0.6))
        posture = any_posture(rng)
        mask = paint(image, posture, any_coat(rng), middle=middle, trunk=trunk)
        hidden = np.zeros_like(mask)
        if rng.random() < 0.3:
            hidden = cover(image, rng, middle=middle, trunk=trunk)
        for _, _, before in found:  # that one is hidden by this one, and by what hides this one
            np.logical_or(before, mask | hidden, out=before)
        found.append((keypoints(posture, middle=middle, trunk=trunk), mask, hidden))
    return photographed(image, rng), [_labels(*one) for one in found]


def _labels(xy: Floats, mask: Mask, hidden: Mask) -> dict[str, Any]:
    """An annotation in COCO's form, without ids."""
    height, width = mask.shape
    triples: list[float] = []
    for x, y in xy.round(2):
        is_inside = 0 <= x <= width - 1 and 0 <= y <= height - 1
        is_hidden = is_inside and bool(hidden[round(y), round(x)])
        triples += [float(x), float(y), 1 if is_hidden else 2] if is_inside else [0.0, 0.0, 0]
    rows, columns = np.nonzero(mask)
    x, y = int(columns.min()), int(rows.min())
    return {
        "keypoints": triples,
        "num_keypoints": sum(v > 0 for v in triples[2::3]),
        "bbox": [x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y],
        "area": int(mask.sum()),
        "iscrowd": 0,
    }


def render(folder: Path, *, count: int, seed: int) -> None:
    """Write pictures and labels.json."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        image, labelled = _picture(rng)
        name = f"{number:03d}.jpg"
        write_picture(image, folder / name)
        height, width = image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for labels in labelled:
            ids = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append({**ids, **labels})
    limbs = [[a + 1, b + 1] for a, b in LIMBS]
    kind = {"id": 1, "name": "quib", "keypoints": list(NAMES), "skeleton": limbs}
    data = {"images": images, "annotations": annotations, "categories": [kind]}
    (folder / "labels.json").write_text(json.dumps(data), encoding="utf-8")


def film(frames: int) -> Iterator[tuple[Image, Floats]]:
    """Frames of one that walks to and fro, and its (10, 2) keypoints in them."""
    rng = np.random.default_rng(3)
    ground, coat = scene(rng, _FILM_HW), any_coat(rng)
    for n in range(frames):
        time_s = n / FPS
        swing = 2 * math.pi * time_s / 12  # there and back
        middle = np.array((320 - 190 * math.cos(swing), 170.0))
        # It turns with its way's end: to the right, towards the camera, to the left.
        yaw = -90 + 90 * math.tanh(4 * math.sin(swing))
        posture, image = walking(time_s, yaw=yaw), ground.copy()
        paint(image, posture, coat, middle=middle, trunk=_TRUNK)
        yield (
            photographed(image, np.random.default_rng(n)),
            keypoints(posture, middle=middle, trunk=_TRUNK),
        )
