"""Where a run's batches come from: processes beside it, or pictures on the device."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from steadypose.engines.wording.telling import tell
from training.examples.batches import Batch, Batches, load_batches
from training.examples.resident.batches import ResidentBatches
from training.examples.resident.pictures import Pictures, load_pictures
from training.examples.sample import PoseDataset


class Feed:
    """Makes the batches of a run's stages.

    Args:
        workers: Processes that prepare batches with OpenCV; 0: this one, on demand; None: all
            pictures of a stage are kept on the device, and batches are made there.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, workers: int | None, device: torch.device) -> None:
        self._workers = workers
        self._device = device
        self._sets: list[PoseDataset] = []
        self._pictures: Pictures | None = None

    @property
    def is_resident(self) -> bool:
        """Whether the pictures are kept on the device."""
        return self._workers is None

    def batches(self, batches: Batches, *, first: int, last: int) -> Iterator[Batch]:
        """Batches ``first`` to ``last - 1`` of a stage, in order.

        Args:
            batches: Those of the stage.
            first: First step.
            last: Step before which to end.

        Raises:
            SteadyposeError: An error in the data, or the device has too little memory.
        """
        if self._workers is not None:
            yield from load_batches(batches, first=first, last=last, workers=self._workers)
        elif first < last:
            made = ResidentBatches(batches, self._keep(batches.datasets))
            yield from (made[step] for step in range(first, last))

    def _keep(self, datasets: list[PoseDataset]) -> Pictures:
        """The pictures of a stage; those of the stage before, if its data sets are the same."""
        is_same = len(datasets) == len(self._sets) and all(
            a is b for a, b in zip(datasets, self._sets, strict=True)
        )
        if self._pictures is None or not is_same:
            self._pictures = None  # before the next: the device need not hold both
            self._pictures = load_pictures(datasets, self._device)
            self._sets = list(datasets)
            count, size = len(self._pictures.starts), self._pictures.gigabytes
            tell(f"note: pictures of {count} people take {size:.2g} GB of the {self._device}")
        return self._pictures
