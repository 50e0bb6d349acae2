"""Leeds Sports Pose and its extension, as published: a folder of pictures and joints.mat.

Source: Johnson and Everingham: Clustered Pose and Nonlinear Appearance Models
(BMVC 2010) and Learning Effective Human Pose Estimation from Inaccurate Annotation
(CVPR 2011). LSP stores joints as (3, 14, N), LSPET as (14, 3, N).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from training.datasets.matlab import read_mat
from training.examples.sample import (
    Label,
    Outside,
    Sample,
    check_inside,
    read_image,
    tight_bbox,
)

# COCO index of each of LSP's 14 joints; neck and head top have none.
TO_COCO = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, -1, -1)
_LIMBS = [k for k in TO_COCO if k >= 0]


class LspDataset:
    """LSP or LSPET, with the twelve limb joints in COCO-17's order.

    Args:
        folder: Holds ``joints.mat`` and ``images/`` (im0001.jpg or im00001.jpg).
        first: Keep pictures numbered from here, counted from 1.
        last: Up to this number.
        outside: Handling of a label outside its image (LSP has a few).

    Raises:
        SourceError: ``joints.mat`` is missing or has another layout.
    """

    def __init__(
        self, folder: Path, *, first: int = 1, last: int | None = None, outside: Outside = "drop"
    ) -> None:
        self.name = folder.name
        self.skeleton = COCO17
        self._folder = folder
        self._outside = outside
        joints = np.asarray(read_mat(folder / "joints.mat").get("joints", ()))
        if joints.ndim != 3 or {joints.shape[0], joints.shape[1]} != {3, 14}:
            raise SourceError(
                f"{folder / 'joints.mat'} has joints of shape {joints.shape}",
                fix="use the published LSP (3, 14, N) or LSPET (14, 3, N) file",
            )
        self._is_extended = joints.shape[0] == 14
        table = joints.transpose(2, 0, 1) if self._is_extended else joints.transpose(2, 1, 0)
        self._joints: NDArray[np.float32] = table.astype(np.float32)
        self._numbers = np.arange(1, len(table) + 1)[max(0, first - 1) : last]
        if self._numbers.size == 0:
            raise SourceError(
                f"{folder} has no picture {first} to {last}", fix="check first and last"
            )

    def __len__(self) -> int:
        return len(self._numbers)

    def labels(self) -> Iterator[Label]:
        """Every row's; LSP's size of a picture stands in the picture."""
        for number in self._numbers:
            xy, is_known, _, _ = self._joints_of(int(number))
            path = self._path_of(int(number))
            yield Label(path.name, path, None, xy, is_known, None)

    def _path_of(self, number: int) -> Path:
        digits = 5 if self._is_extended else 4
        return self._folder / "images" / f"im{number:0{digits}d}.jpg"

    def _joints_of(
        self, number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
        """COCO's keypoints and which are labelled; the file's own 14 joints, likewise."""
        joints = self._joints[number - 1]
        points = joints[:, :2] - 1.0  # Matlab counts from 1
        # LSPET marks unknown joints; LSP has labels for all.
        is_labelled = joints[:, 2] > 0 if self._is_extended else (points > -1).all(axis=1)
        xy = np.zeros((len(COCO17), 2), np.float32)
        is_known = np.zeros(len(COCO17), np.bool_)
        xy[_LIMBS], is_known[_LIMBS] = points[:12], is_labelled[:12]
        return xy, is_known, points, is_labelled

    def sample(self, row: int) -> Sample:
        """Load one image; its box covers all 14 labelled joints, so the head too."""
        number = int(self._numbers[row])
        path = self._path_of(number)
        image = read_image(path, fix="unpack the whole archive")
        xy, is_known, points, is_labelled = self._joints_of(number)
        height, width = image.shape[:2]
        is_known = check_inside(
            path.name, xy, is_known, image, skeleton=self.skeleton, outside=self._outside
        )
        is_in = (points > -1).all(axis=1) & (points < (width, height)).all(axis=1)
        bbox = tight_bbox(points, is_labelled & is_in)
        return Sample(path.name, image, xy, is_known, is_known, bbox)
