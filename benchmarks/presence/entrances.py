"""Render a mannequin who comes into view: from a side, or up from below the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.presence.scenes import FPS, SIZES_HW, Camera, Image
from steadypose.realtime.sources.demo import paint_room
from steadypose.realtime.sources.mannequin import LOOKS, draw_person
from steadypose.realtime.sources.mannequin_motion import pose_at

ENTRANCES = 20
ENTERS_S = 1.5
"""Scene time until which the person is not in the frame."""

_WALK_PER_S, _RISE_S = 0.8, 1.2  # standing heights a second; seconds
_WALKING_FROM_S = 12.0  # when ``mannequin_motion`` makes the mannequin walk


@dataclass(frozen=True)
class Entrance:
    """A mannequin who comes in from a side or stands up from below the frame.

    Attributes:
        camera: Looks at the empty room.
        way: ``left``, ``right`` or ``below``: side from which the person comes.
        size: Standing height as a share of the frame's height.
        look: Index of the clothes.
    """

    camera: Camera
    way: str
    size: float
    look: int

    def truth(self, index: int) -> NDArray[np.float64]:
        """(17, 2) keypoints in frame pixels, also where they lie outside the frame."""
        height, width = self.camera.size_hw
        time_s = index / FPS
        tall = self.size * height
        since_s = max(0.0, time_s - ENTERS_S)
        stands_x = width * (0.35 + 0.3 * ((self.look * 7 + int(100 * self.size)) % 11) / 10)
        # The floor lies lower for people nearby; a tall person who rises from below is seen
        # from the thighs up.
        floor_y = max(height * (0.86 + 0.1 * self.size), tall * 1.04 + 0.03 * height)
        if self.way == "below":
            floor_y += 0.3 * tall * min(1.0, self.size)
            left = 0.5 + 0.5 * math.cos(math.pi * min(1.0, since_s / _RISE_S))
            x, y = stands_x, floor_y + left * (height + 1.1 * tall - floor_y)
        else:
            way_px = (stands_x if self.way == "left" else width - stands_x) + 0.5 * tall
            to_go = max(0.0, way_px - _WALK_PER_S * tall * since_s)
            x, y = stands_x + (-to_go if self.way == "left" else to_go), floor_y
        phase = 0.0 if self.way == "below" else _WALKING_FROM_S - ENTERS_S
        return pose_at(time_s, phase=phase) * tall + (x, y)

    def is_visible(self, index: int) -> bool:
        """Whether the middle and at least half of the keypoints lie inside the frame."""
        height, width = self.camera.size_hw
        xy, limit = self.truth(index), (width - 1, height - 1)
        middle = xy.mean(axis=0)
        is_middle_inside = bool(((middle >= 0) & (middle <= limit)).all())
        inside = int(((xy >= 0) & (xy <= limit)).all(axis=1).sum())
        return is_middle_inside and 2 * inside >= len(xy)

    def draw(self, index: int) -> Image:
        """(H, W, 3) uint8 BGR: frame ``index``."""
        image = self.camera.look(index)
        tall = self.size * self.camera.size_hw[0]
        draw_person(image, self.truth(index), height_px=tall, look=LOOKS[self.look])
        return self.camera.expose(image, index)


def entrance(number: int) -> Entrance:
    """Entrance ``number`` of ``ENTRANCES``: sizes rise from 25 % to 110 %, directions alternate."""
    seed = 100 + number
    size_hw = SIZES_HW[number // 3 % len(SIZES_HW)]
    camera = Camera(paint_room(size_hw, np.random.default_rng(seed)), size_hw, seed=seed)
    way = ("left", "right", "below")[number % 3]
    return Entrance(camera, way, 0.25 + 0.85 * number / (ENTRANCES - 1), number % len(LOOKS))
