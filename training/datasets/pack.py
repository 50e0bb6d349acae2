"""A training pack: a tar of pictures and an npz of COCO-17 keypoints."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.skeletons.people import COCO17
from training.examples.sample import (
    Label,
    Outside,
    Sample,
    check_inside,
    decode_image,
    tight_bbox,
)

LISTS = Path(__file__).resolve().parent.parent / "configs"
"""Folder of the lists of image names."""

HELD_OUT = LISTS / "people_held_out.txt"
"""Names of the everyday images that this repository's recipes hold out from training."""

_SURE = 0.35  # a teacher's score above which its keypoint is a label
_BY_PEOPLE = 2


class PackDataset:
    """Pictures of ``NAME.tar`` with the labels of ``NAME_labels.npz`` beside it.

    The labels hold ``image`` (file names) and ``keypoints`` (N, 17, 3): x, y in picture
    pixels and a flag: 2 by people, 1 by a teacher network, 0 unknown; and perhaps
    ``bbox_xyxy`` (N, 4), the person's box.

    Args:
        tar: The tar file.
        first: Keep only pictures whose number (in the file name) is at least this.
        last: And at most this number.
        outside: Handling of a label outside its image: ``error``, ``drop`` (unknown), or
            ``keep``: it is known to be outside the image, and trains an empty heatmap.
        prefix: Keep only pictures whose names begin so.
        only: Keep only the pictures that this list names, one a line.
        without: Leave out the pictures that this list names.
        teacher: A teacher's keypoints beside the tar, (N, 17, 3) with its scores: they
            replace labels that are not people's, if its score is high.

    Raises:
        SourceError: One of the two files is missing or damaged, a labelled picture is
            not in the tar, or no row is left.
    """

    def __init__(
        self,
        tar: Path,
        *,
        first: int = 0,
        last: int | None = None,
        outside: Outside | Literal["keep"] = "error",
        prefix: str = "",
        only: Path | None = None,
        without: Path | None = None,
        teacher: Path | None = None,
    ) -> None:
        self.name = tar.stem
        self.skeleton = COCO17
        self._outside = outside
        names, keypoints, boxes, sure = _read_labels(tar.with_name(tar.stem + "_labels.npz"))
        if teacher is not None:
            keypoints = _with_teacher(keypoints, teacher)
        numbers = np.array([number_of(name) for name in names])
        kept = (numbers >= first) & (numbers <= (numbers.max() if last is None else last))
        named = None if only is None else _read_list(only)
        if named is not None and not named <= set(names):
            raise SourceError(
                f"{tar} lacks {len(named - set(names))} of the pictures that {only} names",
                fix="take the pack that the list was made for",
            )
        left_out = set() if without is None else _read_list(without)
        kept &= np.array(
            [
                name.startswith(prefix)
                and (named is None or name in named)
                and name not in left_out
                for name in names
            ]
        )
        rows = np.flatnonzero(kept)
        if rows.size == 0:
            raise SourceError(
                f"{tar} has no picture numbered {first} to {last}, or all are left out",
                fix="check first, last, prefix, only and without",
            )
        self._sure = None if sure is None else sure[rows]
        self._keypoints = keypoints[rows]
        self._boxes = None if boxes is None else boxes[rows]
        self._names = [names[row] for row in rows]
        self._encoded = _read_members(tar, self._names)

    def __len__(self) -> int:
        return len(self._names)

    def labels(self) -> Iterator[Label]:
        """Every row's; the tar's pictures were found when it was opened."""
        for row, name in enumerate(self._names):
            keypoints = self._keypoints[row]
            is_known = (keypoints[:, 2] > 0) & np.isfinite(keypoints[:, :2]).all(axis=1)
            bbox = None if self._boxes is None else self._boxes[row]
            yield Label(f"{self.name}/{name}", None, None, keypoints[:, :2], is_known, bbox)

    def teacher_score(self, row: int) -> NDArray[np.float32] | None:
        """(K,) scores of the teacher that labelled an image; None if people did."""
        return None if self._sure is None else self._sure[row]

    def sample(self, row: int) -> Sample:
        """Load one image; the box is the labelled one, else the tight box of its keypoints."""
        name = self._names[row]
        image = decode_image(self._encoded[row], f"{self.name}/{name}")
        flag = self._keypoints[row, :, 2]
        xy = self._keypoints[row, :, :2].copy()
        outside: Outside = "drop" if self._outside == "keep" else self._outside
        full = f"{self.name}/{name}"
        is_inside = check_inside(full, xy, flag > 0, image, skeleton=self.skeleton, outside=outside)
        is_known = is_inside
        if self._outside == "keep":
            is_known = (flag > 0) & np.isfinite(xy).all(axis=1)
        bbox = tight_bbox(xy, is_inside) if self._boxes is None else self._boxes[row]
        return Sample(name, image, xy, is_known, is_inside & (flag == _BY_PEOPLE), bbox)


def number_of(name: str) -> int:
    """The number in a file name: its last five digits; 0 if it has none."""
    return int("".join(c for c in Path(name).stem if c.isdigit())[-5:] or 0)


def _read_list(path: Path) -> set[str]:
    try:
        return set(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, ValueError) as error:
        raise SourceError(
            f"cannot read the list {path}: {error}", fix="check only and without"
        ) from error


def _with_teacher(keypoints: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as table:
            values = table["keypoints"].astype(np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"cannot read {path}: {error}", fix="check teacher") from error
    if values.shape != keypoints.shape:
        raise SourceError(
            f"{path} has keypoints of shape {values.shape}, the labels {keypoints.shape}",
            fix="a teacher's keypoints belong to the same pictures in the same order",
        )
    is_sure = values[..., 2:] > _SURE
    own = np.concatenate((values[..., :2], is_sure.astype(np.float32)), 2)
    return np.where(keypoints[..., 2:] == _BY_PEOPLE, keypoints, own)


def _read_labels(
    path: Path,
) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32] | None]:
    try:
        with np.load(path, allow_pickle=False) as table:
            sure = table["teacher_score"].astype(np.float32) if "teacher_score" in table else None
            names = [Path(str(name)).name for name in table["image"]]
            keypoints = table["keypoints"].astype(np.float32)
            boxes = table["bbox_xyxy"].astype(np.float32) if "bbox_xyxy" in table else None
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror or 'it is damaged'}",
            fix="give the folder of the packs with --data",
        ) from error
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path} is no table of labels: {error}", fix="copy it again") from error
    if keypoints.shape != (len(names), len(COCO17), 3) or not names:
        raise SourceError(
            f"{path} has keypoints of shape {keypoints.shape} for {len(names)} pictures",
            fix="it must be (N, 17, 3) with N names in 'image'",
        )
    if boxes is not None and boxes.shape != (len(names), 4):
        raise SourceError(f"{path} has boxes of shape {boxes.shape}", fix="it must be (N, 4)")
    return names, keypoints, boxes, sure


def _read_members(tar: Path, names: list[str]) -> list[NDArray[np.uint8]]:
    encoded = []
    try:
        with tarfile.open(tar) as archive:
            members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
            for name in names:
                member = members.get(name)
                file = archive.extractfile(member) if member else None
                if file is None:
                    raise SourceError(
                        f"{tar} has no picture {name}", fix="copy the tar and its labels again"
                    )
                encoded.append(np.frombuffer(file.read(), np.uint8))
    except (OSError, EOFError, tarfile.TarError) as error:
        raise SourceError(
            f"cannot read {tar}: {getattr(error, 'strerror', None) or error}",
            fix="give the folder of the packs with --data, or copy the file again",
        ) from error
    return encoded
