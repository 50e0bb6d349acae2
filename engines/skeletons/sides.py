"""Which side of a body a keypoint's name speaks of, however people write it."""

from __future__ import annotations

import re
from typing import Literal

Side = Literal["left", "right", "middle"]

# A word of its own: left_x, x_left, l_x, x.l, leftX, LX, xL; left and right in full also without
# a border, but not in leftover or rightmost.
_SIDE = (
    r"(?:(?<![A-Za-z])(?P<word>{0}|{1}|{2}|{3}|{4})(?![A-Za-z]))"
    r"|(?:^(?P<camel>{0}|{1}|{4})(?=[A-Z]))"
    r"|(?:(?<=[a-z0-9])(?P<end>{1}|{4})$)"
    r"|(?:^(?P<first>{0}|{1}|{2})(?=[A-Za-z])(?!over|most|ward|ful))"
)
_LEFT = re.compile(_SIDE.format("left", "Left", "LEFT", "l", "L"))
_RIGHT = re.compile(_SIDE.format("right", "Right", "RIGHT", "r", "R"))
_TWINS = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}


def side_of(name: str) -> Side:
    """``left``, ``right`` or ``middle``: the first word of a name that says one."""
    left, right = _LEFT.search(name), _RIGHT.search(name)
    if left and right:
        return "left" if left.start() < right.start() else "right"
    return "left" if left else "right" if right else "middle"


def without_side(name: str) -> str:
    """A name without the word that says the side: left and right of one part get the same."""
    found = {"left": _LEFT, "right": _RIGHT}.get(side_of(name))
    rest = found.sub("", name, count=1).strip("_.-") if found else name
    return rest.replace("__", "_") or name


def right_twin(name: str) -> str | None:
    """The name of a left keypoint's mirror twin; None for all others."""
    if not _LEFT.search(name):
        return None
    return _LEFT.sub(lambda found: _TWINS[found[0]], name, count=1)
