"""A made-up skeleton on made-up pictures: arrows with four keypoints, as a COCO file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.drawn import write_picture

NAMES = ("tip", "left_barb", "right_barb", "tail")


def draw_arrow(
    rng: np.random.Generator, *, size: int = 120
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A bent arrow on a textured ground with its (4, 2) keypoints; left is blue."""
    noise = rng.integers(60, 190, (12, 12, 3)).astype(np.uint8)
    image = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    angle, length = rng.uniform(-0.6, 0.6), size * rng.uniform(0.45, 0.6)
    along = np.array((math.sin(angle), -math.cos(angle)))
    side = np.array((-along[1], along[0]))
    tail = np.array((size / 2, size / 2)) - along * length / 2 + rng.uniform(-6, 6, 2)
    tip = tail + along * length
    left = tip - along * length * 0.35 - side * length * 0.3
    right = tip - along * length * 0.35 + side * length * 0.3
    xy = np.stack((tip, left, right, tail))

    def line(a: int, b: int, colour: tuple[int, int, int]) -> None:
        p, q = (tuple(int(v) for v in np.round(xy[k])) for k in (a, b))
        cv2.line(image, p, q, colour, 7, cv2.LINE_AA)

    line(3, 0, (240, 240, 240))
    line(0, 1, (230, 60, 40))
    line(0, 2, (40, 60, 230))
    return image, xy


def coco_file(folder: Path, *, count: int, seed: int = 0, **category: Any) -> Path:
    """Write ``count`` pictures and their labels; returns the JSON file."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i in range(count):
        image, xy = draw_arrow(rng)
        write_picture(folder / f"{i}.png", image)
        low, high = xy.min(0), xy.max(0)
        images.append({"id": i + 1, "file_name": f"{i}.png", "width": 120, "height": 120})
        annotations.append(
            {
                "id": i + 100,
                "image_id": i + 1,
                "category_id": 7,
                "keypoints": [float(v) for x, y in xy for v in (x, y, 2)],
                "num_keypoints": 4,
                "bbox": [float(v) for v in (*low, *(high - low))],
                "area": float(np.prod(high - low)),
                "iscrowd": 0,
            }
        )
    kind = {
        "id": 7,
        "name": "arrow",
        "keypoints": list(NAMES),
        "skeleton": [[1, 2], [1, 3], [1, 4]],
    }
    data = {
        "images": images,
        "annotations": annotations,
        "categories": [{**kind, **category}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    return path


def pack(folder: Path, images: list[NDArray[np.uint8]], keypoints: NDArray[np.float32]) -> Path:
    """Write a training pack of COCO-17 keypoints (N, 17, 3); returns the tar."""
    import io
    import tarfile

    tar = folder / "made.tar"
    names = [f"im{i + 1:05d}.jpg" for i in range(len(images))]
    with tarfile.open(tar, "w") as archive:
        for name, image in zip(names, images, strict=True):
            data = cv2.imencode(".jpg", image)[1].tobytes()
            info = tarfile.TarInfo(f"made/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    np.savez(folder / "made_labels.npz", image=names, keypoints=keypoints)
    return tar
