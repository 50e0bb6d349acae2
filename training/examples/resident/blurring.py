"""Blur crops on the device: shrunk and enlarged, or smeared by motion."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.examples import strengths
from training.examples.augment import Augment
from training.examples.disturb import smear_kernel
from training.examples.resident.people import Whole
from training.examples.resident.upload import on_device

Matrices = NDArray[np.float32]
_TURNS = 64  # directions of motion that are told apart


class Blurs:
    """What ``training.examples.disturb`` does to sharpness, as products with prepared tensors.

    To shrink and to enlarge are both linear: for every width of the small crop there is one
    matrix for the rows and one for the columns. (OpenCV rounds to whole grey levels between the
    two.) Motion has 64 directions for each length.

    Args:
        size_hw: Crop height and width, pixels.
        device: Where the crops are.
    """

    def __init__(self, size_hw: tuple[int, int], device: torch.device) -> None:
        h, w = size_hw
        low, high = (max(strengths.LEAST_SHRUNK_PX, int(w * s)) for s in strengths.SHRINK)
        widths = range(low, high + 1)
        self._device = device
        self._width = w
        self._narrowest = low
        self._across = _stack([shrinking(w, small) for small in widths], device)
        self._down = _stack([shrinking(h, small * h // w) for small in widths], device)
        first, end = strengths.smear_lengths(w)
        self._lengths = (first, end)
        turns = np.arange(_TURNS) * math.pi / _TURNS
        kernels = [
            _centred(smear_kernel(length, turn), end - 1)
            for length in range(first, end)
            for turn in turns
        ]
        self._kernels = _stack(kernels, device)

    def blur(self, crops: Tensor, augment: Augment, rng: np.random.Generator) -> None:
        """Blur some crops.

        Args:
            crops: (N, H, W, 3) float32 whole numbers, 0 to 255; modified.
            augment: Its probabilities.
            rng: Random numbers.
        """
        rows = np.flatnonzero(rng.random(len(crops)) < augment.blur)
        is_shrunk = rng.random(len(rows)) < strengths.SHRUNK_SHARE
        share, drawn, turn = (rng.random(len(rows)) for _ in range(3))
        low, high = strengths.SHRINK
        small = (self._width * (low + (high - low) * share)).astype(np.int64)
        small = np.maximum(strengths.LEAST_SHRUNK_PX, small) - self._narrowest
        first, end = self._lengths
        length = (drawn * (end - first)).astype(np.int64)
        kernel = length * _TURNS + (turn * _TURNS).astype(np.int64)
        self._change(crops, rows[is_shrunk], small[is_shrunk], self._resize)
        self._change(crops, rows[~is_shrunk], kernel[~is_shrunk], self._smear)

    def _change(
        self,
        crops: Tensor,
        rows: Whole,
        which: Whole,
        change: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        if not rows.size:
            return
        at, index = (on_device(v, self._device) for v in (rows, which))
        planes = change(crops[at].permute(0, 3, 1, 2), index)
        crops[at] = planes.permute(0, 2, 3, 1).round().clamp(0, 255)

    def _resize(self, planes: Tensor, which: Tensor) -> Tensor:
        """(n, 3, H, W) shrunk and enlarged, each with a pair of matrices."""
        return self._down[which][:, None] @ planes @ self._across[which][:, None].mT

    def _smear(self, planes: Tensor, which: Tensor) -> Tensor:
        """(n, 3, H, W) each with a kernel of its own; beyond the edge lies its mirror image."""
        n, _, h, w = planes.shape
        kernels = self._kernels[which].repeat_interleave(3, dim=0)[:, None]
        longest = kernels.shape[-1]
        before, after = longest // 2, longest - 1 - longest // 2
        padded = functional.pad(planes, (before, after, before, after), mode="reflect")
        flat = padded.reshape(1, n * 3, *padded.shape[2:])
        return functional.conv2d(flat, kernels, groups=n * 3).view(n, 3, h, w)


def _stack(matrices: list[Matrices], device: torch.device) -> Tensor:
    return on_device(np.stack(matrices), device)


def _centred(kernel: Matrices, longest: int) -> Matrices:
    """Pad a kernel so that its anchor is ``longest // 2``."""
    before = longest // 2 - len(kernel) // 2
    after = longest - len(kernel) - before
    return np.pad(kernel, ((before, after), (before, after)))


def shrinking(length: int, small: int) -> Matrices:
    """Shrink a line by areas, then enlarge it between pixel centres, as one matrix.

    Args:
        length: Of the line, pixels.
        small: Of the shrunk line; less.

    Returns:
        (length, length) float32.
    """
    factor = length / small
    ends = np.arange(small + 1) * factor
    pixel = np.arange(length)
    low = np.maximum(ends[:-1, None], pixel)
    high = np.minimum(ends[1:, None], pixel + 1)
    areas = np.maximum(high - low, 0.0) / factor
    at = np.clip((pixel + 0.5) / factor - 0.5, 0, small - 1)
    near = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(small)))
    return (near @ areas).astype(np.float32)
