"""Make batches by step number on the device; a step always has the same batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.examples.batches import FAR, Batch, Batches
from training.examples.resident.blurring import Blurs
from training.examples.resident.colours import cover, draw_colours, recolour
from training.examples.resident.jpeg import Jpeg
from training.examples.resident.people import Bools, Floats, People, Whole
from training.examples.resident.pictures import Pictures
from training.examples.resident.placing import (
    Placements,
    are_beyond,
    are_cut,
    end_frames,
    mirrored,
    place_people,
)
from training.examples.resident.upload import on_device
from training.examples.resident.warping import warp_all


class ResidentBatches:
    """The batches of a stage, of the same people as ``Batches``, made on the device.

    Where people are placed and what is changed is drawn on the host, for a whole batch at once;
    all work on pixels is done on the device. Strengths and probabilities are those of
    ``training.examples.augment``, random numbers others, so batches are not those of the host.
    Element n depends only on n, the seed and the kind of device.

    Approximated: JPEG without a file, up to rounding (``Jpeg``); what covers a crop has its
    own changed colours, but not its own blur, noise and compression (``cover``); motion blur
    has 64 directions (``Blurs``).

    Args:
        batches: Which people a step has, and how they are changed.
        pictures: Of ``batches.datasets``, on the device.
    """

    def __init__(self, batches: Batches, pictures: Pictures) -> None:
        self._batches = batches
        self._pictures = pictures
        self._skeleton = batches.datasets[0].skeleton
        self._device = pictures.pixels.device
        self._blurs = Blurs(batches.size_hw, self._device)
        self._jpeg = Jpeg(self._device)

    def __getitem__(self, step: int) -> Batch:
        """Make one batch on the device."""
        plan, size_hw, device = self._batches, self._batches.size_hw, self._device
        rng = np.random.default_rng((plan.seed, 1 << 21, step))
        rows = np.array([self._pictures.rows[which][row] for which, row in plan.rows(step)])
        people = self._pictures.people.of(rows)
        placements = place_people(
            people,
            self._skeleton,
            size_hw=size_hw,
            padding=plan.padding,
            augment=plan.augment,
            rng=rng,
        )
        kept = end_frames(len(rows), size_hw=size_hw, augment=plan.augment, rng=rng)
        crops = warp_all(self._pictures, rows, placements, size_hw=size_hw)
        clean = self._blackened(crops, kept) if plan.augment.edge else crops
        xy, is_known = self._points(people, placements, kept)
        order = self._skeleton.flip_order
        by_people = mirrored(people.is_counted, placements.is_flipped, order)
        return Batch(
            self._disturbed(clean, rng),
            on_device(xy, device),
            on_device(is_known, device),
            clean if plan.has_clean else None,
            on_device(by_people, device) if plan.has_clean else None,
        )

    def _points(self, people: People, placements: Placements, kept: Whole) -> tuple[Floats, Bools]:
        """Keypoints in crop pixels, and which are known; in the crops' own left and right."""
        order, is_flipped = self._skeleton.flip_order, placements.is_flipped
        xy = mirrored(placements.to_crops(people.xy), is_flipped, order)
        is_known = mirrored(people.is_known, is_flipped, order)
        beyond = mirrored(are_beyond(people), is_flipped, order)
        beyond = beyond | are_cut(xy, kept, size_hw=self._batches.size_hw)
        # Known, but outside the image: an empty heatmap, wherever the crop lies.
        return np.where((is_known & beyond)[..., None], FAR, xy), is_known

    def _blackened(self, crops: Tensor, kept: Whole) -> Tensor:
        """Blacken what lies beyond the frames' ends."""
        h, w = self._batches.size_hw
        x1, y1, x2, y2 = on_device(kept, self._device).T[..., None]
        y, x = torch.arange(h, device=self._device), torch.arange(w, device=self._device)
        in_rows, in_columns = (y >= y1) & (y < y2), (x >= x1) & (x < x2)
        return crops * (in_rows[:, :, None] & in_columns[:, None, :])[..., None]

    def _disturbed(self, clean: Tensor, rng: np.random.Generator) -> Tensor:
        augment = self._batches.augment
        numbers = torch.Generator(self._device).manual_seed(int(rng.integers(2**62)))
        colours = draw_colours(len(clean), augment, rng)
        crops = clean.to(torch.float32)
        cover(crops, colours, augment, rng)
        self._blurs.blur(crops, augment, rng)
        crops = recolour(crops, colours, numbers)
        self._jpeg.disturb(crops, augment, rng)
        return crops.to(torch.uint8)
