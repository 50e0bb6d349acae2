"""A simulated camera that is lost, stalls and changes its size, with people who come and go."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.realtime.sources.demo import DemoScene

SIZES = ((360, 640), (480, 640))
FPS = 30.0
_PICTURES = 240  # drawn once: what is measured is not the drawing
_EMPTY = 60  # of those, with nobody
_AWAY_S, _STALL_S = 0.7, 2.0


class TroubledCamera:
    """The camera behind all openings of it; any thread may trouble it."""

    def __init__(self) -> None:
        self._pictures = [_drawn(size_hw) for size_hw in SIZES]
        self._size = 0
        self._away_until_s = self._stalled_until_s = 0.0
        self._lock = threading.Lock()

    def open(self) -> OpenedCamera:
        """Plug in.

        Raises:
            SourceError: It is away.
        """
        if self.is_away:
            raise SourceError("the camera is away", fix="wait")
        return OpenedCamera(self)

    def trouble(self, name: str) -> None:
        """``lost``, ``stalled`` or ``resized``."""
        now_s = time.perf_counter()
        with self._lock:
            if name == "lost":
                self._away_until_s = now_s + _AWAY_S
            elif name == "stalled":
                self._stalled_until_s = now_s + _STALL_S
            else:
                self._size = 1 - self._size

    @property
    def is_away(self) -> bool:
        """Unplugged now."""
        return time.perf_counter() < self._away_until_s

    def stall(self) -> None:
        """Wait while it stalls."""
        time.sleep(max(0.0, self._stalled_until_s - time.perf_counter()))

    def picture(self, count: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR of its present size."""
        return self._pictures[self._size][count % _PICTURES]


class OpenedCamera:
    """It, while it is plugged in: a ``Device``."""

    fps = FPS

    def __init__(self, camera: TroubledCamera) -> None:
        self.label = "troubled camera"
        self._camera = camera
        self._next_s = time.perf_counter()
        self._count = 0

    def read(self) -> tuple[NDArray[np.uint8], float] | None:
        """See ``Device.read``."""
        if self._camera.is_away:
            return None
        self._camera.stall()
        now_s = time.perf_counter()
        self._next_s = max(self._next_s + 1 / FPS, now_s - 1 / FPS)
        time.sleep(max(0.0, self._next_s - now_s))
        self._count += 1
        return self._camera.picture(self._count), time.perf_counter()

    def close(self) -> None:
        """Nothing to release."""


def _drawn(size_hw: tuple[int, int]) -> list[NDArray[np.uint8]]:
    scene = DemoScene(size_hw=size_hw, persons=2)
    empty = DemoScene(size_hw=size_hw, persons=1)
    room = np.full_like(empty.draw(0), 90)
    return [scene.draw(i) if i < _PICTURES - _EMPTY else room for i in range(_PICTURES)]
