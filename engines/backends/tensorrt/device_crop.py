"""Crops cut by the GPU out of uploaded frames: the kernel ``device_crop.cu``.

Of each frame only the part that its crops cover is uploaded, with the places before it, all frames
of a batch in one copy. Two pinned blocks take turns, so that the next frame can be laid into one
while the GPU reads the other. They grow with the frames and are freed with ``CudaMemory``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import Bytes, CudaMemory
from steadypose.engines.base import Uncut

SOURCE = Path(__file__).with_suffix(".cu")
KERNEL = "cut_crops"
THREADS = (16, 8)
"""Of a block: crop pixels across and down."""

_PLACE_BYTES = 5 * 4
_ALIGNED = 256


@dataclass(slots=True)
class _Block:
    """Pinned memory, and as much on the GPU."""

    host: Bytes
    device: int
    filled: int = 0  # how often it was, so that what lies there can be told from what did


@dataclass(frozen=True, slots=True)
class _Part:
    """One frame in a block: offsets in bytes, and the size of what was uploaded of it."""

    places: int
    pixels: int
    size_hw: tuple[int, int]
    count: int


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch in pinned memory, ready for the GPU."""

    block: _Block
    filled: int
    size: int
    parts: tuple[_Part, ...]


class DeviceCrops:
    """Cuts the crops of an engine.

    Args:
        image: The compiled kernel.
        crop_hw: Size of the crops, pixels.
        driver: Of CUDA.
        memory: Buffers and the stream.

    Raises:
        EngineError: The driver refuses the kernel.
    """

    def __init__(
        self, image: bytes, crop_hw: tuple[int, int], *, driver: CudaDriver, memory: CudaMemory
    ) -> None:
        self._driver, self._memory, self.crop_hw = driver, memory, crop_hw
        self._module = driver.load_module(image)
        try:
            self._kernel = driver.kernel(self._module, KERNEL)
        except BaseException:
            driver.free_module(self._module)
            raise
        self._blocks = [_Block(np.empty(0, np.uint8), 0) for _ in range(2)]
        self._taken = 0  # the one that the GPU may be reading
        height, width = crop_hw
        self._grid = (-(-width // THREADS[0]), -(-height // THREADS[1]))
        self._values = (
            *(ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p()),
            *(ctypes.c_void_p(), ctypes.c_int(height), ctypes.c_int(width)),
        )

    def stage(self, parts: Sequence[Uncut]) -> Staged:
        """Lay what the GPU needs of some frames into pinned memory.

        Raises:
            EngineError: There is no memory for frames of this size.
        """
        boxes = [_places(part) for part in parts]
        regions = [
            _region(part.image_bgr.shape[:2], each) for part, each in zip(parts, boxes, strict=True)
        ]
        told, size = [], 0
        for part, (rows, columns) in zip(parts, regions, strict=True):
            size_hw = (rows.stop - rows.start, columns.stop - columns.start)
            pixels = size + _aligned(_PLACE_BYTES * len(part))
            told.append(_Part(size, pixels, size_hw, len(part)))
            size = pixels + _aligned(3 * size_hw[0] * size_hw[1])
        block = self._next(size, sum(_whole(part) for part in parts))
        for part, each, (rows, columns), lain in zip(parts, boxes, regions, told, strict=True):
            each[:, :2] -= columns.start, rows.start
            block.host[lain.places :][: each.nbytes].view(np.int32)[:] = each.reshape(-1)
            height, width = lain.size_hw
            there = block.host[lain.pixels :][: 3 * height * width].reshape(height, width, 3)
            np.copyto(there, part.image_bgr[rows, columns])
        block.filled += 1
        return Staged(block, block.filled, size, tuple(told))

    def holds(self, staged: Staged | None) -> bool:
        """Whether a batch still lies where it was laid."""
        return (
            staged is not None
            and any(staged.block is block for block in self._blocks)
            and staged.filled == staged.block.filled
        )

    def queue(self, staged: Staged, out: int) -> None:
        """Queue the upload, and the cutting of all crops, on the stream.

        Args:
            staged: What ``stage`` returned last; the batch before has been waited for.
            out: Address on the GPU of the (N, h, w, 3) crops.

        Raises:
            EngineError: The driver refuses.
        """
        block, (height, width) = staged.block, self.crop_hw
        self._taken = next(n for n, each in enumerate(self._blocks) if each is block)
        self._memory.upload(block.device, block.host[: staged.size])
        frame, frame_h, frame_w, places, crops = self._values[:5]
        for part in staged.parts:
            frame.value, places.value = block.device + part.pixels, block.device + part.places
            (frame_h.value, frame_w.value), crops.value = part.size_hw, out
            self._driver.launch_kernel(
                self._kernel,
                (*self._grid, part.count),
                (*THREADS, 1),
                self._memory.stream,
                self._values,
            )
            out += 3 * part.count * height * width

    def free(self) -> None:
        """Unload the kernel."""
        self._driver.free_module(self._module)

    def _next(self, size: int, whole: int) -> _Block:
        """The block that the GPU does not read, large enough wherever crops will lie."""
        free = 1 - self._taken
        block = self._blocks[free]
        if block.host.size < size:
            # At least twice as much as before: all that is outgrown is no more than what is used.
            needed = max(size, whole, 2 * block.host.size)
            block = _Block(self._memory.host(needed), self._memory.device(needed))
            self._blocks[free] = block
        return block


def _places(part: Uncut) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    numbers = [(p.left, p.top, p.width, p.height, p.halvings) for p in part.places]
    return np.array(numbers, np.int32).reshape(-1, 5)


def _region(
    frame_hw: tuple[int, ...], boxes: np.ndarray[tuple[int, int], np.dtype[np.int32]]
) -> tuple[slice, slice]:
    """Rows and columns of the frame that the boxes cover; none where all lie outside."""
    first = np.maximum(boxes[:, :2].min(axis=0), 0)
    last = np.minimum((boxes[:, :2] + boxes[:, 2:4]).max(axis=0), frame_hw[1::-1])
    (x1, y1), (x2, y2) = first.tolist(), last.tolist()
    if x2 <= x1 or y2 <= y1:
        return slice(0, 0), slice(0, 0)
    return slice(y1, y2), slice(x1, x2)


def _whole(part: Uncut) -> int:
    """Bytes of a frame with all its places: what any later one of its size takes at most."""
    return _aligned(_PLACE_BYTES * max(len(part), 16)) + _aligned(part.image_bgr.size)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
