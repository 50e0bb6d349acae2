"""Small pieces of HTML that every part of the page uses."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from steadypose.engines.printable import visible

DASH, MINUS, TIMES = "\u2013", "\u2212", "\u00d7"
SIDES = ("left", "right", "middle")


def escape(text: str) -> str:
    """Plain text as HTML and XML, on one line and with everything in it visible."""
    return html.escape(visible(text))


def side_of(keypoint: str) -> str:
    """``left``, ``right`` or ``middle``, from the keypoint's name."""
    side = keypoint.split("_", 1)[0]
    return side if side in {"left", "right"} else "middle"


def spoken(name: str) -> str:
    """A keypoint's name as people write it."""
    return name.replace("_", " ")


def number(value: float, digits: int = 2) -> str:
    """A figure with so many decimals and thin spaces between thousands; NaN is a dash."""
    if not math.isfinite(value):
        return DASH
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", MINUS)


def legend(sides: Sequence[str], *, has_raw: bool = False) -> str:
    """What the colours and widths of a picture mean."""
    words = {"left": "left", "right": "right", "middle": "middle"}
    keys = [f'<span class="key {s}">{words[s]}</span>' for s in SIDES if s in sides]
    if has_raw:
        keys.append('<span class="key thin">raw</span><span class="key">filtered</span>')
        keys.append('<span class="key dots">predicted</span>')
    return f'<p class="legend">{"".join(keys)}</p>'


def figure(title: str, content: str, note: str) -> str:
    """A picture with its title above and one sentence below that says what to look for.

    Args:
        title: Plain text.
        content: HTML.
        note: Plain text.
    """
    return (
        f"<figure><h3>{escape(title)}</h3>{content}<figcaption>{escape(note)}</figcaption></figure>"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, side by side where there is room; plain text."""
    rows = [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs]
    return f'<dl class="facts">{"".join(rows)}</dl>'
