"""Keep all pictures of data sets on the device, decoded, with smaller versions of each."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
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


def load_pictures(
    datasets: Sequence[PoseDataset],
    device: torch.device,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Pictures | None:
    """Decode all pictures of data sets, and move them to a device.

    A picture of several people is decoded for each of them, and kept once. The host needs the
    memory of all pictures, too, while they are decoded. Too many for a GPU are refused as soon
    as that is known: from the labels at once where they have the pictures' sizes (COCO's), or
    when what is decoded exceeds all its memory; those for which merely too little of it is
    free, and too many for a CPU's memory, only when it is full.

    Args:
        datasets: All in the same skeleton.
        device: Where to keep the pictures.
        is_stopping: Asked before each person: whether to give up.

    Returns:
        The pictures; None: given up.

    Raises:
        SourceError: A picture is broken, or a data set has no usable person.
        UsageError: The device or the host has too little memory.
    """
    flat, room = _Flat(), _memory_of(device)
    if room is not None:
        _check_fit(_labelled_pixels(datasets), room, device)
    samples: list[Sample] = []
    rows, tables = [], []
    try:
        for dataset in datasets:
            at = np.full(len(dataset), -1, np.int64)
            wanted = itertools.takewhile(lambda _: not is_stopping(), range(len(dataset)))
            for row, sample in usable(dataset, wanted):
                at[row] = len(samples)
                tables.append(flat.add(sample.image_bgr))
                samples.append(replace(sample, image_bgr=_NOTHING))
                if room is not None:
                    _check_fit(flat.count, room, device)
            if is_stopping():
                return None
            rows.append(_filled(at, dataset.name))
    except MemoryError as error:
        raise _no_fit(flat.count, "in the host's memory, and there are more") from error
    most = max(len(table) for table in tables)
    whole = np.array([[*table, *[table[-1]] * (most - len(table))] for table in tables], np.int64)
    sizes = [(int(height), int(width)) for _, height, width in whole[:, 0]]
    return Pictures(flat.on(device), whole[..., 0], whole[..., 1:], people_of(samples, sizes), rows)


def _memory_of(device: torch.device) -> int | None:
    """All bytes of a GPU, used or not; None: a CPU."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def _labelled_pixels(datasets: Sequence[PoseDataset]) -> int:
    """Pixels of the pictures whose sizes the labels have, without their smaller versions."""
    sizes = {
        label.picture: label.image_hw
        for dataset in datasets
        for label in dataset.labels()
        if label.picture is not None and label.image_hw is not None and label.is_known.any()
    }
    return sum(height * width for height, width in sizes.values())


def _check_fit(pixels: int, room: int, device: torch.device) -> None:
    if pixels * 3 > room:
        raise _no_fit(pixels, f"on the device {device}, and there are more")


def _no_fit(pixels: int, where: str) -> UsageError:
    return UsageError(f"{pixels * 3 / 1e9:.1f} GB of pictures do not fit {where}", fix=_FIX)


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
        self.count = 0

    def add(self, image: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
        """Where a picture and its smaller versions begin, with their heights and widths."""
        image = np.ascontiguousarray(image)
        key = hashlib.sha256(image.tobytes() + str(image.shape).encode()).digest()
        if key in self._known:
            return self._known[key]
        table = []
        while True:
            height, width = image.shape[:2]
            table.append((self.count, height, width))
            self._parts.append(image.reshape(-1, 3))
            self.count += height * width
            if max(height, width) == 1:
                break
            image = halve(image)
        self._known[key] = table
        return table

    def on(self, device: torch.device) -> Tensor:
        """(P, 3) uint8 on a device; what was collected is freed on the way."""
        try:
            pixels = torch.empty((self.count, 3), dtype=torch.uint8, device=device)
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
            raise _no_fit(self.count, f"on the device {device}") from error
        return pixels
