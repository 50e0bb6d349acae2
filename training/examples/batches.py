"""Make batches by step number: a step always has the same batch."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from steadypose.engines.errors import EngineError, SteadyposeError, UsageError
from steadypose.engines.options import usable_cpus
from training.examples.augment import (
    Augment,
    end_frame,
    is_beyond,
    place_randomly,
    warp,
)
from training.examples.disturb import disturb
from training.examples.sample import PoseDataset, usable_from

FAR = -1e4
"""Crop pixels: position of keypoints known to be beyond the frame, too far away for a
Gaussian to reach the crop."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Augmented crops with their keypoints.

    Attributes:
        crops: (N, H, W, 3) uint8 BGR.
        xy: (N, K, 2) float32 crop pixels.
        is_known: (N, K) bool.
        clean: (N, H, W, 3) uint8, the crops before their colours were changed and parts
            covered: input of a teacher; none if not requested.
        is_by_people: (N, K) bool, labelled by people; likewise.
    """

    crops: torch.Tensor
    xy: torch.Tensor
    is_known: torch.Tensor
    clean: torch.Tensor | None = None
    is_by_people: torch.Tensor | None = None

    def pin_memory(self) -> Batch:
        """Move to page-locked memory, from which a GPU copies asynchronously."""
        return self._each(lambda tensor: tensor.pin_memory())

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        tensors = (getattr(self, field.name) for field in fields(self))
        return Batch(*(None if tensor is None else change(tensor) for tensor in tensors))


def split_batch(shares: Sequence[float], batch: int) -> list[int]:
    """Number of a batch's examples from each data set, by largest remainder."""
    exact = np.array(shares) / sum(shares) * batch
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: batch - int(counts.sum())]:
        counts[index] += 1
    if not counts.all():
        raise UsageError(
            f"a data set with share {shares[int(np.argmin(counts))]} gets no place in a batch of "
            f"{batch}",
            fix="raise its share, or the batch",
        )
    return [int(count) for count in counts]


class Batches(Dataset[Batch | SteadyposeError]):
    """All batches of a stage, made on demand.

    Each pass over a data set has a new random order; the number of passes depends on
    its share. Element n depends only on n and the seed, so training can stop and
    continue anywhere, with any number of workers.

    Args:
        datasets: All in the same skeleton.
        shares: Part of the batch for each.
        batch: Examples per batch.
        size_hw: Crop size, pixels.
        padding: Box factor.
        augment: Strengths of the augmentations.
        seed: Of order and augmentation.
        has_clean: Also return the crops for a teacher, unchanged in colour.

    Attributes:
        datasets: As given, and so are all others.
    """

    def __init__(
        self,
        datasets: Sequence[PoseDataset],
        *,
        shares: Sequence[float],
        batch: int,
        size_hw: tuple[int, int],
        padding: float,
        augment: Augment,
        seed: int,
        has_clean: bool = False,
    ) -> None:
        self.has_clean = has_clean
        self.datasets = list(datasets)
        self._counts = split_batch(shares, batch)
        self.size_hw = size_hw
        self.padding = padding
        self.augment = augment
        self.seed = seed
        self._orders: dict[int, tuple[int, NDArray[np.int64]]] = {}

    @property
    def steps_per_epoch(self) -> float:
        """Steps of one pass over the first data set."""
        return len(self.datasets[0]) / max(1, self._counts[0])

    def rows(self, step: int) -> list[tuple[int, int]]:
        """(data set, row) of every example of a step."""
        found = []
        for which, (dataset, count) in enumerate(zip(self.datasets, self._counts, strict=True)):
            for n in range(step * count, (step + 1) * count):
                turn, place = divmod(n, len(dataset))
                found.append((which, int(self._order(which, turn)[place])))
        return found

    def _order(self, which: int, turn: int) -> NDArray[np.int64]:
        known = self._orders.get(which)
        if known is None or known[0] != turn:
            rng = np.random.default_rng((self.seed, which, turn))
            known = turn, rng.permutation(len(self.datasets[which]))
            self._orders[which] = known
        return known[1]

    def __getitem__(self, step: int) -> Batch | SteadyposeError:
        """Make one batch; an error in the data is returned, to be raised by the caller.

        (A worker process could only pass on its text.)
        """
        rng = np.random.default_rng((self.seed, 1 << 20, step))
        crops: list[NDArray[np.uint8]] = []
        clean: list[NDArray[np.uint8]] = []
        points, known, by_people = [], [], []
        try:
            for which, row in self.rows(step):
                dataset = self.datasets[which]
                sample = usable_from(dataset, row)
                placement = place_randomly(
                    sample,
                    dataset.skeleton,
                    size_hw=self.size_hw,
                    padding=self.padding,
                    augment=self.augment,
                    rng=rng,
                )
                crop, xy, is_known = warp(sample, placement, dataset.skeleton, size_hw=self.size_hw)
                # Known, but outside the image: an empty heatmap, wherever the crop lies.
                xy[is_known & is_beyond(sample, placement, dataset.skeleton)] = FAR
                xy[is_known & end_frame(crop, xy, self.augment, rng)] = FAR
                if self.has_clean:
                    clean.append(crop.copy())
                    order = list(dataset.skeleton.flip_order)
                    people = sample.is_counted[order] if placement.is_flipped else sample.is_counted
                    by_people.append(people)
                other = crops[int(rng.integers(len(crops)))] if crops else crop.copy()
                crops.append(disturb(crop, other, self.augment, rng))
                points.append(xy)
                known.append(is_known)
        except SteadyposeError as error:
            return error
        return Batch(
            torch.from_numpy(np.stack(crops)),
            torch.from_numpy(np.stack(points)),
            torch.from_numpy(np.stack(known)),
            torch.from_numpy(np.stack(clean)) if clean else None,
            torch.from_numpy(np.stack(by_people)) if by_people else None,
        )


class _Packed(Dataset[Any]):
    """Batches as arrays, which processes hand over through a pipe.

    Tensors would go through shared memory, of which a container has 64 MB: where it ends, the
    worker loses the batch and the run waits for it for ever.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __getitem__(self, step: int) -> tuple[NDArray[Any] | None, ...] | SteadyposeError:
        batch = self._batches[step]
        if isinstance(batch, SteadyposeError):
            return batch
        tensors = (getattr(batch, field.name) for field in fields(batch))
        return tuple(None if tensor is None else tensor.numpy() for tensor in tensors)


def _as_it_is(item: Any) -> Any:
    """Instead of torch's own way, which makes tensors of arrays."""
    return item


def default_workers() -> int:
    """Processes that prepare batches: all cores but one, at most 12."""
    return max(1, min(12, usable_cpus() - 1))


def _start_worker(_: int) -> None:
    cv2.setNumThreads(1)
    # The parent decides when to stop: it finishes its step and saves first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def load_batches(batches: Batches, *, first: int, last: int, workers: int) -> Iterator[Batch]:
    """Batches ``first`` to ``last - 1`` in order, prepared ahead by other processes.

    Args:
        batches: The batches to make.
        first: First step.
        last: Step before which to end.
        workers: Processes; 0 prepares in this one, on demand.

    Raises:
        SteadyposeError: An error in the data.
    """
    loader = DataLoader(
        _Packed(batches),
        batch_size=None,
        collate_fn=_as_it_is,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        worker_init_fn=_start_worker,
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork beside threads; the workers only run OpenCV.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        try:
            items = iter(loader)  # the processes start here
        except OSError as error:
            raise EngineError(
                f"the data processes cannot start: {error.strerror}",
                fix="--workers 0 needs none, nor shared memory",
            ) from error
    try:
        for item in items:
            if isinstance(item, SteadyposeError):
                raise item
            batch = Batch(*(None if a is None else torch.from_numpy(a) for a in item))
            yield batch.pin_memory() if torch.cuda.is_available() else batch
    finally:
        # A traceback may keep this frame alive, and with it the processes, which ignore signals:
        # Python would then wait for them forever at exit.
        if workers:
            items._shutdown_workers()  # noqa: SLF001 - there is no public way


def worker_ended(error: RuntimeError) -> EngineError | None:
    """Error for a data process that died; None for other errors.

    torch raises it wherever the main thread happens to be.
    """
    if "DataLoader worker" not in str(error):
        return None
    return EngineError(
        f"a data process ended: {str(error).splitlines()[0]}",
        fix="start again from the last checkpoint, with --workers 0 if memory is short",
    )
