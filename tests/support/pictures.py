"""Compare an image with a small committed reference: shapes, colours and texts.

Shapes are compared by the mean colour of small squares, texts by their bounding boxes, since
OpenCV 5 draws other letters than OpenCV 4. POSE_TEST_REDRAW=1 pytest ... rewrites the references
in tests/support/references; look at them before committing them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.drawn import look_at, write_picture

REFERENCES = Path(__file__).with_name("references")
_CELL = 8  # pixels
_INK = 130  # brighter pixels are letters: backgrounds are darker, and soft edges count
_LEAST_OVERLAP = 0.6  # letters of OpenCV 5 are a fifth narrower
_MOST_INK = 2.2  # and bolder


def is_redrawing() -> bool:
    """Whether to write the references instead of comparing with them."""
    return os.environ.get("POSE_TEST_REDRAW") == "1"


def cells(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean colour of every square, one pixel each."""
    rows, columns = image.shape[0] // _CELL, image.shape[1] // _CELL
    whole = image[: rows * _CELL, : columns * _CELL].astype(np.float64)
    means = whole.reshape(rows, _CELL, columns, _CELL, 3).mean(axis=(1, 3))
    return np.rint(means).astype(np.uint8)


def assert_alike(seen: NDArray[np.uint8], known: NDArray[np.uint8], *, most: int) -> None:
    """Compare ``cells``; up to ``most`` levels of difference are allowed for soft edges."""
    assert seen.shape == known.shape
    apart = np.abs(seen.astype(int) - known.astype(int)).max(axis=2)
    wrong = np.argwhere(apart > most)
    differences = ", ".join(
        f"at x {x * _CELL}, y {y * _CELL} BGR {seen[y, x].tolist()}, not {known[y, x].tolist()}"
        for y, x in wrong[:5]
    )
    assert not len(wrong), f"{len(wrong)} places look different: {differences}"


def assert_looks_like(image: NDArray[np.uint8], name: str, *, most: int = 7) -> None:
    """Compare shapes and colours with a committed picture."""
    path = REFERENCES / f"{name}.png"
    if is_redrawing():
        write_picture(path, cells(image))
        pytest.skip(f"wrote {path}")
    known: NDArray[np.uint8] = look_at(path)
    assert_alike(cells(image), known, most=most)


@dataclass(frozen=True, slots=True)
class Block:
    """A text or shape that stands alone on an even background.

    Attributes:
        x: Left edge, pixels.
        y: Upper edge.
        width: Pixels.
        height: Pixels.
        rows: Lines of letters.
        ink: Pixels of letters.
        box_bgr: Its colour between the letters.
    """

    x: int
    y: int
    width: int
    height: int
    rows: int
    ink: int
    box_bgr: tuple[int, int, int]

    def overlap(self, other: Block) -> float:
        """Shared area over covered area, 0 to 1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0, across) * max(0, down)
        areas = self.width * self.height + other.width * other.height
        return shared / (areas - shared)


def ink_of(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mask of letters."""
    is_ink: NDArray[np.bool_] = image.min(axis=2) > _INK
    return is_ink


def ink_sum(image: NDArray[np.uint8]) -> float:
    """How much ink there is, in grey levels."""
    return float(image.astype(float)[ink_of(image)].sum())


def extent(is_part: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a (H, W) mask, the last ones within."""
    ys, xs = np.nonzero(is_part)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def blocks(image: NDArray[np.uint8], ground_bgr: tuple[int, int, int]) -> list[Block]:
    """Find the texts and shapes, from top to bottom and left to right."""
    mask = (image != ground_bgr).any(axis=2)
    # A letter that sticks out belongs to its box.
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(near)
    found = []
    for label in range(1, count):
        ys, xs = np.nonzero((labels == label) & mask)
        top, left = int(ys.min()), int(xs.min())
        inside = image[top : ys.max() + 1, left : xs.max() + 1]
        ink = ink_of(inside)
        rows = np.diff(ink.any(axis=1).astype(int), prepend=0)
        b, g, r = np.median(inside[~ink], axis=0).astype(int).tolist()
        height, width = ink.shape
        found.append(
            Block(left, top, width, height, int((rows > 0).sum()), int(ink.sum()), (b, g, r))
        )
    return sorted(found, key=lambda block: (block.y // 4, block.x))


def assert_written_like(found: Sequence[Block], name: str) -> None:
    """Compare positions, lines and ink of texts with a committed list."""
    path = REFERENCES / f"{name}.json"
    if is_redrawing():
        lines = ",\n".join(json.dumps(asdict(block)) for block in found)
        path.write_text(f"[\n{lines}\n]\n")
        pytest.skip(f"wrote {path}")
    known = [Block(**entry) for entry in json.loads(path.read_text())]
    assert len(found) == len(known), found
    for seen, wanted in zip(found, known, strict=True):
        assert seen.overlap(wanted) > _LEAST_OVERLAP, (seen, wanted)
        assert seen.rows == wanted.rows, (seen, wanted)
        assert wanted.ink / _MOST_INK <= seen.ink <= wanted.ink * _MOST_INK, (seen, wanted)
        np.testing.assert_allclose(seen.box_bgr, wanted.box_bgr, atol=6)
