"""Pictures of others as frames: all pages, turned as they say, no larger than pictures are."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.picture_headers import PictureHeader, read_header
from steadypose.engines.wording.printable import is_text
from steadypose.limits import MOST_PIXELS, most_pixels

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_Page = tuple[NDArray[Any], float, int | None]
"""(H, W, 3) BGR of any depth; how long an animation shows it, seconds, or 0; its largest value
where the file tells."""
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_MOST_BYTES = 8 * MOST_PIXELS  # four channels of two bytes each, not compressed
_SAMPLE = 32  # pictures of a folder whose range is looked at
_FRAMES_AT_ONCE = 32
_FAULTS = (OSError, ValueError, MemoryError, cv2.error, struct.error)


class Depth:
    """Turns samples of more than 8 bits into 8, all pictures of a folder alike.

    What the file says counts, otherwise the range of a sample of the folder: twelve bits are
    often kept in sixteen.

    Args:
        paths: The folder.
    """

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self._paths = paths
        self._range: dict[str, tuple[float, float]] = {}

    def to_8_bits(self, image: NDArray[Any], said: int | None) -> NDArray[np.uint8]:
        """An image as uint8; ``said``: its largest value, where the file tells."""
        if image.dtype == np.uint8:
            return image
        kind = image.dtype.str
        if kind not in self._range:
            self._range[kind] = (0.0, float(said)) if said else self._sampled(image)
        low, high = self._range[kind]
        values = (np.nan_to_num(image.astype(np.float32)) - low) * (255.0 / max(high - low, 1e-9))
        result: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        return result

    def _sampled(self, image: NDArray[Any]) -> tuple[float, float]:
        step = max(1, len(self._paths) // _SAMPLE)
        some = [image]
        for path in self._paths[::step]:
            pages = _pages_or_none(path)
            some += [page for page, *_ in pages[:1] if page.dtype == image.dtype]
        low, high = (float(f([f(np.nan_to_num(page)) for page in some])) for f in (np.min, np.max))
        if image.dtype.kind == "f":
            return (0.0, 1.0) if low >= 0 and high <= 1 else (min(low, 0.0), high)
        bits = max(8, int(high).bit_length())
        return min(low, 0.0), float((1 << (bits + bits % 2)) - 1)


def picture_frames(
    paths: Sequence[Path], fps: float, *, has_own_times: bool
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """The pages of all pictures as (H, W, 3) uint8 BGR, and their times.

    Args:
        paths: Picture files.
        fps: So many pages a second.
        has_own_times: An animation is shown as fast as it says.

    Raises:
        SourceError: After the last: some could not be read. They do not cost the others.
    """
    depth, number, time_s = Depth(paths), 0, 0.0
    bad: list[Path] = []
    why = ""
    for path in paths:
        count = 0
        try:
            for image, lasts_s, most_value in _pages(path):
                yield depth.to_8_bits(image, most_value), time_s if has_own_times else number / fps
                count += 1
                number += 1
                time_s += lasts_s or 1.0 / fps
        except _FAULTS:
            count = 0
        except _TooOldError as error:
            count, why = 0, f"; {error}"
        if not count:
            bad.append(path)
            number += 1  # its place in time stays
    if bad:
        raise SourceError(
            f"{len(bad)} of {len(paths)} pictures could not be read, the first is {bad[0]}{why}",
            fix="repair or remove them (none may have more than "
            f"{most_pixels() / 1e6:g} megapixels); whatever could be read was processed",
        )


def is_picture(path: Path) -> bool:
    """Whether a name is a picture's; macOS leaves twins that begin with ``._`` on other disks."""
    is_named = path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("._")
    return is_named and not path.is_dir()


def decode_picture(data: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The bytes of a picture file as (H, W, 3) uint8 BGR, turned as it says.

    Returns:
        None where it is no picture, or has more than ``most_pixels()``.
    """
    try:
        return _checked(cv2.imdecode(data, cv2.IMREAD_COLOR)) if data.size else None
    except (cv2.error, ValueError):
        return None


def is_too_large(width: int, height: int) -> bool:
    """Whether a picture, or a video's frame, is larger than any that is read."""
    return width * height > most_pixels()


class _TooOldError(Exception):
    """This OpenCV does not know it."""


def _pages_or_none(path: Path) -> list[_Page]:
    """The first page; none where it cannot be read."""
    try:
        return [next(_pages(path))]
    except (*_FAULTS, _TooOldError, StopIteration):
        return []


def _pages(path: Path) -> Iterator[_Page]:
    """Every page or frame of a picture file.

    Raises:
        OSError, ValueError, MemoryError, cv2.error: It cannot be read.
        _TooOldError: This OpenCV cannot.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise ValueError
        data = file.read()
    header = read_header(data)
    if not header.is_whole or not is_text(path):  # OpenCV 5.0 crashes at names that are no text
        raise ValueError
    if path.suffix.lower() in {".tif", ".tiff"}:
        yield from _tiff_pages(path, data, header)
    elif header.frames > 1 and data.startswith(b"RIFF"):
        yield from _webp_frames(path, data, header)
    elif header.frames > 1:
        yield from _png_frames(path, header)
    else:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
        yield _turned(_checked(image), header.orientation), 0.0, header.most_value


def _tiff_pages(path: Path, data: bytes, header: PictureHeader) -> Iterator[_Page]:
    if header.orientation > 4:  # OpenCV 5.0 fails at those that lie on their side
        upright = bytearray(data)
        for at in header.orientations_at:
            struct.pack_into(f"{header.byte_order}H", upright, at, 1)
        _, images = cv2.imdecodemulti(np.frombuffer(upright, np.uint8), _FLAGS)
        for image in images or (None,):
            yield _turned(_checked(image), header.orientation), 0.0, header.most_value
        return
    is_named = _is_found(path)
    pages = cv2.imcount(str(path), _FLAGS) if is_named else header.pages

    def read(number: int, flags: int) -> Sequence[NDArray[Any]]:  # it turns them itself
        if is_named:
            return cv2.imreadmulti(str(path), number, 1, flags=flags)[1]
        buffer = np.frombuffer(data, np.uint8)
        try:
            return cv2.imdecodemulti(buffer, flags, range=(number, number + 1))[1]
        except (cv2.error, TypeError):  # an older OpenCV decodes all of them
            return cv2.imdecodemulti(buffer, flags)[1][number : number + 1]

    for number in range(max(1, pages)):
        # Gray numbers with a point are read only as they are.
        images = read(number, _FLAGS) or read(number, cv2.IMREAD_UNCHANGED)
        yield _coloured(_checked(images[0] if images else None)), 0.0, header.most_value


def _is_found(path: Path) -> bool:
    """Whether OpenCV finds a file by its name: on Windows only by ASCII."""
    return os.name != "nt" or str(path).isascii()


def _coloured(image: NDArray[Any]) -> NDArray[Any]:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _webp_frames(path: Path, data: bytes, header: PictureHeader) -> Iterator[_Page]:
    if not hasattr(cv2, "imreadanimation"):
        raise _TooOldError(f"OpenCV {cv2.__version__} cannot read animated WebP, newer ones can")
    for first in range(0, header.frames, _FRAMES_AT_ONCE):
        if _is_found(path) or not hasattr(cv2, "imdecodeanimation"):
            _, film = cv2.imreadanimation(str(path), first, _FRAMES_AT_ONCE)
        else:
            buffer = np.frombuffer(data, np.uint8)
            _, film = cv2.imdecodeanimation(buffer, first, _FRAMES_AT_ONCE)
        for image, lasts_ms in zip(film.frames, film.durations, strict=False):
            image_bgr = np.ascontiguousarray(_checked(image)[..., :3])
            yield _turned(image_bgr, header.orientation), float(lasts_ms) / 1e3, None


def _png_frames(path: Path, header: PictureHeader) -> Iterator[_Page]:
    import av  # noqa: PLC0415 - takes its time, and few pictures move

    try:
        with av.open(str(path)) as film:
            for frame in film.decode(video=0):
                lasts_s = float((frame.duration or 0) * frame.time_base)
                image = _checked(frame.to_ndarray(format="bgr24"))
                yield _turned(image, header.orientation), lasts_s, None
    except av.error.FFmpegError as error:
        raise ValueError from error


def _turned(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An image as Exif says that it is to be seen."""
    if orientation > 4:
        image = image.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.ascontiguousarray(np.flip(image, flips.get(orientation, ())))


def _checked(image: NDArray[Any] | None) -> NDArray[Any]:
    """An image that could be read, also where OpenCV was loaded before its limit was set.

    Raises:
        ValueError: It could not, or is too large.
    """
    if image is None or is_too_large(image.shape[1], image.shape[0]):
        raise ValueError
    return image
