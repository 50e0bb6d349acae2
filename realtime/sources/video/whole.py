"""Is a file as long as its container says? Where a header's counts agree, the lengths may not.

Containers nest boxes that begin with their length (MP4: ISO/IEC 14496-12; Matroska: RFC 9559; AVI:
RIFF). Only the outermost are followed, so a file of any size is judged in no time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

_MOST_BOXES = 1_000_000
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # length, where the mark is
_TS_MARK = 0x47
_SEGMENT, _CLUSTER, _CUES = 0x18538067, 0x1F43B675, 0x1C53BB6B
# What lies beside the clusters: SeekHead, Info, Tracks, Cues, Attachments, Chapters, Tags, Void.
_AROUND = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, _CUES, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC}
)
# The head of the file, and what lies in clusters.
_KNOWN = _AROUND | {0x1A45DFA3, _SEGMENT, _CLUSTER, 0xA3, 0xA0, 0xE7, 0xAB, 0xA7, 0xBF}


class Cut(NamedTuple):
    """Where a file was cut.

    Attributes:
        has_frames: Frames may be among them.
    """

    has_frames: bool


def cut_of(file: BinaryIO, formats: frozenset[str]) -> Cut | None:
    """Where a file is shorter than its container says; None where nothing shows it.

    Args:
        file: Its position is kept.
        formats: FFmpeg's names of the container's format.
    """
    look = _look_of(formats)
    if look is None:
        return None
    at = file.tell()
    try:
        return look(file, os.fstat(file.fileno()).st_size)
    finally:
        file.seek(at)


def _look_of(formats: frozenset[str]) -> Callable[[BinaryIO, int], Cut | None] | None:
    for name, look in (
        ("mp4", _mp4),
        ("matroska", _matroska),
        ("avi", _avi),
        ("mpegts", _transport_stream),
    ):
        if name in formats:
            return look
    return None


def _mp4(file: BinaryIO, size: int) -> Cut | None:
    at, kind = 0, b""
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        length, next_kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:  # that of a large box follows; where even that is cut, it is beyond all
            length = int.from_bytes(head[8:].ljust(8, b"\xff"), "big")
        if length < 8 or not next_kind.isalnum():  # to the end of the file, or no box at all
            return None
        kind = next_kind
        at += length
        if at > size:
            return Cut(has_frames=kind in {b"mdat", b"moof"})
    if kind == b"moof":  # its frames would follow
        return Cut(has_frames=True)
    return None


def _matroska(file: BinaryIO, size: int) -> Cut | None:
    at = promised = 0
    has_index = False
    for _ in range(_MOST_BOXES):
        file.seek(at)
        name, name_length = _number(file.read(4), keeps_mark=True)
        file.seek(at + name_length)
        length, length_length = _number(file.read(8), keeps_mark=False)
        if name not in _KNOWN or not length_length:
            break
        at += name_length + length_length
        is_unknown = length == (1 << 7 * length_length) - 1
        if name == _SEGMENT:
            if not is_unknown:
                promised = at + length
                if promised <= size:
                    return None
        elif is_unknown and name != _CLUSTER:
            break
        elif not is_unknown:
            at += length
            if at > size:
                return Cut(has_frames=name not in _AROUND)
            has_index = has_index or name == _CUES
    return Cut(has_frames=not has_index) if promised > size else None


def _number(data: bytes, *, keeps_mark: bool) -> tuple[int, int]:
    """A number of variable length (RFC 8794) and how many bytes it takes; 0, 0 where it is none."""
    if not data or not data[0]:
        return 0, 0
    length = 9 - data[0].bit_length()
    if len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keeps_mark else value & ((1 << 7 * length) - 1)), length


def _avi(file: BinaryIO, size: int) -> Cut | None:
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF":
            return None
        length = int.from_bytes(head[4:8], "little")
        if at + 8 + length > size:
            return Cut(has_frames=not _has_all_frames(file, at, size))
        at += 8 + length + length % 2
    return None


def _has_all_frames(file: BinaryIO, at: int, size: int) -> bool:
    """Whether the list of frames within a RIFF that was cut is whole."""
    at += 12
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(12)
        if len(head) < 12:
            return False
        end = at + 8 + int.from_bytes(head[4:8], "little")
        if head[:4] == b"LIST" and head[8:] == b"movi":
            return end <= size
        at = end + end % 2
    return False


def _transport_stream(file: BinaryIO, size: int) -> Cut | None:
    file.seek(0)
    data = file.read(3 * 204)
    for length, mark in _TS_PACKETS:
        marks = data[mark::length]
        if len(marks) >= 2 and set(marks) == {_TS_MARK}:
            return Cut(has_frames=True) if size % length else None
    return None
