"""COCO keypoint annotations: the format labelling tools export, for any skeleton.

Source: the COCO data format (cocodataset.org, "Keypoint Detection"): each annotation
holds ``keypoints`` as x, y, v triples (v: 0 unlabelled, 1 labelled but hidden, 2
visible), ``bbox`` as x, y, width, height, ``area`` and ``iscrowd``; the category holds
the keypoints' names and the skeleton as pairs counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import is_there
from training.datasets.coco_file import Annotation, CocoFile, Id, as_id, read_coco
from training.datasets.picture_names import other_spellings
from training.datasets.skeletons import skeleton_of
from training.examples.sample import (
    Label,
    Outside,
    Sample,
    check_inside,
    is_inside,
    read_image,
    tight_bbox,
)


class CocoDataset:
    """People (or whatever the category is) of a COCO keypoint file.

    Rows are annotations with at least one labelled keypoint, crowds left out, in the
    file's order. The box is ``bbox`` if given, else the tight box of the keypoints.

    Args:
        annotations: The JSON file.
        images: Folder of the pictures; default: the JSON file's own folder.
        category: Name of the category; needed only if several have keypoints.
        outside: Handling of a label outside its image.

    Raises:
        SourceError: The file is missing, no COCO keypoint file, or has no row to use.
    """

    def __init__(
        self,
        annotations: Path,
        *,
        images: Path | None = None,
        category: str | None = None,
        outside: Outside = "error",
    ) -> None:
        self.file = read_coco(annotations)
        self.name = annotations.stem
        self.annotations = annotations
        self._folder = annotations.parent if images is None else images
        self._outside = outside
        chosen = _category(annotations, self.file.categories, category)
        self.skeleton = skeleton_of(chosen)
        self.category_id = as_id(chosen["id"])
        self.all = [a for a in self.file.annotations if a.category_id in {None, self.category_id}]
        """Annotations of the category; AP ignores hits on crowds and unlabelled ones."""
        labelled = [a for a in self.all if not a.is_crowd and a.is_labelled]
        for row in labelled:
            self._check(row)
        self.rows = [a for a in labelled if (self.keypoints_of(a)[:, 2] > 0).any()]
        self.beyond = len(labelled) - len(self.rows)
        """Annotations that are left out because all their keypoints lie outside the picture."""
        if not self.rows:
            raise SourceError(
                f"{annotations} has no annotation with labelled keypoints: "
                f"{self._left_out(self.file, len(labelled))}",
                fix="label some, or choose another file or category",
            )

    def _check(self, row: Annotation) -> None:
        count = 3 * len(self.skeleton)
        if len(row.keypoints) != count:
            raise SourceError(
                f"{self.annotations}: annotation {row.id} has {len(row.keypoints)} "
                f"numbers for {len(self.skeleton)} keypoints, expected {count}",
                fix="export the labels again",
            )
        if row.image_id not in self.file.images:
            raise SourceError(
                f"{self.annotations}: annotation {row.id} is for image {row.image_id}, "
                "which the file does not list",
                fix="export the labels again",
            )

    def _left_out(self, file: CocoFile, labelled: int) -> str:
        crowds = sum(a.is_crowd for a in self.all)
        counts = {
            "of another category": len(file.annotations) - len(self.all),
            "for a crowd": crowds,
            "without a labelled keypoint": len(self.all) - crowds - labelled,
            "with all keypoints outside the picture": labelled,
        }
        return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "it has none at all"

    def __len__(self) -> int:
        return len(self.rows)

    def keypoints_of(self, row: Annotation) -> NDArray[np.float64]:
        """(K, 3) x, y, v; v is 0 for what lies outside a picture of known size and is dropped."""
        count = 3 * len(self.skeleton)  # crowds and unlabelled ones may have any number
        numbers = row.keypoints if len(row.keypoints) == count else [0] * count
        table = np.array(numbers, np.float64).reshape(-1, 3)
        image_hw = self.file.images[row.image_id].size_hw
        if self._outside == "drop" and image_hw is not None:
            table[~is_inside(table[:, :2], image_hw=image_hw), 2] = 0
        return table

    def path_of(self, image_id: Id) -> Path:
        """Where a picture lies; names written on another machine are found as well."""
        name = self.file.images[image_id].file_name
        path = self._folder / name
        if is_there(path):
            return path
        others = (self._folder / other for other in other_spellings(name))
        return next((other for other in others if is_there(other)), path)

    def image(self, image_id: Id) -> NDArray[np.uint8]:
        """Read an image of the file, (H, W, 3) uint8 BGR.

        Raises:
            SourceError: It is missing or broken, or of another size than it was labelled at.
        """
        path = self.path_of(image_id)
        image = read_image(path)
        labelled_hw = self.file.images[image_id].size_hw or image.shape[:2]
        if image.shape[:2] != labelled_hw:
            (h, w), (was_h, was_w) = image.shape[:2], labelled_hw
            raise SourceError(
                f"{path.name} is {w}x{h}, and was labelled at {was_w}x{was_h}",
                fix="use the pictures that were labelled, not resized or turned copies",
            )
        return image

    @property
    def image_ids(self) -> list[Id]:
        """Every image of the file, labelled or not; numbers in order, words as listed."""
        numbers = sorted(i for i in self.file.images if isinstance(i, int))
        return [*numbers, *(i for i in self.file.images if not isinstance(i, int))]

    def image_id(self, row: int) -> Id:
        """COCO's id of a row's image."""
        return self.rows[row].image_id

    def labels(self) -> Iterator[Label]:
        """Every row's."""
        for number, row in enumerate(self.rows):
            table = self.keypoints_of(row)
            yield Label(
                self._name(number),
                self.path_of(row.image_id),
                self.file.images[row.image_id].size_hw,
                table[:, :2].astype(np.float32),
                table[:, 2] > 0,
                None if row.bbox is None else corners(row.bbox),
            )

    def _name(self, number: int) -> str:
        row = self.rows[number]
        name = self.file.images[row.image_id].file_name.replace("\\", "/")
        return f"{Path(name).name}#{number if row.id is None else row.id}"

    def sample(self, row: int) -> Sample:
        """One annotation; every labelled keypoint counts."""
        annotation = self.rows[row]
        image = self.image(annotation.image_id)
        name = self._name(row)
        table = np.array(annotation.keypoints, np.float32).reshape(-1, 3)
        # COCO's keypoints are pixel indices, like ours; its boxes are measured from the corner.
        xy: NDArray[np.float32] = table[:, :2].copy()
        is_labelled = table[:, 2] > 0
        is_known = check_inside(
            name, xy, is_labelled, image, skeleton=self.skeleton, outside=self._outside
        )
        bbox = tight_bbox(xy, is_known)
        if annotation.bbox is not None and min(annotation.bbox[2:]) > 0:
            bbox = corners(annotation.bbox)
        is_hidden = is_known & (table[:, 2] == 1)
        return Sample(name, image, xy, is_known, is_known, bbox, is_hidden=is_hidden)


def corners(bbox_xywh: Sequence[float]) -> NDArray[np.float32]:
    """Convert a COCO box, measured from the pixels' corners, to (4,) x1, y1, x2, y2."""
    x, y, w, h = bbox_xywh
    return np.array((x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5), np.float32)


def _category(path: Path, categories: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    meant = [c for c in categories if name in {None, c.get("name")}]
    usable = [c for c in meant if c.get("keypoints")]
    if len(usable) == 1 and "id" in usable[0]:
        return usable[0]
    found = ", ".join(str(c.get("name")) for c in categories if c.get("keypoints")) or "none"
    if meant and not usable:
        unnamed = ", ".join(str(c.get("name")) for c in meant)
        raise SourceError(
            f"{path}: no list of keypoints in the category {unnamed}, which training needs "
            f"(with keypoints: {found})",
            fix='add their names to the category, in order: "keypoints": ["nose", …]',
        )
    raise SourceError(
        f"{path}: {len(usable)} categories with keypoints fit {name or 'any name'!r}; "
        f"it has: {found}",
        fix="set category = NAME for this data set in the config, or --category NAME",
    )
