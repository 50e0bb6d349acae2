"""Small pieces of HTML and text shared by all parts of the page."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from steadypose.engines.wording.printable import visible

DASH, MINUS, TIMES = "\u2013", "\u2212", "\u00d7"
SIDES = ("left", "right", "middle")


def escape(text: str) -> str:
    """Plain text as HTML and XML, on one line and with everything in it visible."""
    return html.escape(visible(text))


def spoken(name: str) -> str:
    """A keypoint's name in plain words."""
    return name.replace("_", " ")


def number(value: float, digits: int = 2) -> str:
    """Format a number with thin spaces between thousands; NaN is a dash."""
    if not math.isfinite(value):
        return DASH
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", MINUS)


def legend(sides: Sequence[str], *, has_raw: bool = False) -> str:
    """The legend of a figure's colours and line widths."""
    words = {"left": "left", "right": "right", "middle": "middle"}
    keys = [f'<span class="key {s}">{words[s]}</span>' for s in SIDES if s in sides]
    if has_raw:
        keys.append('<span class="key thin">raw</span><span class="key">filtered</span>')
        keys.append('<span class="key dots">predicted</span>')
    return f'<p class="legend">{"".join(keys)}</p>'


def figure(title: str, content: str, note: str) -> str:
    """A figure with its title above and a sentence below on what to look for.

    Args:
        title: Plain text.
        content: HTML.
        note: Plain text.
    """
    return (
        f"<figure><h3>{escape(title)}</h3>{content}<figcaption>{escape(note)}</figcaption></figure>"
    )


def definition_list(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and plain-text values as an HTML list, side by side if there is room."""
    rows = [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs]
    return f'<dl class="facts">{"".join(rows)}</dl>'
