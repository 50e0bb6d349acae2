"""What a file that is not ours may be, told by its first bytes."""

from __future__ import annotations

KIND_BYTES = 200
"""So many bytes tell."""

_KINDS = (
    ("a video", 4, (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")),
    (
        "a video",
        0,
        (b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),
    ),
    ("a video", 0, (b"0&\xb2u\x8ef\xcf\x11", b"YUV4MPEG2")),
    ("a video", 8, (b"AVI ",)),
    ("a picture", 0, (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")),
    ("a picture", 8, (b"WEBP",)),
    ("a spreadsheet", 0, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)),
    ("an archive or a spreadsheet", 0, (b"PK\x03\x04",)),
    ("a compressed file", 0, (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd", b"7z\xbc\xaf")),
    ("a page", 0, (b"<!DOCTYPE html", b"<!doctype html", b"<html")),
    ("a TRC, which has no scores and no people", 0, (b"PathFileType",)),
    ("a PDF", 0, (b"%PDF",)),
    ("a model file", 0, (b"\x08",)),
)
_TS = 188  # bytes of a packet of a transport stream, each of which begins with G


def kind_of(begin: bytes) -> str | None:
    """What a file is, with its article; None: nothing that is known here.

    Args:
        begin: Its first ``KIND_BYTES`` bytes.
    """
    for kind, at, marks in _KINDS:
        if begin[at:].startswith(marks):
            return kind
    return "a video" if begin[:1] == begin[_TS : _TS + 1] == b"G" else None
