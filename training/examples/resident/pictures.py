"""Keep all pictures of data sets on the device, decoded, with smaller versions of each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from steadypose.engines.errors import SourceError, UsageError
from training.examples.augment import halve
from training.examples.resident.people import People, Whole, people_of
from training.examples.sample import PoseDataset, Sample, usable

_NOTHING: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)
_FIX = "leave out --resident, or take smaller or fewer pictures"


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Every usable person of several data sets, with pixels on a device.

    All pictures lie in one buffer, row by row, each followed by its halves, quarters and so on
    down to one pixel: a crop is cut from the version that is closest to its own size, as on the
    host. That takes four bytes for every pixel of the pictures.

    Attributes:
        pixels: (P, 3) uint8 BGR on the device.
        starts: (N, L) int64, where a person's picture begins in ``pixels``, by halvings; after
            the smallest version that one is repeated.
        sizes_hw: (N, L, 2) int64, pixels.
        people: The N labels.
        rows: For each data set (rows,) int64: which of the N a row is. One without a usable
            label is the next that has one.
    """

    pixels: Tensor
    starts: Whole
    sizes_hw: Whole
    people: People
    rows: Sequence[Whole]

    @property
    def gigabytes(self) -> float:
        """Memory that the pixels take."""
        return len(self.pixels) * 3 / 1e9


def load_pictures(datasets: Sequence[PoseDataset], device: torch.device) -> Pictures:
    """Decode all pictures of data sets, and move them to a device.

    The host needs their memory once, too, while they are decoded.

    Raises:
        SourceError: A picture is broken, or a data set has no usable person.
        UsageError: The device has too little memory.
    """
    samples: list[Sample] = []
    rows, flat, tables = [], _Flat(), []
    for dataset in datasets:
        at = np.full(len(dataset), -1, np.int64)
        for row, sample in usable(dataset, range(len(dataset))):
            at[row] = len(samples)
            tables.append(flat.add(sample.image_bgr))
            samples.append(replace(sample, image_bgr=_NOTHING))
        rows.append(_filled(at, dataset.name))
    most = max(len(table) for table in tables)
    whole = np.array([[*table, *[table[-1]] * (most - len(table))] for table in tables], np.int64)
    sizes = [(int(height), int(width)) for _, height, width in whole[:, 0]]
    return Pictures(flat.on(device), whole[..., 0], whole[..., 1:], people_of(samples, sizes), rows)


def _filled(at: Whole, name: str) -> Whole:
    """Let rows without a person (-1) be the next that has one, as ``usable_from`` does."""
    has = np.flatnonzero(at >= 0)
    if not has.size:
        raise SourceError(
            f"data set {name} has no person with a usable label", fix="check its labels"
        )
    following = np.searchsorted(has, np.arange(len(at))) % len(has)
    filled: Whole = at[has[following]]
    return filled


class _Flat:
    """Pixels of pictures one after the other; the same picture (of several people) once."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint8]] = []
        self._known: dict[bytes, list[tuple[int, int, int]]] = {}
        self._count = 0

    def add(self, image: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
        """Where a picture and its smaller versions begin, with their heights and widths."""
        image = np.ascontiguousarray(image)
        key = hashlib.sha256(image.tobytes() + str(image.shape).encode()).digest()
        if key in self._known:
            return self._known[key]
        table = []
        while True:
            height, width = image.shape[:2]
            table.append((self._count, height, width))
            self._parts.append(image.reshape(-1, 3))
            self._count += height * width
            if max(height, width) == 1:
                break
            image = halve(image)
        self._known[key] = table
        return table

    def on(self, device: torch.device) -> Tensor:
        """(P, 3) uint8 on a device; what was collected is freed on the way."""
        try:
            pixels = torch.empty((self._count, 3), dtype=torch.uint8, device=device)
            at = 0
            self._parts.reverse()
            while self._parts:
                piece = [self._parts.pop() for _ in range(min(1024, len(self._parts)))]
                part = torch.from_numpy(np.concatenate(piece))
                pixels[at : at + len(part)] = part.to(device)
                at += len(part)
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, RuntimeError) and "allocate" not in str(error):
                raise
            raise UsageError(
                f"{self._count * 3 / 1e9:.1f} GB of pictures do not fit on the device {device}",
                fix=_FIX,
            ) from error
        return pixels
