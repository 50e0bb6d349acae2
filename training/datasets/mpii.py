"""MPII Human Pose, as published: mpii_human_pose_v1_u12_1.mat and a folder of pictures.

Source: Andriluka, Pishchulin, Gehler, Schiele: 2D Human Pose Estimation: New Benchmark
and State of the Art Analysis (CVPR 2014). Box from ``objpos`` and ``scale`` (person
height / 200 px), moved down by 15 scales as Newell et al. (2016) and Xiao et al. (2018)
crop it; head size for PCKh: 0.6 of the head box's diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import MPII16
from training.datasets.matlab import read_mat
from training.examples.sample import Label, Outside, Sample, check_inside, read_image

_HEAD_SHARE = 0.6


class _Person(NamedTuple):
    image: str
    points: NDArray[np.float32]  # (16, 2), counted from 0
    is_known: NDArray[np.bool_]
    is_hidden: NDArray[np.bool_]
    bbox: NDArray[np.float32]
    head_px: float


class MpiiDataset:
    """Labelled people of MPII's training images (its test labels are not public).

    Args:
        annotations: The .mat file.
        images: Folder of the pictures.
        first: Keep people from this row on, counted from 0.
        last: Up to this row.
        outside: Handling of a label outside its image (MPII has a few).

    Raises:
        SourceError: The file is missing or has another layout.
    """

    def __init__(
        self,
        annotations: Path,
        *,
        images: Path,
        first: int = 0,
        last: int | None = None,
        outside: Outside = "drop",
    ) -> None:
        self.name = annotations.stem
        self.skeleton = MPII16
        self._folder = images
        self._outside = outside
        try:
            release = read_mat(annotations)["RELEASE"]
            people = list(_people(release))
        except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
            raise SourceError(
                f"{annotations} is not MPII's annotation file: {error!r}",
                fix="use mpii_human_pose_v1_u12_1.mat",
            ) from error
        self._people = people[first : None if last is None else last + 1]
        if not self._people:
            raise SourceError(f"{annotations} has no labelled person", fix="check first and last")

    def __len__(self) -> int:
        return len(self._people)

    def labels(self) -> Iterator[Label]:
        """Every row's."""
        for row, person in enumerate(self._people):
            yield Label(
                f"{person.image}#{row}",
                self._folder / person.image,
                None,
                person.points,
                person.is_known,
                person.bbox,
            )

    def sample(self, row: int) -> Sample:
        """Load one person; every labelled keypoint counts."""
        person = self._people[row]
        image = read_image(self._folder / person.image)
        xy, outside = person.points, self._outside
        is_known = check_inside(
            person.image, xy, person.is_known, image, skeleton=self.skeleton, outside=outside
        )
        name = f"{person.image}#{row}"
        return Sample(
            name,
            image,
            xy,
            is_known,
            is_known,
            person.bbox,
            head_px=person.head_px,
            is_hidden=is_known & person.is_hidden,
        )


def _each(value: Any) -> Iterator[Any]:
    """Elements of a Matlab array as scipy loads it: an array, one object, or nothing."""
    yield from np.atleast_1d(value) if np.size(value) else ()


def _people(release: Any) -> Iterator[_Person]:
    for entry, is_train in zip(
        _each(release.annolist), np.atleast_1d(release.img_train), strict=True
    ):
        if not is_train:
            continue
        for rect in _each(entry.annorect):
            points = getattr(getattr(rect, "annopoints", None), "point", None)
            if points is None or not np.size(getattr(rect, "objpos", ())):
                continue
            xy = np.zeros((len(MPII16), 2), np.float32)
            is_known = np.zeros(len(MPII16), np.bool_)
            is_hidden = is_known.copy()
            for point in _each(points):
                xy[int(point.id)] = (point.x - 1, point.y - 1)
                is_known[int(point.id)] = True
                is_hidden[int(point.id)] = str(getattr(point, "is_visible", "")) == "0"
            side = 200.0 * float(rect.scale)
            x, y = rect.objpos.x - 1, rect.objpos.y - 1 + 15.0 * float(rect.scale)
            # As tall as the person; in a 3:4 crop a square would leave half of it empty.
            bbox = np.array((x, y, x, y)) + np.array((-0.75, -1, 0.75, 1)) * side / 2
            head = float(np.hypot(rect.x2 - rect.x1, rect.y2 - rect.y1)) * _HEAD_SHARE
            yield _Person(
                str(entry.image.name), xy, is_known, is_hidden, bbox.astype(np.float32), head
            )
