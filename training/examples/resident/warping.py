"""Cut the crops of a batch out of pictures that lie on the device."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from training.examples.resident.people import Whole
from training.examples.resident.pictures import Pictures
from training.examples.resident.placing import Placements
from training.examples.resident.upload import on_device


def warp_all(
    pictures: Pictures, rows: Whole, placements: Placements, *, size_hw: tuple[int, int]
) -> Tensor:
    """Cut N crops, as ``training.examples.augment.warp`` does.

    Args:
        pictures: On a device.
        rows: (N,) whose crops.
        placements: Theirs.
        size_hw: Crop height and width, pixels.

    Returns:
        (N, H, W, 3) uint8 BGR on the device; black outside the pictures. OpenCV 5 gives the same
        to a grey level; OpenCV 4 interpolates in 32 steps from pixel to pixel.
    """
    halvings = np.floor(np.log2(np.maximum(1.0, placements.scale))).astype(np.int64)
    halvings = np.minimum(halvings, pictures.starts.shape[1] - 1)
    step = (2.0**halvings)[:, None]
    offset = (placements.offset + 0.5) / step - 0.5
    matrix = np.concatenate((placements.linear.reshape(-1, 4) / step, offset), axis=1)
    device = pictures.pixels.device
    start = on_device(pictures.starts[rows, halvings], device)
    image_hw = on_device(pictures.sizes_hw[rows, halvings], device)
    return _sample(
        pictures.pixels,
        start[:, None, None],
        image_hw[:, :, None, None],
        on_device(matrix, device)[:, :, None, None],
        size_hw,
    )


def _sample(
    pixels: Tensor, start: Tensor, image_hw: Tensor, matrix: Tensor, size_hw: tuple[int, int]
) -> Tensor:
    """Interpolate between the four pixels around each place."""
    y = torch.arange(size_hw[0], device=pixels.device, dtype=torch.float32)[:, None]
    x = torch.arange(size_hw[1], device=pixels.device, dtype=torch.float32)
    height, width = image_hw[:, 0], image_hw[:, 1]
    at_x = matrix[:, 0] * x + matrix[:, 1] * y + matrix[:, 4]
    at_y = matrix[:, 2] * x + matrix[:, 3] * y + matrix[:, 5]
    left, above = at_x.floor(), at_y.floor()
    part_x, part_y = at_x - left, at_y - above
    column, row = left.to(torch.int64), above.to(torch.int64)
    found = torch.zeros((*at_x.shape, 3), device=pixels.device)
    for dy, dx in itertools.product((0, 1), (0, 1)):
        weight = (part_x if dx else 1 - part_x) * (part_y if dy else 1 - part_y)
        i, j = row + dy, column + dx
        is_inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        index = torch.where(is_inside, start + i * width + j, 0)
        found.addcmul_(pixels[index].to(torch.float32), (weight * is_inside)[..., None])
    return found.round_().to(torch.uint8)
