"""What a mistake is called by whoever made it: a program has arguments, a terminal has options.

Everything below the library names options of the command line. What leaves the library passes
here, so that no other place needs to know who asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.wording.advice import command

_WORDS = {
    "source": ("source", 'source="{}"'),
    "camera": ("source", 'source="{}"'),
    "list-models": (command("models"), ""),
    "list-cameras": (f"{command('run')} --list-cameras", ""),
    "doctor": (command("doctor"), ""),
    "force": ("force=True", ""),
    **dict.fromkeys(("csv", "jsonl", "parquet"), ("", "{}")),
    **{name: (name, f'{name}="{{}}"') for name in ("quality", "model", "backend", "smooth")},
    **{name: (name, f"{name}={{}}") for name in ("persons", "threads", "person")},
    "camera-control": ("controls of mode", "the control {}"),
    **{name: (f"{name} of mode", f'mode=sp.CameraMode({name}="{{}}")') for name in ("fourcc",)},
}
"""Of an option, what it is called without a value, and with one; empty: as it is."""

_SENTENCE = frozenset(
    [
        *("is", "are", "out", "needs", "and", "or", "for", "if", "to", "has", "does", "not"),
        *("names", "in", "with", "looks", "lies", "that", "built"),
    ]
)
"""What follows an option in a sentence and is no value."""

_TYPED = re.compile(r"\b(python|steadypose|pip|ffmpeg|ffprobe|v4l2-ctl|git|unset) |--fetch\b")
_ONLY_THERE = re.compile(r"(; or| \(or) add --(fetch|auto-build)\b[^;)]*\)?")
_OPTION = re.compile(r"""(?<![\w./-])--([a-z][a-z-]*)(?:[ =]('[^']*'|"[^"]*"|[\w./+-]*\w))?""")
_CLAUSE = re.compile(r"(; |, or |: )")


@contextmanager
def in_arguments() -> Iterator[None]:
    """Errors that leave this name arguments of the library.

    Raises:
        SteadyposeError: What was raised within, in other words.
    """
    try:
        yield
    except SteadyposeError as error:
        error.say_as(as_arguments)
        raise


def as_arguments(text: str) -> str:
    """A sentence that names options, as a program understands it; what is to be typed is kept."""
    parts = _CLAUSE.split(_ONLY_THERE.sub("", text))
    return "".join(map(_clause, parts))


def _clause(text: str) -> str:
    if not _TYPED.search(text):
        return _OPTION.sub(_argument, text)
    return f"{command('run')} {text}" if text.startswith("--") else text


def _argument(found: re.Match[str]) -> str:
    option, value = found[1], found[2]
    is_value = value is not None and value not in _SENTENCE
    alone, with_value = _WORDS.get(option, ("", ""))
    if is_value and with_value:
        return with_value.format(value.strip("'\""))
    if not alone:
        return found[0]
    return alone if value is None else f"{alone} {value}"
