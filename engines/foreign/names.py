"""The one rule for names that come out of files: of models, recipes, skeletons and keypoints.

Such names become file names, heads of tables and lines on a terminal.
"""

from __future__ import annotations

import re

RULE = "a name has letters, digits, '.', '_' and '-', at most 64, and begins with no '.' or '-'"
_NAME = re.compile(r"\w[\w.-]{0,63}")


def is_name(text: str) -> bool:
    """Whether a text keeps ``RULE``; letters may be of any alphabet."""
    return _NAME.fullmatch(text) is not None


def shown(text: str) -> str:
    """A name that breaks the rule, short and harmless enough for a sentence."""
    return ascii(text if len(text) <= 64 else text[:64] + "...")


def as_name(text: str) -> str:
    """The nearest name that keeps ``RULE``, for labels that people typed; empty: there is none."""
    return re.sub(r"[^\w.-]", "_", text.strip()).lstrip(".-")[:64]
