"""Text of others on its way to a terminal, a table or a page: the one place that tames it.

Names of files, keypoints and models are chosen by whoever made them. Printed as they are, they
could move the cursor, add a line that the program never said, or turn what follows round.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any

# Control characters, line ends of Unicode, what turns the direction of writing, and halves of
# surrogate pairs, which stand for bytes of a file name that are no text and cannot be encoded.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
# With these a spreadsheet's formula begins, in full width as well (OWASP, "CSV Injection").
_FORMULA = re.compile("'*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_NEEDS_QUOTES = re.compile('[,;"]|^ | $')


def visible(text: object) -> str:
    r"""One line in which nothing is hidden: an escape character becomes ``\x1b``.

    Doing it twice changes nothing more.

    Args:
        text: Anything; its ``str`` is shown.
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], str(text))


def is_text(name: object) -> bool:
    """Whether a file's name is text: libraries crash, or complain in their own words, if not."""
    return not any("\ud800" <= char <= "\udfff" for char in str(name))


def visible_lines(lines: str | Sequence[str]) -> str:
    """Several lines as one text; a single string is a single line, whatever is in it."""
    return "\n".join(map(visible, (lines,) if isinstance(lines, str) else lines))


def visible_values(value: Any) -> Any:
    """JSON values of which every text, and every name of a text, is ``visible``."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(name): visible_values(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [visible_values(inner) for inner in value]
    return value


def quoted(word: object) -> str:
    """A word of the user's within a command that is suggested to be pasted: it stays one word."""
    text = str(word)
    if text.startswith("-"):  # a file that would be taken for an option
        text = f"./{text}"
    return _quote(text)


def to_command(*words: object) -> str:
    """A whole command to be pasted, options included."""
    return " ".join(_quote(str(word)) for word in words)


def _quote(text: str) -> str:
    text = visible(text)
    # The Windows shells know neither single quotes nor a backslash that must be quoted.
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)


def to_cell(text: str) -> str:
    """A text as a cell of a CSV: one line, quoted where need be, and never a formula.

    What would begin a formula gets an apostrophe before it; ``from_cell`` takes it away.
    """
    text = visible(text)
    if _FORMULA.match(text):
        text = f"'{text}"
    if not _NEEDS_QUOTES.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def from_cell(text: str) -> str:
    """A cell that ``to_cell`` wrote, as the csv module has read it."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def exit_text(code: int) -> str:
    """How a program ended, by its exit code as ``subprocess`` has it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
