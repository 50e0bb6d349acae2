"""COCO keypoint annotations: the format labelling tools export, for any skeleton.

Source: the COCO data format (cocodataset.org, "Keypoint Detection"): each annotation
holds ``keypoints`` as x, y, v triples (v: 0 unlabelled, 1 labelled but hidden, 2
visible), ``bbox`` as x, y, width, height, ``area`` and ``iscrowd``; the category holds
the keypoints' names and the skeleton as pairs counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import ModelFileError, SourceError
from steadypose.engines.foreign import texts
from steadypose.engines.foreign.names import as_name
from steadypose.engines.skeleton import COCO17, Skeleton
from training.examples.sample import Outside, Sample, check_inside, read_image, tight_bbox

# OKS sigma of a keypoint without a published one: about the mean over COCO's body joints.
_UNKNOWN_SIGMA = 0.08
# As a separate word: left_x, x_left, l_x, x.l, leftX, LX.
_MOST_BYTES = 2_000_000_000  # COCO's own file has 240 MB
# A word of its own: left_x, x_left, l_x, x.l, leftX, LX.
_LEFT = re.compile(
    r"(?:(?<![A-Za-z])(?P<word>left|Left|LEFT|l|L)(?![A-Za-z]))|(?:^(?P<camel>left|Left|L)(?=[A-Z]))"
)
_RIGHT = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}


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
        data = read_json(annotations)
        self.name = annotations.stem
        self._folder = annotations.parent if images is None else images
        self._outside = outside
        try:
            chosen = _category(annotations, data["categories"], category)
            self.skeleton = skeleton_of(chosen)
            self.category_id = int(chosen["id"])
            self.annotations = annotations
            self._images = {int(i["id"]): str(i["file_name"]) for i in data["images"]}
            self._sizes_hw = {
                int(i["id"]): (int(i["height"]), int(i["width"]))
                for i in data["images"]
                if i.get("height") and i.get("width")
            }
            self._all: list[dict[str, Any]] = [
                a for a in data["annotations"] if a.get("category_id", chosen["id"]) == chosen["id"]
            ]
            self.rows: list[dict[str, Any]] = [
                a
                for a in self._all
                if not a.get("iscrowd", 0) and any(v > 0 for v in a.get("keypoints", ())[2::3])
            ]
            self._check_rows(annotations)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise SourceError(
                f"{annotations} is no COCO keypoint file: {error!r}",
                fix="export it as 'COCO keypoints' from the labelling tool",
            ) from error

    def _check_rows(self, annotations: Path) -> None:
        count = 3 * len(self.skeleton)
        for row in self.rows:
            numbers = [*row["keypoints"], *(row.get("bbox") or ())]
            if not all(isinstance(v, (int, float)) for v in numbers):
                raise SourceError(
                    f"{annotations}: annotation {row.get('id')} holds something that is no number",
                    fix="export the labels again",
                )
            if len(row["keypoints"]) != count:
                raise SourceError(
                    f"{annotations}: annotation {row.get('id')} has {len(row['keypoints'])} "
                    f"numbers for {len(self.skeleton)} keypoints, expected {count}",
                    fix="export the labels again",
                )
            if int(row["image_id"]) not in self._images:
                raise SourceError(
                    f"{annotations}: annotation {row.get('id')} is for image {row['image_id']}, "
                    "which the file does not list",
                    fix="export the labels again",
                )
        if not self.rows:
            raise SourceError(
                f"{annotations} has no annotation with labelled keypoints",
                fix="label some, or choose another file",
            )

    def __len__(self) -> int:
        return len(self.rows)

    def annotations_of_category(self) -> list[dict[str, Any]]:
        """All annotations, including crowds and unlabelled ones, where AP ignores hits."""
        return self._all

    def image(self, image_id: int) -> NDArray[np.uint8]:
        """Read an image of the file, (H, W, 3) uint8 BGR.

        Raises:
            SourceError: It is missing or broken, or of another size than it was labelled at.
        """
        path = self._folder / self._images[image_id]
        image = read_image(path)
        labelled_hw = self._sizes_hw.get(image_id, image.shape[:2])
        if image.shape[:2] != labelled_hw:
            (h, w), (was_h, was_w) = image.shape[:2], labelled_hw
            raise SourceError(
                f"{path.name} is {w}x{h}, and was labelled at {was_w}x{was_h}",
                fix="use the pictures that were labelled, not resized or turned copies",
            )
        return image

    @property
    def image_ids(self) -> list[int]:
        """Every image of the file, labelled or not."""
        return sorted(self._images)

    def image_id(self, row: int) -> int:
        """COCO's id of a row's image."""
        return int(self.rows[row]["image_id"])

    def sample(self, row: int) -> Sample:
        """One annotation; every labelled keypoint counts."""
        annotation = self.rows[row]
        image = self.image(self.image_id(row))
        name = f"{Path(self._images[self.image_id(row)]).name}#{annotation.get('id', row)}"
        table = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
        # COCO's keypoints are pixel indices, like ours; its boxes are measured from the corner.
        xy: NDArray[np.float32] = table[:, :2].copy()
        is_known = check_inside(
            name,
            xy,
            table[:, 2] > 0,
            image_hw=(image.shape[0], image.shape[1]),
            skeleton=self.skeleton,
            outside=self._outside,
        )
        bbox = tight_bbox(xy, is_known)
        if len(annotation.get("bbox") or ()) == 4 and min(annotation["bbox"][2:]) > 0:
            bbox = corners(annotation["bbox"])
        is_hidden = is_known & (table[:, 2] == 1)
        return Sample(name, image, xy, is_known, is_known, bbox, is_hidden=is_hidden)


def corners(bbox_xywh: Sequence[float]) -> NDArray[np.float32]:
    """Convert a COCO box, measured from the pixels' corners, to (4,) x1, y1, x2, y2."""
    x, y, w, h = bbox_xywh
    return np.array((x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5), np.float32)


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        SourceError: It is missing or no JSON.
    """
    try:
        return texts.read_json(path, most_bytes=_MOST_BYTES, is_number_checked=False)
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror}", fix="check the path in the config"
        ) from error
    except ValueError as error:
        raise SourceError(f"{path} is no JSON: {error}", fix="export the labels again") from error


def _category(path: Path, categories: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    usable = [c for c in categories if c.get("keypoints") and name in {None, c.get("name")}]
    if len(usable) != 1:
        found = ", ".join(str(c.get("name")) for c in categories if c.get("keypoints")) or "none"
        raise SourceError(
            f"{path}: {len(usable)} categories with keypoints fit {name or 'any name'!r}; "
            f"it has: {found}",
            fix="set category = NAME for this data set in the config",
        )
    return usable[0]


def skeleton_of(category: dict[str, Any]) -> Skeleton:
    """Read a skeleton from a COCO category.

    COCO's own 17 names give COCO17 with its published sigmas. Other skeletons take
    ``flip_pairs`` (counted from 0) and ``sigmas`` from the category if present; else
    names that differ only in left and right are mirror pairs, and every sigma is 0.08.

    Raises:
        SourceError: The category contradicts itself.
    """
    # Labelling tools let people type anything, spaces for instance.
    names = tuple(as_name(str(name)) for name in category["keypoints"])
    if names == COCO17.keypoints:
        return COCO17
    pairs = category.get("flip_pairs")
    if pairs is None:
        pairs = [
            (names.index(name), names.index(twin))
            for name in names
            if (twin := _mirror_name(name)) is not None and twin in names
        ]
    try:
        return Skeleton(
            name=as_name(str(category.get("name", "custom"))) or "custom",
            keypoints=names,
            limbs=tuple((int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or ()),
            flip_pairs=tuple((int(a), int(b)) for a, b in pairs),
            sigmas=tuple(category.get("sigmas") or [_UNKNOWN_SIGMA] * len(names)),
        )
    except ModelFileError as error:
        raise SourceError(error.what, fix="correct the category in the COCO file") from error


def _mirror_name(name: str) -> str | None:
    """The right counterpart of a left keypoint's name; None for others."""
    if not _LEFT.search(name):
        return None
    return _LEFT.sub(lambda found: _RIGHT[found[0]], name, count=1)
