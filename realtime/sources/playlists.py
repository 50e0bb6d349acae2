"""Is a video file only a list of other files? FFmpeg would open whatever it names."""

from __future__ import annotations

from pathlib import Path

from steadypose.engines.foreign.files import open_regular

_LOOKED_AT = 1 << 20  # as far as FFmpeg looks to find out what a file is
_ID3 = b"ID3"  # FFmpeg skips such a tag first
_ID3_HEAD = 10
_MOST_TAGS = 16
# HLS, FFmpeg's own lists, and subtitles that name a second file, at the beginning.
_BEGINNINGS = (b"#EXTM3U", b"ffconcat", b"# VobSub index file")
# DASH, IMF, and descriptions of streams, anywhere in a text.
_MARKS = (b"<MPD", b"<CompositionPlaylist", b"<AssetMap", b"c=IN IP")


def names_other_files(path: Path) -> bool:
    """Whether FFmpeg would take a file for a list of others.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        data = file.read(_LOOKED_AT)
        for _ in range(_MOST_TAGS):
            if not data.startswith(_ID3) or len(data) < _ID3_HEAD:
                break
            size = 0
            for byte in data[6:_ID3_HEAD]:
                size = size << 7 | byte & 0x7F
            file.seek(file.tell() - len(data) + _ID3_HEAD + size)
            data = file.read(_LOOKED_AT)
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\0")[0]
    return text.startswith(_BEGINNINGS) or any(mark in text for mark in _MARKS)
