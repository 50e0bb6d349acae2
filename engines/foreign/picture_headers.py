"""What the headers of picture files say, beyond what decoders tell: JPEG, PNG, WebP, TIFF.

Sources: ITU-T T.81 annex B (JPEG), W3C PNG third edition, RFC 9649 (WebP), TIFF 6.0,
BigTIFF, Exif 2.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*")
_BIG_TIFF = (b"II+\0", b"MM\0+")
_EXIF = b"Exif\0\0"
_ORIENTATION, _MOST_VALUE = 274, 281
_ALONE = {0x01, 0xFF, *range(0xD0, 0xD8)}  # JPEG markers without a length
_END, _SCAN = 0xD9, 0xDA


@dataclass(slots=True)
class PictureHeader:
    """What a picture file says of itself.

    Attributes:
        orientation: Of Exif, 1 to 8: how it is to be turned.
        frames: More than one: it is an animation (PNG, WebP).
        pages: Of a TIFF.
        most_value: The largest value of a sample, where the file tells.
        is_whole: Its end is there, as far as the format has one.
        orientations_at: Where in the file the pages of a TIFF have theirs.
        byte_order: Of a TIFF, for ``struct``.
    """

    orientation: int = 1
    frames: int = 1
    pages: int = 1
    most_value: int | None = None
    is_whole: bool = True
    orientations_at: list[int] = field(default_factory=list)
    byte_order: str = "<"


def read_header(data: bytes) -> PictureHeader:
    """Look through a picture file; damage inside only ends the look.

    Args:
        data: The whole file.
    """
    header = PictureHeader()
    try:
        if data.startswith(_JPEG):
            _read_jpeg(data, header)
        elif data.startswith(_PNG):
            _read_png(data, header)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            _read_webp(data, header)
        elif data.startswith(_TIFF + _BIG_TIFF):
            _read_tiff(data, header)
    except (struct.error, IndexError, OverflowError):
        header.is_whole = False
    return header


def _read_jpeg(data: bytes, header: PictureHeader) -> None:
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            header.is_whole = False
            return
        marker = data[at + 1]
        if marker == _END:
            return
        if marker in _ALONE or marker == 0:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == _EXIF:
            _read_exif(data[at + 10 : at + 2 + length], header)
        at += 2 + length
        if marker == _SCAN:
            at = _end_of_scan(data, at)


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker is; in a scan a stuffed 0 or a restart follows each FF of the data."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] and data[at + 1] not in _ALONE:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
    return len(data)


def _read_png(data: bytes, header: PictureHeader) -> None:
    depth = data[24]
    header.is_whole = False
    for kind, body in _chunks(data, len(_PNG), ">I4s", tail=4):
        if kind == b"acTL":
            header.frames = max(1, struct.unpack_from(">I", body)[0])
        elif kind == b"eXIf":
            _read_exif(body, header)
        elif kind == b"sBIT" and body and max(body) <= depth:
            header.most_value = (1 << max(body[:3])) - 1
        elif kind == b"IEND":
            header.is_whole = True


def _read_webp(data: bytes, header: PictureHeader) -> None:
    (size,) = struct.unpack_from("<I", data, 4)
    header.is_whole = len(data) >= size + 8
    frames = 0
    for kind, body in _chunks(data, 12, "<4sI", tail=0):
        if kind == b"EXIF":
            _read_exif(body.removeprefix(_EXIF), header)
        frames += kind == b"ANMF"
    header.frames = max(1, frames)


def _chunks(data: bytes, at: int, head: str, *, tail: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        first, second = struct.unpack_from(head, data, at)
        kind, length = (second, first) if isinstance(second, bytes) else (first, second)
        if at + 8 + length + tail > len(data):
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + tail + (0 if tail else length % 2)


def _read_exif(block: bytes, header: PictureHeader) -> None:
    inner = PictureHeader()
    if block.startswith(_TIFF):
        _read_tiff(block, inner)
    header.orientation = inner.orientation


def _read_tiff(data: bytes, header: PictureHeader) -> None:
    order = header.byte_order = "<" if data.startswith(b"II") else ">"
    is_big = data.startswith(_BIG_TIFF)
    counts, offsets = ("Q", "Q") if is_big else ("H", "I")
    size, first, head, link = (20, 8, 8, 8) if is_big else (12, 4, 2, 4)
    (at,) = struct.unpack_from(order + offsets, data, first)
    seen = set()
    while at and at not in seen:
        seen.add(at)
        header.pages = len(seen)
        (count,) = struct.unpack_from(order + counts, data, at)
        for entry in range(at + head, at + head + size * count, size):
            tag, kind, number = struct.unpack_from(f"{order}HH{offsets}", data, entry)
            value_at = entry + size - link
            (value,) = struct.unpack_from(f"{order}H", data, value_at)
            if tag == _ORIENTATION and 1 <= value <= 8:
                header.orientation = value if len(seen) == 1 else header.orientation
                header.orientations_at.append(value_at)
            elif tag == _MOST_VALUE and kind == 3 and number <= 2 and value > 255:
                header.most_value = value
        after = at + head + size * count
        if after + link > len(data):  # Exif of a camera may lack the last zero
            return
        (at,) = struct.unpack_from(order + offsets, data, after)
