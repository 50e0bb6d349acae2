"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: 1 frame, 2 frames.

    Args:
        number: How many.
        thing: What one of them is called.
        things: What several are called; empty: the same with an s.
    """
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
