"""A video whose disk got full: it ends with the last fragment that was written whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadypose.realtime.record.video import _cut_to_whole_fragments


def box(kind: bytes, content: int) -> bytes:
    return (8 + content).to_bytes(4, "big") + kind + bytes(content)


HEAD = box(b"ftyp", 12) + box(b"moov", 40)
FRAGMENT = box(b"moof", 20) + box(b"mdat", 100)


@pytest.mark.parametrize(
    ("content", "safe", "kept"),
    [
        (HEAD + 2 * FRAGMENT, 10_000, HEAD + 2 * FRAGMENT),
        (HEAD + 2 * FRAGMENT, len(HEAD + FRAGMENT), HEAD + FRAGMENT),
        (HEAD + 2 * FRAGMENT, len(HEAD + FRAGMENT) + 30, HEAD + FRAGMENT),
        (HEAD + 2 * FRAGMENT, len(HEAD + 2 * FRAGMENT) - 1, HEAD + FRAGMENT),
        ((HEAD + 2 * FRAGMENT)[:-1], 10_000, HEAD + FRAGMENT),
        (HEAD + FRAGMENT + FRAGMENT[:28], 10_000, HEAD + FRAGMENT),
        (HEAD + FRAGMENT + FRAGMENT[:7], 10_000, HEAD + FRAGMENT),
        (HEAD + FRAGMENT + bytes(500), 10_000, HEAD + FRAGMENT),
        (HEAD, 10_000, HEAD),
        (HEAD[:15], 10_000, b""),
        (b"", 10_000, b""),
    ],
    ids=[
        "all is good",
        "the last write failed though it is there",
        "a failed write in the middle of a fragment",
        "a byte of the last is not known to be good",
        "a byte is missing",
        "a fragment without its pictures",
        "a torn box",
        "zeros after a full disk",
        "only its head",
        "not even its head",
        "nothing",
    ],
)
def test_what_was_written_whole_and_without_an_error_stays(
    tmp_path: Path, content: bytes, safe: int, kept: bytes
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    _cut_to_whole_fragments(path, safe)
    assert path.read_bytes() == kept


def test_a_video_that_never_began_is_not_made(tmp_path: Path) -> None:
    _cut_to_whole_fragments(tmp_path / "a.mp4", 100)
    assert list(tmp_path.iterdir()) == []
