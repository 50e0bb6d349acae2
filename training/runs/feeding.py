"""Where a run's batches come from: processes beside it, or pictures on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
        is_stopping: Asked while pictures are decoded: whether to give up.
    """

    def __init__(
        self, workers: int | None, device: torch.device, is_stopping: Callable[[], bool]
    ) -> None:
        self._workers = workers
        self._device = device
        self._is_stopping = is_stopping
        self._sets: list[PoseDataset] = []
        self._pictures: Pictures | None = None

    @property
    def is_resident(self) -> bool:
        """Whether the pictures are kept on the device."""
        return self._workers is None

    def batches(self, batches: Batches, *, first: int, last: int) -> Iterator[Batch]:
        """Batches ``first`` to ``last - 1`` of a stage, in order.

        Pictures are decoded before this returns, not with the first batch, whose time would
        not be that of a step. There are no batches if the run is stopped meanwhile.

        Args:
            batches: Those of the stage.
            first: First step.
            last: Step before which to end.

        Raises:
            SteadyposeError: An error in the data, or the device has too little memory.
        """
        if self._workers is not None:
            return load_batches(batches, first=first, last=last, workers=self._workers)
        pictures = self._keep(batches.datasets) if first < last else None
        if pictures is None:
            return iter(())
        made = ResidentBatches(batches, pictures)
        return (made[step] for step in range(first, last))

    def _keep(self, datasets: list[PoseDataset]) -> Pictures | None:
        """The pictures of a stage; those of the stage before, if its data sets are the same.

        None: the run is stopping.
        """
        is_same = len(datasets) == len(self._sets) and all(
            a is b for a, b in zip(datasets, self._sets, strict=True)
        )
        if self._pictures is None or not is_same:
            self._pictures = None  # before the next: the device need not hold both
            tell(f"note: decoding pictures of {sum(map(len, datasets))} people...")
            self._pictures = load_pictures(datasets, self._device, self._is_stopping)
            if self._pictures is None:
                return None
            self._sets = list(datasets)
            count, size = len(self._pictures.starts), self._pictures.gigabytes
            tell(f"note: pictures of {count} people take {size:.2g} GB of the {self._device}")
        return self._pictures
