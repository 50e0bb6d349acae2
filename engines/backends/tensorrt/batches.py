"""Batch sizes that are ready before the first frame; others take the next larger one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from steadypose.engines.base import Uncut


def buckets(most: int) -> tuple[int, ...]:
    """1, 2, 4, 8 and so on, and the largest batch itself.

    Args:
        most: Largest batch of the profile, at least 1.
    """
    sizes = [1]
    while sizes[-1] * 2 < most:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if sizes[-1] == most else (*sizes, most)


def bucket_of(batch: int, sizes: Sequence[int]) -> int:
    """The smallest of the sizes that holds a batch."""
    return next(size for size in sizes if size >= batch)


def in_batches(parts: Sequence[Uncut], most: int) -> Iterator[list[Uncut]]:
    """Parts of at most so many crops together, in order; what fits as a whole stays whole."""
    batch: list[Uncut] = []
    room = most
    for part in parts:
        first = 0
        while first < len(part):
            taken = part.places[first : first + room]
            is_whole = len(taken) == len(part)
            batch.append(part if is_whole else replace(part, places=taken, staged=None))
            first, room = first + len(taken), room - len(taken)
            if not room:
                yield batch
                batch, room = [], most
    if batch:
        yield batch
