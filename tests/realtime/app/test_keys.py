"""What the window shows and says when a key is pressed; where there is none, nothing is drawn."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import Mock

import pytest

from steadypose.realtime.app.display import _key_name
from tests.support.scripted import make_loop

FRAMES: list[float | None] = [n / 30 for n in range(6)]


def test_a_snapshot_says_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(2, "s")])
    loop.app.run()
    (picture,) = (tmp_path / "out").glob("snapshot-*.png")
    said = {message for message in loop.messages if message}
    assert said == {f"saved {Path('out') / picture.name}"}


def test_a_snapshot_that_cannot_be_written_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    full = Mock(side_effect=OSError(errno.ENOSPC, "full"))
    monkeypatch.setattr("steadypose.realtime.record.outputs.replace_file", full)
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(2, "s")])
    loop.app.run()
    (said,) = {message for message in loop.messages if message}
    assert said.startswith("cannot write")


@pytest.mark.parametrize("key", ["s", "r"])
def test_a_snapshot_or_recording_for_which_there_is_no_folder_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").write_text("a file where the folder should be")
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(2, key)])
    loop.app.run()
    (said,) = {message for message in loop.messages if message}
    assert "out" in said
    assert loop.app.clock.frames == len(FRAMES)


def test_keys_before_the_first_picture_are_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [None, None, None, *FRAMES]
    keys = [(0, " "), (0, "m"), (0, "k"), (0, "s"), (0, "h"), (0, " ")]
    loop = make_loop(monkeypatch, script, keys=keys)
    loop.app.run()
    assert loop.app.clock.frames == len(FRAMES)
    assert all(loop.mirrored)
    assert all(loop.has_help)
    assert loop.people == [[2]] * len(FRAMES)  # raw


def test_space_says_paused_and_then_running(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:], keys=[(2, " "), (3, " ")])
    loop.app.run()
    assert list(dict.fromkeys(m for m in loop.messages if m)) == ["paused", "running"]


def test_where_there_is_no_window_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make_loop(monkeypatch, FRAMES[:])
    loop.window.is_window = False
    loop.app.run()
    assert loop.app.clock.frames == len(FRAMES)
    assert not loop.people
    assert not loop.window.shown


# What stands on the keys that have a meaning, as the systems' standard layouts have it. Of the two
# small sigmas X has each where the old code has the other.
LAYOUTS = {
    ("koi8_r", 0x600): "q\u0439 r\u043a s\u044b m\u044c k\u043b h\u0440",
    ("iso8859_7", 0x700): "r\u03c1 s\u03c2 m\u03bc k\u03ba h\u03b7",
    ("iso8859_8", 0xC00): "r\u05e8 s\u05d3 m\u05e6 k\u05dc h\u05d9",
    ("iso8859_6", 0x500): "q\u0636 r\u0642 s\u0633 m\u0629 k\u0646 h\u0627",
}


@pytest.mark.parametrize(
    ("page", "keys"), LAYOUTS.items(), ids=("Cyrillic", "Greek", "Hebrew", "Arabic")
)
def test_a_key_means_the_same_under_another_layout(page: tuple[str, int], keys: str) -> None:
    """An X keysym of these alphabets is a page and the letter's place in an old code."""
    encoding, begin = page
    for key in keys.split():
        latin, letter = key[0], key[1]
        (place,) = letter.encode(encoding)
        assert _key_name(begin + place) == latin, letter
        assert _key_name(begin + place | 1 << 20) == latin  # as GTK flags Num Lock


def test_capitals_and_escape_are_keys_and_others_are_told_apart() -> None:
    assert [_key_name(code) for code in (ord("Q"), ord("q"), 27, 0xE9)] == ["q", "q", "escape", "é"]
    assert _key_name(0xFF51) == "key 0xff51"  # the left arrow
