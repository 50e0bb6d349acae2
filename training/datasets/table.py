"""The labels of a data set side by side, and what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import is_regular
from steadypose.engines.skeletons.skeleton import Skeleton
from training.examples.sample import PoseDataset

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Labels of N people.

    Attributes:
        names: Of the people, for messages.
        pictures: Their files; None where they are no files of their own.
        size_wh: (N, 2) of the pictures as labelled, NaN where not known.
        xy: (N, K, 2).
        is_known: (N, K).
        bbox: (N, 4) as labelled, NaN where there is none.
    """

    names: list[str]
    pictures: list[Path | None]
    size_wh: Floats
    xy: Floats
    is_known: Bools
    bbox: Floats

    def __len__(self) -> int:
        return len(self.names)


def table_of(dataset: PoseDataset) -> Table:
    """All labels of a data set, without reading a picture."""
    rows = list(dataset.labels())
    n, k = len(rows), len(rows[0].xy) if rows else 0
    size_wh = np.full((n, 2), np.nan, np.float32)
    bbox = np.full((n, 4), np.nan, np.float32)
    for number, row in enumerate(rows):
        if row.image_hw is not None:
            size_wh[number] = row.image_hw[::-1]
        if row.bbox is not None:
            bbox[number] = row.bbox
    return Table(
        names=[row.name for row in rows],
        pictures=[row.picture for row in rows],
        size_wh=size_wh,
        xy=np.array([row.xy for row in rows], np.float32).reshape(n, k, 2),
        is_known=np.array([row.is_known for row in rows], np.bool_).reshape(n, k),
        bbox=bbox,
    )


def pictures_of(datasets: Iterable[PoseDataset]) -> list[Path]:
    """Files of all labelled pictures; none where they are packed or drawn."""
    labels = (label for dataset in datasets for label in dataset.labels())
    return list(dict.fromkeys(label.picture for label in labels if label.picture is not None))


def digest(tables: Iterable[Table], skeleton: Skeleton) -> str:
    """Equal for labels that teach the same; the pictures themselves are not read.

    Args:
        tables: The labels.
        skeleton: That is learnt; its mirror pairs decide what a mirrored picture teaches.
    """
    names = (*skeleton.keypoints, *(f"{a} {b}" for a, b in sorted(skeleton.flip_pairs)))
    made = hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass"))
    for table in tables:
        where = np.where(table.is_known[..., None], table.xy, np.float32(0))
        for array in (where, table.is_known, table.bbox, table.size_wh):
            made.update(np.ascontiguousarray(array).tobytes())
        made.update("\0".join(table.names).encode("utf-8", "surrogatepass"))
    return made.hexdigest()


def require_pictures(tables: Iterable[Table]) -> None:
    """Look for every picture of every data set, before a night of training.

    Raises:
        SourceError: Some are not there; it counts them and names the first.
    """
    wanted = dict.fromkeys(p for table in tables for p in table.pictures if p is not None)
    missing = [path for path in wanted if not is_regular(path)]
    if missing:
        raise SourceError(
            f"{len(missing)} of {len(wanted)} pictures are not there, such as {missing[0]}",
            fix="set the folder of the pictures (images), or take them out of the labels",
        )
