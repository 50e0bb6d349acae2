"""Keys of the window under keyboard layouts of other alphabets, and keys that mean nothing."""

from __future__ import annotations

import pytest

from steadypose.realtime.app.display import Window
from tests.realtime.app.test_window import Screen

# X keysyms (X11/keysymdef.h) of the letters on the keys Q, R, S, M, K and H.
LAYOUTS = {
    "Russian": "qrsmkh 6ca 6cb 6d9 6d8 6cc 6d2",
    "Ukrainian": "s 6a6",
    "Greek": "rsmkh 7f1 7f2 7ec 7ea 7e7",
    "Hebrew": "rsmkh cf8 ce3 cf6 cec ce9",
    "Arabic": "qrsmkh 5d6 5e2 5d3 5c9 5e6 5c7",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_key_does_the_same_under_any_alphabet(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    screen = Screen(monkeypatch)
    letters, *codes = LAYOUTS[layout].split()
    screen.keys = [int(code, 16) for code in codes]
    assert Window().pressed() == list(letters)


def test_a_key_without_a_meaning_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    screen.keys = [0x1B1, 0xFFBE, ord("Q"), 0xE9]  # a Latin-2 letter, F1, Q, e with an accent
    assert Window().pressed() == [
        "key 0x1b1",
        "key 0xffbe",
        "q",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ]
