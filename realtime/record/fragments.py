"""Fragments of an MP4 on the disk: what a failed write must not leave half."""

from __future__ import annotations

from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of a file, 0 before the container has made it."""
    return path.stat().st_size if path.exists() else 0


def cut_to_whole_fragments(path: Path, safe_size: int) -> None:
    """Remove the half-written fragment that a full disk leaves at the end of an MP4.

    Walks the top-level boxes (ISO 14496-12, section 4.2) and keeps everything up to the
    last complete media box within the bytes that were written without an error.

    Args:
        path: The file.
        safe_size: Bytes that are known to be good.
    """
    size = min(safe_size, size_of(path))
    if not path.exists():
        return
    whole = position = 0
    with path.open("r+b") as file:
        while position + 8 <= size:
            file.seek(position)
            head = file.read(8)
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if length < 8 or position + length > size:
                break
            position += length
            if kind in {b"moov", b"mdat"}:
                whole = position
        file.truncate(whole)
