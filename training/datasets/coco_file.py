"""Read a COCO keypoint file as tools write them: numbers in quotes, ids that are words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign import texts

Id = int | str
_MOST_BYTES = 2_000_000_000  # COCO's own file has 240 MB


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of the file.

    Attributes:
        file_name: As it stands there.
        size_hw: Height and width that it was labelled at, pixels; None: not said.
    """

    file_name: str
    size_hw: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One labelled person, or whatever the category is.

    Attributes:
        id: As it stands there; None: it has none.
        image_id: Of its picture.
        category_id: None: the file does not say.
        keypoints: x, y, v for each keypoint; empty where it has none.
        bbox: x, y, width, height; None: not labelled.
        area: Square pixels; None: not labelled.
        is_crowd: It stands for several people.
    """

    id: Id | None
    image_id: Id
    category_id: Id | None
    keypoints: tuple[float, ...] = ()
    bbox: tuple[float, ...] | None = None
    area: float | None = None
    is_crowd: bool = False

    @property
    def is_labelled(self) -> bool:
        """Whether any keypoint is."""
        return any(v > 0 for v in self.keypoints[2::3])


@dataclass(frozen=True, slots=True)
class CocoFile:
    """What a file says.

    Attributes:
        path: The file.
        images: By id, in the file's order.
        annotations: In the file's order.
        categories: As they stand there.
        repeated: Ids of pictures that are listed twice, word for word.
    """

    path: Path
    images: dict[Id, Image]
    annotations: list[Annotation]
    categories: list[dict[str, Any]]
    repeated: list[Id] = field(default_factory=list)

    @property
    def shared(self) -> list[str]:
        """File names that are listed with several ids."""
        counts = Counter(image.file_name for image in self.images.values())
        return [name for name, count in counts.items() if count > 1]

    @property
    def twice(self) -> list[Id]:
        """Ids that several annotations have."""
        counts = Counter(a.id for a in self.annotations if a.id is not None)
        return [number for number, count in counts.items() if count > 1]


def as_id(value: Any) -> Id:
    """An id; a whole number in quotes is that number.

    Raises:
        ValueError: It is neither a number nor a word.
    """
    if isinstance(value, str):
        digits = value.removeprefix("-")
        # "007" and "7" may be two names.
        return int(value) if digits.isdecimal() and str(int(value)) == value else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is no id")


def as_number(value: Any) -> float:
    """A finite number, also in quotes.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
    raise ValueError(f"{value!r} is no number")


def reason(error: Exception) -> str:
    """Why a JSON text has another layout, in words."""
    if isinstance(error, KeyError):
        return f"{str(error.args[0])!r} is missing"
    if isinstance(error, ValueError):
        return str(error)
    return "lists and dictionaries stand in other places"


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


def read_coco(path: Path) -> CocoFile:
    """Read a file.

    Raises:
        SourceError: It is missing, has another layout, or two pictures have one id.
    """
    data = read_json(path)
    try:
        images, repeated = _images(path, data["images"])
        return CocoFile(
            path=path,
            images=images,
            annotations=[_annotation(path, raw) for raw in data["annotations"]],
            categories=[dict(raw) for raw in data["categories"]],
            repeated=repeated,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SourceError(
            f"{path} is no COCO keypoint file: {reason(error)}",
            fix="export it as 'COCO keypoints' from the labelling tool",
        ) from error


def _images(path: Path, raw: Sequence[Any]) -> tuple[dict[Id, Image], list[Id]]:
    images: dict[Id, Image] = {}
    repeated = []
    for entry in raw:
        number, name = as_id(entry["id"]), str(entry["file_name"])
        size = (int(as_number(entry.get(key) or 0)) for key in ("height", "width"))
        height, width = size
        image = Image(name, (height, width) if height > 0 and width > 0 else None)
        known = images.setdefault(number, image)
        if known.file_name != name:
            raise SourceError(
                f"{path}: the pictures {known.file_name} and {name} have the same id {number}, "
                "so nobody can tell whose labels are whose",
                fix="give each picture its own id; when files are joined, count on",
            )
        if known is not image:
            repeated.append(number)
    return images, repeated


def _annotation(path: Path, raw: dict[str, Any]) -> Annotation:
    number = None if raw.get("id") is None else as_id(raw["id"])
    category = None if raw.get("category_id") is None else as_id(raw["category_id"])
    try:
        bbox = tuple(as_number(v) for v in raw.get("bbox") or ()) or None
        area = None if raw.get("area") is None else as_number(raw["area"])
        # Positions may be anything where v is 0, and are looked at later where it is not.
        keypoints = tuple(_place(v) for v in raw.get("keypoints") or ())
        is_crowd = bool(as_number(int(v) if (v := raw.get("iscrowd") or 0) is True else v))
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"{path}: annotation {number} holds something that is no number: {error}",
            fix="export the labels again",
        ) from error
    if bbox is not None and len(bbox) != 4:
        raise SourceError(
            f"{path}: the box of annotation {number} has {len(bbox)} numbers, not 4",
            fix="write it as x, y, width, height",
        )
    return Annotation(number, as_id(raw["image_id"]), category, keypoints, bbox, area, is_crowd)


def _place(value: Any) -> float:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return math.nan
    return as_number(value)
