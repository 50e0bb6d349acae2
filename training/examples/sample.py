"""A data set's samples: one image with one labelled person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.limits import most_pixels
from steadypose.realtime.sources.pictures import decode_picture

Outside = Literal["error", "drop"]

# A label this far outside its image (share of its longer side) is an error; less is an
# annotator's rounding.
_SLACK = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One person in one image.

    Attributes:
        name: File name, and the row if a file holds several people; for messages.
        image_bgr: (H, W, 3) uint8.
        xy: (K, 2) float32 picture pixels, pixel centres at integers; meaningless where
            not known.
        is_known: (K,) bool, the keypoint is labelled: it trains the network.
        is_counted: (K,) bool, the label is good enough to measure with (people's labels).
        bbox: (4,) float32 x1, y1, x2, y2, picture pixels: the person's box as labelled,
            or the tight box of the known keypoints.
        head_px: Head size in pixels for PCKh, NaN where the data set has none.
        is_hidden: (K,) bool, labelled although occluded; none if the data set does
            not specify it.
    """

    name: str
    image_bgr: NDArray[np.uint8]
    xy: NDArray[np.float32]
    is_known: NDArray[np.bool_]
    is_counted: NDArray[np.bool_]
    bbox: NDArray[np.float32]
    head_px: float = float("nan")
    is_hidden: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """What is known of a person without looking at the picture.

    Attributes:
        name: As in ``Sample``.
        picture: The picture's file; None: it is not a file of its own.
        image_hw: The picture's size as labelled; None: not known without reading it.
        xy: As in ``Sample``.
        is_known: Likewise.
        bbox: (4,) float32 x1, y1, x2, y2 as labelled; None: there is none.
    """

    name: str
    picture: Path | None
    image_hw: tuple[int, int] | None
    xy: NDArray[np.float32]
    is_known: NDArray[np.bool_]
    bbox: NDArray[np.float32] | None


class PoseDataset(Protocol):
    """Labelled people by row number. Rows may be read by several processes."""

    name: str
    skeleton: Skeleton

    def __len__(self) -> int:
        """Number of labelled people."""
        ...

    def sample(self, row: int) -> Sample:
        """Load one person.

        Raises:
            SourceError: The image is missing or broken, or a label is impossible.
        """
        ...

    def labels(self) -> Iterator[Label]:
        """Labels of all rows, from memory; none where pictures are drawn on the fly."""
        ...


def usable(dataset: PoseDataset, rows: Iterable[int]) -> Iterator[tuple[int, Sample]]:
    """The samples of these rows that have a box: the only place where this is decided.

    A person without one usable label (all outside the picture, and dropped) has none.

    Raises:
        SourceError: See ``PoseDataset.sample``.
    """
    for row in rows:
        sample = dataset.sample(row)
        if np.isfinite(sample.bbox).all():
            yield row, sample


def usable_from(dataset: PoseDataset, row: int) -> Sample:
    """The sample of a row, or of the next usable one.

    Raises:
        SourceError: There is none, or see ``PoseDataset.sample``.
    """
    count = len(dataset)
    for _, sample in usable(dataset, ((row + n) % count for n in range(count))):
        return sample
    raise SourceError(
        f"data set {dataset.name} has no person with a usable label", fix="check its labels"
    )


def tight_bbox(xy: NDArray[np.float32], is_known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(4,) x1, y1, x2, y2 around the known keypoints; NaN where none is known."""
    if not is_known.any():
        return np.full(4, np.nan, np.float32)
    known = xy[is_known]
    return np.concatenate((known.min(axis=0), known.max(axis=0))).astype(np.float32)


def decode_image(data: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Decode an image file's bytes to (H, W, 3) uint8 BGR.

    Raises:
        SourceError: The bytes are not an image.
    """
    image = decode_picture(data)
    if image is None:
        raise SourceError(
            f"{name} is not a readable picture",
            fix="replace the file, or remove it from the list (none may have more than "
            f"{most_pixels() / 1e6:g} megapixels)",
        )
    return image


def read_image(path: Path, *, fix: str = "set the folder of the pictures") -> NDArray[np.uint8]:
    """Read an image file to (H, W, 3) uint8 BGR.

    Raises:
        SourceError: It is missing, or not an image.
    """
    try:
        with open_regular(path) as file:
            data = np.frombuffer(file.read(), np.uint8)
        return decode_image(data, str(path))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}", fix=fix) from error


def check_inside(
    name: str,
    xy: NDArray[np.float32],
    is_known: NDArray[np.bool_],
    image_bgr: NDArray[np.uint8],
    *,
    skeleton: Skeleton,
    outside: Outside,
) -> NDArray[np.bool_]:
    """Check a picture's labels for impossible positions.

    Returns:
        (K,) bool: known, and inside the image (or just beyond its edge).

    Raises:
        SourceError: A known keypoint lies outside, or is not a number, and ``outside``
            is ``error``.
    """
    height, width = image_bgr.shape[:2]
    inside = is_inside(xy, image_hw=(height, width))
    wrong = np.flatnonzero(is_known & ~inside)
    if wrong.size and outside == "error":
        k = int(wrong[0])
        raise SourceError(
            f"{name}: {skeleton.keypoints[k]} at ({xy[k, 0]:.0f}, {xy[k, 1]:.0f}) lies outside "
            f"its picture of {width}x{height}",
            fix='correct the label, or set outside = "drop" for this data set in the config',
        )
    return is_known & inside


def is_inside(xy: NDArray[np.floating], *, image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(K,) whether positions lie in a picture, or just beyond its edge; NaN does not."""
    height, width = image_hw
    slack = _SLACK * max(height, width)
    low, high = -0.5 - slack, np.array((width, height)) - 0.5 + slack
    return np.asarray(((xy >= low) & (xy <= high)).all(axis=1), np.bool_)
