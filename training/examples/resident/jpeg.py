"""Compress crops on the device as JPEG would, without making files."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.examples import strengths
from training.examples.augment import Augment
from training.examples.resident.upload import on_device

# ITU-T T.81 (1992), tables K.1 and K.2.
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
)  # fmt: skip
_TO_YCC = ((0.114, 0.587, 0.299), (0.5, -0.331264, -0.168736), (-0.081312, -0.418688, 0.5))
_FROM_YCC = ((1.0, 1.772, 0.0), (1.0, -0.344136, -0.714136), (1.0, 0.0, 1.402))  # to B, G, R


class Jpeg:
    """Loses what a JPEG file loses.

    Brightness and colours (at half the size) are cut into 8x8 blocks, each block's cosine
    transform is rounded to multiples of the quality's table, and transformed back. What a file
    does besides costs no detail. It differs from OpenCV's by its roundings between the steps.

    Args:
        device: Where the crops are.

    Source:
        ITU-T T.81; the tables' scaling by quality: Independent JPEG Group's libjpeg.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        wave, at = np.mgrid[:8, :8]
        cosine = np.cos((2 * at + 1) * wave * math.pi / 16) / 2
        cosine[0] /= math.sqrt(2)
        self._cosine = self._tensor(cosine)
        self._tables = self._tensor((_LUMINANCE, _CHROMINANCE)).view(2, 8, 8)
        self._to_ycc, self._from_ycc = self._tensor(_TO_YCC), self._tensor(_FROM_YCC)

    def _tensor(self, values: object) -> Tensor:
        return on_device(np.array(values, np.float32), self._device)

    def disturb(self, crops: Tensor, augment: Augment, rng: np.random.Generator) -> None:
        """Compress some crops.

        Args:
            crops: (N, H, W, 3) float32 BGR, 0 to 255; modified.
            augment: Its probabilities.
            rng: Random numbers.
        """
        rows = np.flatnonzero(rng.random(len(crops)) < augment.jpeg)
        quality = rng.integers(*strengths.JPEG_QUALITY, len(rows))
        if rows.size:
            at = on_device(rows, self._device)
            crops[at] = self.compress(crops[at], self._tensor(quality))

    def compress(self, crops: Tensor, quality: Tensor) -> Tensor:
        """Compress every crop.

        Args:
            crops: (n, H, W, 3) float32 BGR, 0 to 255.
            quality: (n,) 1 to 100.

        Returns:
            (n, H, W, 3) float32 whole numbers, 0 to 255.
        """
        h, w = crops.shape[1:3]
        planes = (crops @ self._to_ycc.T).round().permute(0, 3, 1, 2)
        planes = functional.pad(planes, (0, -w % 16, 0, -h % 16), mode="replicate")
        scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
        tables = ((self._tables * scale[:, None, None, None] + 50) / 100).floor().clamp(1, 255)
        light = self._quantise(planes[:, :1] - 128, tables[:, :1]) + 128
        half = self._quantise(functional.avg_pool2d(planes[:, 1:], 2).round(), tables[:, 1:])
        colour = functional.interpolate(half, scale_factor=2, mode="bilinear")
        found = torch.cat((light, colour), dim=1)[:, :, :h, :w].permute(0, 2, 3, 1)
        return (found @ self._from_ycc.T).round().clamp(0, 255)

    def _quantise(self, planes: Tensor, tables: Tensor) -> Tensor:
        """Round the cosine transforms of (n, c, H, W) planes' blocks to (n, 1, 8, 8) steps."""
        n, c, h, w = planes.shape
        blocks = planes.reshape(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)
        steps = tables[:, :, None, None]
        waves = self._cosine @ blocks @ self._cosine.T
        kept = (waves / steps).round() * steps
        back = self._cosine.T @ kept @ self._cosine
        return back.transpose(3, 4).reshape(n, c, h, w).round()
