"""Batch sizes that are ready before the first frame; others take the next larger one."""

from __future__ import annotations

from collections.abc import Sequence


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
