"""Change the colours of a batch on the device, and cover parts: ``training.examples.disturb``'s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.examples import strengths
from training.examples.augment import Augment
from training.examples.resident.people import Bools, Floats, Whole
from training.examples.resident.upload import on_device


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """How the colours of N crops are changed, drawn on the host.

    Attributes:
        gain: (N, 3) of the channels.
        brightness: (N,) grey levels to add.
        is_grey: (N,) without colour.
        noise: (N,) standard deviation, grey levels; 0: none.
    """

    gain: Floats
    brightness: Floats
    is_grey: Bools
    noise: Floats

    def of(self, rows: Whole) -> Colours:
        """Those of some crops, in this order."""
        return Colours(self.gain[rows], self.brightness[rows], self.is_grey[rows], self.noise[rows])


def draw_colours(count: int, augment: Augment, rng: np.random.Generator) -> Colours:
    """Choose the changes of N crops."""
    s = augment.colour
    gain = 1 + s * rng.uniform(*strengths.GAIN, (count, 1))
    gain = gain * (1 + s * rng.uniform(*strengths.CHANNEL_GAIN, (count, 3)))
    noise = rng.uniform(*strengths.NOISE, count)
    return Colours(
        gain=gain,
        brightness=s * rng.uniform(*strengths.BRIGHTNESS, count),
        is_grey=rng.random(count) < augment.grey,
        noise=np.where(rng.random(count) < augment.noise, noise, 0.0),
    )


def recolour(crops: Tensor, colours: Colours, numbers: torch.Generator | None) -> Tensor:
    """Change the colours of N crops.

    Args:
        crops: (N, H, W, 3) float32, 0 to 255.
        colours: The N changes.
        numbers: Of the noise, on the crops' device; None: no noise.

    Returns:
        (N, H, W, 3) float32 whole numbers, 0 to 255; cut, not rounded, as on the host.
    """
    device = crops.device
    gain = on_device(colours.gain, device)
    more = on_device(colours.brightness, device)
    changed = crops * gain[:, None, None] + more[:, None, None, None]
    grey = on_device(np.flatnonzero(colours.is_grey), device)
    changed[grey] = changed[grey].mean(dim=3, keepdim=True).expand(-1, -1, -1, 3)
    noisy = np.flatnonzero(colours.noise)
    if numbers is not None and noisy.size:
        strength = on_device(colours.noise[noisy], device)
        shape = (len(noisy), *crops.shape[1:])
        noise = torch.randn(shape, generator=numbers, device=device)
        at = on_device(noisy, device)
        changed[at] += noise * strength[:, None, None, None]
    return changed.clamp_(0, 255).floor_()


def cover(crops: Tensor, colours: Colours, augment: Augment, rng: np.random.Generator) -> None:
    """Cover a rectangle of some crops with a piece of one before them in the batch.

    The piece has that crop's changed colours, but not its blur, noise, compression and cover.

    Args:
        crops: (N, H, W, 3) float32, 0 to 255; modified.
        colours: The N crops' changes.
        augment: Its probabilities.
        rng: Random numbers.
    """
    n, h, w, _ = crops.shape
    rows = np.flatnonzero(rng.random(n) < augment.occluder)
    if not rows.size:
        return
    other = (rng.random(len(rows)) * np.maximum(rows, 1)).astype(np.int64)
    side = np.array((h, w))[:, None]
    box = (side * rng.uniform(*strengths.COVER, (2, len(rows)))).astype(np.int64)
    at, origin = (rng.random((2, 2, len(rows))) * (side - box)).astype(np.int64)
    device = crops.device
    top_left, size, begin = (on_device(v, device)[..., None] for v in (at, box, origin))
    texture = crops[on_device(other, device)]
    is_first = on_device(rows == 0, device)[:, None, None, None]
    texture = torch.where(is_first, texture, recolour(texture, colours.of(other), None))
    y, x = torch.arange(h, device=device), torch.arange(w, device=device)
    i, j = (
        (y - top_left[0] + begin[0]).clamp(0, h - 1),
        (x - top_left[1] + begin[1]).clamp(0, w - 1),
    )
    which = torch.arange(len(rows), device=device)[:, None, None]
    piece = texture[which, i[:, :, None], j[:, None, :]]
    in_rows = (y >= top_left[0]) & (y < top_left[0] + size[0])
    in_columns = (x >= top_left[1]) & (x < top_left[1] + size[1])
    is_covered = (in_rows[:, :, None] & in_columns[:, None, :])[..., None]
    chosen = on_device(rows, device)
    crops[chosen] = torch.where(is_covered, piece, crops[chosen])
