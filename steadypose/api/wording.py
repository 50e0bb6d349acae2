"""What a mistake is called by whoever made it: a program has arguments, a terminal has options.

Everything below the library names options of the command line. What leaves the library passes
here, so that no other place needs to know who asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.registry import NAMES as BACKENDS
from steadypose.engines.wording.advice import command
from steadypose.realtime.model.places import QUALITIES
from steadypose.realtime.record.formats import tables
from steadypose.realtime.smooth.presets import NAMES as FILTERS
from steadypose.realtime.sources.opening import BROWSER

_WORDS = {
    "source": ("source", 'source="{}"'),
    "camera": ("source", 'source="{}"'),
    "list-models": (command("models"), ""),
    "list-cameras": (f"{command('run')} --list-cameras", ""),
    "doctor": (command("doctor"), ""),
    "force": ("force=True", ""),
    **dict.fromkeys(tables.NAMES, ("", "{}")),
    **{name: (name, f'{name}="{{}}"') for name in ("quality", "model", "backend", "smooth")},
    **{name: (name, f"{name}={{}}") for name in ("persons", "threads", "person")},
    "camera-control": ("controls of mode", "the control {}"),
    **{name: (f"{name} of mode", f'mode=sp.CameraMode({name}="{{}}")') for name in ("fourcc",)},
}
"""Of an option, what it is called without a value, and with one; empty: as it is."""

_CHOICES = frozenset((*BACKENDS, *QUALITIES, *FILTERS, "demo", BROWSER))
_VALUE = re.compile(r"[^a-z]")
"""What a value has and a word of a sentence that follows an option does not; or it is a choice.

So a sentence must quote a value that a user may choose freely, as ``{value!r}`` does: ``--model
yolo names no file`` would be told as ``model yolo``.
"""

_TYPED = re.compile(r"\b(python|steadypose|pip|ffmpeg|ffprobe|v4l2-ctl|git|unset) |--fetch\b")
_ONLY_THERE = re.compile(r"(; or| \(or) add --(fetch|auto-build)\b[^;)]*\)?")
_OPTION = re.compile(r"""(?<![\w./-])--([a-z][a-z-]*)(?:[ =]('[^']*'|"[^"]*"|[\w./+=-]*\w))?""")
_CLAUSE = re.compile(r"(; |, or |: )")
_OUTPUT = re.compile(r"^(OUT|-o) ")
_RECORDED = re.compile(r"\brecord\b.* with (?=--)")
"""Before options of a run: nothing else records."""


@contextmanager
def in_arguments(say_as: Callable[[str], str] | None = None) -> Iterator[None]:
    """Errors that leave this name arguments of the library.

    Args:
        say_as: Changes each sentence; None: ``as_arguments``.

    Raises:
        SteadyposeError: What was raised within, in other words.
    """
    try:
        yield
    except SteadyposeError as error:
        error.say_as(say_as or as_arguments)
        raise


def as_arguments(text: str) -> str:
    """A sentence that names options, as a program understands it; what is to be typed is kept."""
    return _told(_ONLY_THERE.sub("", text), _argument)


def as_words(text: str, options: Collection[str], choices: Collection[str]) -> str:
    """A sentence that names options, for a function that takes some of them as words.

    What is to be typed is kept.

    Args:
        text: The sentence.
        options: Those that it takes, with their dashes.
        choices: Values of theirs that are words.
    """

    def word(found: re.Match[str]) -> str:
        name, value = f"--{found[1]}", found[2]
        if name not in options:
            return found[0]
        if value is not None and (value in choices or _is_value(value)):
            return f'"{name}", "{_plain(value)}"'
        return f'"{name}"' if value is None else f'"{name}" {value}'

    return _told(text, word)


def _told(text: str, option: Callable[[re.Match[str]], str]) -> str:
    """A sentence, clause by clause: what is to be typed in one says nothing about the next."""
    parts = _CLAUSE.split(_OUTPUT.sub("output ", text))
    return "".join(_clause(part, option) for part in parts)


def _clause(text: str, option: Callable[[re.Match[str]], str]) -> str:
    if _TYPED.search(text):
        return f"{command('run')} {text}" if text.startswith("--") else text
    if found := _RECORDED.search(text):
        return f"{text[: found.end()]}{command('run')} {text[found.end() :]}"
    return _OPTION.sub(option, text)


def _is_value(word: str) -> bool:
    return word in _CHOICES or _VALUE.search(word) is not None


def _plain(value: str) -> str:
    return value.strip("'\"")


def _argument(found: re.Match[str]) -> str:
    option, value = found[1], found[2]
    alone, with_value = _WORDS.get(option, ("", ""))
    if value is not None and _is_value(value) and with_value:
        return with_value.format(_plain(value))
    if not alone:
        return found[0]
    return alone if value is None else f"{alone} {value}"
