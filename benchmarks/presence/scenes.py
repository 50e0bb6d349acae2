"""Render scenes without people.

Frame n of a scene depends only on the scene's seed and n; only one still image and one patch
of noise are held in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.demo import paint_room

FPS = 30.0
SCENES = 6
"""Empty scenes of each kind."""

SIZES_HW = ((360, 640), (480, 640), (720, 1280))
"""Height and width of rendered frames, in turn."""

Image = NDArray[np.uint8]

_MOST_SAMPLES = 32  # frames of a video whose median is taken
_SPARE = 64  # pixels by which the patch of noise is larger than the frame


class Camera:
    """Pans and zooms slowly over a still image, with drifting light and sensor noise.

    Args:
        picture: (H, W, 3) uint8 BGR; the widest view covers all of it or nearly so.
        size_hw: Of the frames, pixels.
        seed: Of the path and the noise.
        zoom: How much closer than the widest view it looks, 1 or more.
        noise: Standard deviation of the noise, grey levels.
    """

    def __init__(
        self,
        picture: Image,
        size_hw: tuple[int, int],
        *,
        seed: int,
        zoom: float = 1.05,
        noise: float = 5.0,
    ) -> None:
        rng = np.random.default_rng((seed, 1))
        self.size_hw = size_hw
        self._picture = picture
        self._zoom = zoom
        self._phases = rng.uniform(0, 2 * math.pi, 4)
        height, width = size_hw
        patch = rng.normal(0.0, noise, (height + _SPARE, width + _SPARE, 3))
        self._noise: NDArray[np.int16] = np.round(patch).astype(np.int16)

    def look(self, index: int) -> Image:
        """(H, W, 3) uint8 BGR: frame ``index`` without noise; a new array."""
        time_s = index / FPS
        pan_x, pan_y, zoom, light = (
            math.sin(2 * math.pi * time_s / period_s + phase)
            for period_s, phase in zip((19.0, 26.0, 14.0, 9.0), self._phases, strict=True)
        )
        (height, width), (full_h, full_w) = self.size_hw, self._picture.shape[:2]
        scale = max(height / full_h, width / full_w) * self._zoom * (1.03 + 0.03 * zoom)
        x = (full_w - width / scale) * (0.5 + 0.5 * pan_x)
        y = (full_h - height / scale) * (0.5 + 0.5 * pan_y)
        matrix = np.array(((scale, 0.0, -x * scale), (0.0, scale, -y * scale)))
        moved = cv2.warpAffine(self._picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
        return cv2.convertScaleAbs(moved, alpha=1.0 + 0.06 * light)

    def expose(self, image: Image, index: int) -> Image:
        """The image with the noise of frame ``index``; a new array."""
        height, width = self.size_hw
        # One pattern, shifted in every frame, looks like sensor noise.
        x, y = (index * 37) % _SPARE, (index * 23) % _SPARE
        grain = self._noise[y : y + height, x : x + width]
        return cv2.add(image, grain, dtype=cv2.CV_8U)

    def draw(self, index: int) -> Image:
        """(H, W, 3) uint8 BGR: frame ``index``."""
        return self.expose(self.look(index), index)


def room_scene(seed: int) -> Camera:
    """The demo's room without its mannequin."""
    size_hw = SIZES_HW[seed % len(SIZES_HW)]
    room = paint_room(size_hw, np.random.default_rng(seed))
    return Camera(room, size_hw, seed=seed, noise=3.0 + seed % 3 * 3.0)


def poster_scene(seed: int) -> Camera:
    """A room with flat pictures on the wall: text, circles, ellipses and bars."""
    size_hw = SIZES_HW[seed % len(SIZES_HW)]
    rng = np.random.default_rng((seed, 2))
    room = paint_room(size_hw, rng)
    for _ in range(4):
        _hang_poster(room, rng)
    return Camera(room, size_hw, seed=seed)


def noise_scene(seed: int) -> Camera:
    """White noise if the seed is even, else blobs: noise of low frequency."""
    size_hw = SIZES_HW[seed // 2 % len(SIZES_HW)]
    if seed % 2 == 0:
        grey = np.full((*size_hw, 3), 128, np.uint8)
        return Camera(grey, size_hw, seed=seed, noise=30.0 + 10.0 * seed)
    rng = np.random.default_rng((seed, 3))
    cells = 4 + 3 * seed
    coarse = rng.normal(128, 55, (cells * 3 // 4, cells, 3)).astype(np.float32)
    blobs = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return Camera(np.clip(blobs, 0, 255).astype(np.uint8), size_hw, seed=seed)


def plain_scene(seed: int) -> Camera:
    """An even frame with noise: dark if the seed is even, else bright."""
    size_hw = SIZES_HW[seed // 2 % len(SIZES_HW)]
    level = 6 + 8 * seed if seed % 2 == 0 else 215 + 6 * seed
    plain = np.full((*size_hw, 3), level, np.uint8)
    return Camera(plain, size_hw, seed=seed, noise=2.0 + 2.0 * seed)


def emptied_scene(empty: Image, seed: int) -> Camera:
    """A scene emptied of people, whole and closer, mirrored if the seed is odd."""
    picture = np.ascontiguousarray(empty[:, ::-1]) if seed % 2 else empty
    size_hw = (empty.shape[0], empty.shape[1])
    return Camera(picture, size_hw, seed=seed, zoom=1.04 + 0.3 * (seed // 2))


def without_people(video: Path) -> Image:
    """(H, W, 3) uint8 BGR: the median over time of a fixed camera's video.

    Raises:
        SourceError: The file has no frame that can be read.
    """
    capture = cv2.VideoCapture(str(video))
    kept: list[Image] = []
    step = 1
    for n, image in enumerate(_frames(capture)):
        if n % step == 0:
            kept.append(image)
        if len(kept) == _MOST_SAMPLES:
            kept, step = kept[::2], 2 * step
    capture.release()
    if not kept:
        raise SourceError(f"{video} cannot be read", fix="name a video file that plays elsewhere")
    empty = np.empty_like(kept[0])
    for row in range(len(empty)):  # all at once would take gigabytes
        empty[row] = np.median([image[row] for image in kept], axis=0)
    return empty


def _frames(capture: cv2.VideoCapture) -> Iterator[Image]:
    while True:
        is_read, image = capture.read()
        if not is_read:
            return
        yield image


def _hang_poster(room: Image, rng: np.random.Generator) -> None:
    """Draw one framed picture onto the wall of a room."""
    height, width = room.shape[:2]
    h, w = int(height * rng.uniform(0.25, 0.6)), int(width * rng.uniform(0.12, 0.25))
    x, y = int(rng.uniform(0, width - w)), int(rng.uniform(0.02, 0.78) * (height - h))
    colours = [tuple(float(c) for c in colour) for colour in rng.uniform(20, 240, (8, 3))]
    poster = np.empty((h, w, 3), np.uint8)
    poster[:] = colours[0]
    for colour in colours[1:]:
        a, b = (int(v) for v in rng.uniform(0.1, 0.9, 2) * (w, h))
        size = int(w * rng.uniform(0.06, 0.25))
        kind = int(rng.integers(4))
        if kind == 0:
            cv2.circle(poster, (a, b), size, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            axes = (size // 2 + 1, size + 1)
            cv2.ellipse(poster, (a, b), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 2:
            end = tuple(int(v) for v in rng.uniform(0.1, 0.9, 2) * (w, h))
            cv2.line(poster, (a, b), end, colour, max(2, size // 3), cv2.LINE_AA)
        else:
            font, grow = cv2.FONT_HERSHEY_DUPLEX, size / 25
            cv2.putText(poster, "OPEN TODAY", (w // 20, b), font, grow, colour, 2, cv2.LINE_AA)
    cv2.rectangle(poster, (0, 0), (w - 1, h - 1), (50, 55, 60), max(2, w // 40))
    room[y : y + h, x : x + w] = poster
