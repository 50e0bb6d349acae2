"""Several pictures in one window: each source leaves its newest, the main thread shows them."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.app.display import Display, Seen

_WIDEST_PX = 1920


class Tile:
    """A display as one source sees it; nothing here waits for the screen."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.picture: NDArray[np.uint8] | None = None
        self.seen: Seen | None = None
        self.keys: list[str] = []

    @property
    def is_window(self) -> bool:
        """See ``Display.is_window``."""
        return self._grid.window.is_window

    @property
    def is_lost(self) -> bool:
        """See ``Display.is_lost``."""
        return self._grid.window.is_lost

    def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
        """See ``Display.show``."""
        with self._grid.news:
            self.picture, self.seen = image_bgr, seen
            self._grid.news.notify()

    def pressed(self) -> list[str]:
        """See ``Display.pressed``."""
        with self._grid.news:
            keys, self.keys = self.keys, []
        return keys

    def close(self) -> None:
        """See ``Display.close``; the grid closes the window."""


class Grid:
    """The window; only the main thread calls its methods.

    Args:
        window: Owned.
        names: Of the sources, which are written into their pictures.
    """

    def __init__(self, window: Display, names: Sequence[str]) -> None:
        self.window = window
        self.news = threading.Condition()
        self._names = tuple(names)
        self.tiles = [Tile(self) for _ in names]

    def serve(self, timeout_s: float) -> None:
        """Show what is new, and hand keys to all sources; waits for something to show."""
        with self.news:
            if not any(tile.seen for tile in self.tiles):
                self.news.wait(timeout_s)
            seen = [tile.seen for tile in self.tiles if tile.seen is not None]
            for tile in self.tiles:
                tile.seen = None
            pictures = [tile.picture for tile in self.tiles]
        if not self.window.is_window:
            return
        if seen:
            self.window.show(compose(pictures, self._names), partial(_all, seen))
        keys = self.window.pressed()
        with self.news:
            for tile in self.tiles:
                tile.keys += keys

    def close(self) -> None:
        """Remove the window."""
        self.window.close()


def _all(seen: Sequence[Seen]) -> None:
    for done in seen:
        done()


def compose(
    pictures: Sequence[NDArray[np.uint8] | None], names: Sequence[str]
) -> NDArray[np.uint8]:
    """One picture of several: as square as it goes, each as large as it fits, names on top.

    Args:
        pictures: (H, W, 3) each; None where there is none yet.
        names: Of each.

    Returns:
        (H, W, 3) uint8, at most 1920 pixels wide.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sizes = [picture.shape[:2] for picture in pictures if picture is not None] or [(360, 640)]
    width = min(max(w for _, w in sizes), _WIDEST_PX // columns)
    height = max(1, *(round(h * width / w) for h, w in sizes))
    canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        y, x = number // columns * height, number % columns * width
        cell = canvas[y : y + height, x : x + width]
        if picture is not None:
            high = max(1, round(picture.shape[0] * width / picture.shape[1]))
            cell[:high] = cv2.resize(picture, (width, high), interpolation=cv2.INTER_AREA)
        at = (width - 12 - 9 * len(name), 20)
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(cell, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
    return canvas
