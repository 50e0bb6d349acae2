"""The demo's mannequin in its own rooms and clothes, with exact labels."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.skeletons.people import COCO17
from steadypose.realtime.sources.demo import paint_room
from steadypose.realtime.sources.mannequin import Look, draw_person
from steadypose.realtime.sources.mannequin_motion import pose_at
from training.examples.sample import Label, Sample, tight_bbox

_PICTURE_HW = (240, 320)
_ROOMS = 24
_FIRST_ROOM = 1000  # seeds far from the demo's own room: the demo stays unseen
_PERIOD_S = 16.0


class MannequinDataset:
    """Images drawn on the fly; row n is always the same image.

    Args:
        count: How many rows.
        seed: Determines the images.
    """

    def __init__(self, *, count: int = 2000, seed: int = 0) -> None:
        self.name = "mannequin"
        self.skeleton = COCO17
        self._count = count
        self._seed = seed

    def __len__(self) -> int:
        return self._count

    def labels(self) -> Iterator[Label]:
        """None: they are made with the picture, from ``count`` and ``seed``."""
        return iter(())

    def sample(self, row: int) -> Sample:
        """Draw one figure; every keypoint is known and counted."""
        rng = np.random.default_rng((self._seed, row))
        height, width = _PICTURE_HW
        room = _room(int(rng.integers(_ROOMS)))
        x = int(rng.integers(0, room.shape[1] - width + 1))
        y = int(rng.integers(0, room.shape[0] - height + 1))
        image = cv2.convertScaleAbs(
            room[y : y + height, x : x + width], alpha=float(rng.uniform(0.6, 1.3))
        )
        height_px = float(rng.uniform(0.55, 1.5)) * height
        foot = (float(rng.uniform(0.3, 0.7)) * width, float(rng.uniform(0.85, 1.0)) * height)
        if height_px > 0.95 * height:  # taller than the image: legs are cut off
            foot = (foot[0], 0.12 * height + height_px)
        xy = pose_at(float(rng.uniform(0, _PERIOD_S)), phase=float(rng.uniform(0, 60.0)))
        xy = xy * height_px + foot
        draw_person(image, xy, height_px=height_px, look=_look(rng))
        grain = rng.normal(0, float(rng.uniform(1, 6)), image.shape)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
        points = xy.astype(np.float32)
        is_known = np.ones(len(points), np.bool_)
        is_inside: NDArray[np.bool_] = np.all(
            (points >= 0) & (points <= (width - 1, height - 1)), axis=1
        )
        bbox = tight_bbox(points, is_inside)
        return Sample(f"mannequin {row}", image, points, is_known, is_inside, bbox)


@functools.lru_cache(maxsize=_ROOMS)
def _room(index: int) -> NDArray[np.uint8]:
    return paint_room(_PICTURE_HW, np.random.default_rng(_FIRST_ROOM + index))


def _look(rng: np.random.Generator) -> Look:
    def colour(low: float, high: float) -> tuple[int, int, int]:
        b, g, r = rng.uniform(low, high, 3)
        return int(b), int(g), int(r)

    light = float(rng.uniform(0.35, 1.05))  # from dark to light skin
    skin = (int(140 * light), int(180 * light), min(255, int(235 * light)))
    return Look(
        skin=skin,
        hair=colour(10, 130),
        shirt=colour(20, 220),
        trousers=colour(20, 190),
        shoes=colour(10, 160),
    )
