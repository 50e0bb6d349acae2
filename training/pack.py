"""Read a training pack: a tar of pictures and an npz of COCO-17 keypoints."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import SourceError


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Pictures, still encoded, with their keypoints.

    Attributes:
        jpeg: N encoded pictures.
        keypoints: (N, K, 3) float32: x, y in picture pixels and a flag, 0 where the
            keypoint is unknown.
        numbers: (N,) the number in each file name, for splits.
    """

    jpeg: list[NDArray[np.uint8]]
    keypoints: NDArray[np.float32]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.jpeg)

    def image(self, row: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR."""
        image = cv2.imdecode(self.jpeg[row], cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError(f"picture {row} of the pack is broken", fix="copy the pack again")
        return image

    def where(self, mask: NDArray[np.bool_]) -> Pack:
        """The rows that a mask keeps."""
        rows = np.flatnonzero(mask)
        return Pack([self.jpeg[i] for i in rows], self.keypoints[rows], self.numbers[rows])


def load_pack(tar: Path) -> Pack:
    """Read ``NAME.tar`` and the ``NAME_labels.npz`` beside it.

    Raises:
        SourceError: One of the two is missing, or a labelled picture is not in the tar.
    """
    labels = tar.with_name(tar.stem + "_labels.npz")
    for path in (tar, labels):
        if not path.exists():
            raise SourceError(
                f"{path} does not exist", fix="give the folder of the packs with --data"
            )
    table = np.load(labels)
    names = [str(name) for name in table["image"]]
    with tarfile.open(tar) as archive:
        members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
        jpeg = []
        for name in names:
            member = members.get(Path(name).name)
            file = archive.extractfile(member) if member else None
            if file is None:
                raise SourceError(f"{tar} has no picture {name}", fix="copy the pack again")
            jpeg.append(np.frombuffer(file.read(), np.uint8))
    digits = [int("".join(c for c in Path(name).stem if c.isdigit())[-5:] or 0) for name in names]
    return Pack(jpeg, table["keypoints"].astype(np.float32), np.array(digits))
