"""What a file of somebody else is, by its first bytes: a sentence says what was given instead."""

from __future__ import annotations

import pytest

from steadypose.engines.foreign.kinds import KIND_BYTES, kind_of

KINDS = {
    "a video": [
        b"\0\0\0\x18ftypisom",
        b"\0\0\1\0moov",
        b"\0\0\0\x08wide",
        b"\x1aE\xdf\xa3webm",
        b"OggS\0",
        b"FLV\x01",
        b"\0\0\1\xba",
        b"0&\xb2u\x8ef\xcf\x11\xa6",
        b"YUV4MPEG2 W64",
        b"RIFF\0\0\0\0AVI LIST",
        (b"G" + bytes(187)) * 3,
    ],
    "a picture": [b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM6", b"II*\0", b"MM\0*"],
    "an archive or a spreadsheet": [b"PK\x03\x04\x14"],
    "a compressed file": [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c"],
    "a page": [b"<!DOCTYPE html>", b"<html lang"],
    "a spreadsheet": [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"],
    "a PDF": [b"%PDF-1.7"],
    "a model file": [b"\x08\x0a"],
}


@pytest.mark.parametrize(
    ("kind", "content"), [(kind, content) for kind, many in KINDS.items() for content in many]
)
def test_a_file_is_called_what_it_is(kind: str, content: bytes) -> None:
    assert kind_of(content[:KIND_BYTES]) == kind


def test_a_webp_is_a_picture_and_an_avi_a_video_though_both_begin_alike() -> None:
    assert kind_of(b"RIFF\0\0\0\0WEBPVP8 ") == "a picture"
    assert kind_of(b"RIFF\0\0\0\0WAVEfmt ") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"frame,time_s\n0,0.0\n",
        b'{"format": "steadypose"}\n',
        b"Great people\n",
        b"G" + bytes(300),
        b"x" * 188 + b"G",
        b"xftyp",
        b" PNG",
    ],
)
def test_what_is_nothing_of_these_is_called_nothing(content: bytes) -> None:
    assert kind_of(content[:KIND_BYTES]) is None
