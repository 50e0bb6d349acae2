"""The built-in source: mannequins in a room, with known keypoints."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.sources.mannequin import LOOKS, draw_person
from steadypose.realtime.sources.mannequin_motion import pose_at


class DemoScene:
    """Draws the frames of a repeatable scene.

    Args:
        size_hw: Picture size, pixels.
        fps: Frames per second of scene time.
        persons: 1 to 3 mannequins; two or more walk past each other.
        seed: Of the room's texture and the camera noise.
    """

    def __init__(
        self,
        *,
        size_hw: tuple[int, int] = (360, 640),
        fps: float = 30.0,
        persons: int = 1,
        seed: int = 7,
    ) -> None:
        self.size_hw = size_hw
        self.fps = fps
        self.persons = persons
        rng = np.random.default_rng(seed)
        self._room = paint_room(size_hw, rng)
        height, width = size_hw
        noise = rng.normal(8.0, 5.0, (height + 64, width + 64)).astype(np.float32)
        noise = np.clip(cv2.GaussianBlur(noise, (3, 3), 0.6), 0, 24).astype(np.uint8)
        self._noise = cv2.cvtColor(noise, cv2.COLOR_GRAY2BGR)

    def truth(self, index: int) -> NDArray[np.float64]:
        """Positions of all keypoints of all mannequins.

        Returns:
            (persons, 17, 2) frame pixels, COCO-17 order.
        """
        return np.stack([self._figure(index, person)[0] for person in range(self.persons)])

    def draw(self, index: int) -> NDArray[np.uint8]:
        """Draw one frame.

        Returns:
            (H, W, 3) uint8 BGR; a new array.
        """
        height, width = self.size_hw
        time_s = index / self.fps
        spare_x = self._room.shape[1] - width
        spare_y = self._room.shape[0] - height
        x = int(spare_x * (0.5 + 0.5 * np.sin(2 * np.pi * time_s / 23.0)))
        y = int(spare_y * (0.5 + 0.5 * np.sin(2 * np.pi * time_s / 31.0)))
        light = 1.0 + 0.08 * np.sin(2 * np.pi * time_s / 9.0)
        image = cv2.convertScaleAbs(self._room[y : y + height, x : x + width], alpha=light)
        # The figure farther away (smaller) is drawn first.
        figures = [(*self._figure(index, p), LOOKS[p]) for p in range(self.persons)]
        for xy, height_px, look in sorted(figures, key=lambda figure: figure[1]):
            draw_person(image, xy, height_px=height_px, look=look)
        # One pattern, shifted in every frame, looks like sensor noise.
        nx, ny = (index * 37) % 64, (index * 23) % 64
        grain = self._noise[ny : ny + height, nx : nx + width]
        return cv2.add(image, grain)

    def _figure(self, index: int, person: int) -> tuple[NDArray[np.float64], float]:
        """Keypoints in frame pixels and the standing height, pixels."""
        height, width = self.size_hw
        time_s = index / self.fps
        nearness = 1.0 + 0.10 * np.sin(2 * np.pi * time_s / 13.0 + 2.0 * person)
        height_px = 0.80 * height * nearness * (1.0 - 0.10 * person)
        floor_y = 0.97 * height - 0.03 * height * person
        if self.persons == 1:
            x = width * (0.5 + 0.16 * np.sin(2 * np.pi * time_s / 17.0))
        else:
            side = 2 * np.pi * person / self.persons
            x = width * (0.5 + 0.27 * np.cos(2 * np.pi * time_s / 15.0 + side))
        xy = pose_at(time_s, phase=5.3 * person) * height_px + (x, floor_y)
        return xy, float(height_px)


def paint_room(size_hw: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A wall with pictures, a shelf and a floor, somewhat larger than the frame."""
    height, width = int(size_hw[0] * 1.2), int(size_hw[1] * 1.3)
    texture = np.zeros((height, width), np.float32)
    for cells in (4, 9, 21, 60, 150):
        coarse = rng.normal(0, 1, (max(2, cells * height // width), cells)).astype(np.float32)
        texture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 6.0
    wall = np.array((168.0, 178.0, 182.0)) + texture[..., None] * (1.0, 0.95, 0.85)
    floor_y = int(height * 0.80)
    planks = 14.0 * np.sin(np.arange(width) / width * 90.0)[None, :, None]
    wall[floor_y:] = (70.0, 96.0, 128.0) + planks + texture[floor_y:, :, None] * 0.8
    room: NDArray[np.uint8] = np.clip(wall, 0, 255).astype(np.uint8)
    for _ in range(5):
        x, y = int(rng.uniform(0, width * 0.9)), int(rng.uniform(0, height * 0.4))
        w, h = int(width * rng.uniform(0.06, 0.14)), int(height * rng.uniform(0.12, 0.28))
        colour = tuple(float(c) for c in rng.uniform(60, 200, 3))
        cv2.rectangle(room, (x, y), (x + w, y + h), colour, -1)
        cv2.rectangle(room, (x, y), (x + w, y + h), (60, 70, 80), max(2, width // 200))
    shelf = int(width * 0.78)
    cv2.rectangle(room, (shelf, int(height * 0.35)), (width - 8, floor_y), (60, 85, 115), -1)
    for row in range(4):
        y = int(height * (0.45 + 0.11 * row))
        for book in range(9):
            x = shelf + 6 + book * (width - shelf) // 10
            colour = tuple(float(c) for c in rng.uniform(40, 190, 3))
            cv2.rectangle(room, (x, y - int(height * 0.07)), (x + width // 70, y), colour, -1)
    return cv2.GaussianBlur(room, (3, 3), 0.8)
