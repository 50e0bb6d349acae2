"""How all commands read their options and end: with a result, or a sentence and exit code 2."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.engines.foreign import patience
from steadypose.engines.wording.advice import (
    IS_CHECKOUT,
    as_typed,
    environment_python,
    install,
    said,
)
from steadypose.engines.wording.printable import quoted, visible
from steadypose.engines.wording.telling import tell, tell_raw

ANY = 10**9
"""No limit worth naming."""
_DASHES = "-\N{EN DASH}\N{EM DASH}"  # word processors make the last of two of the first
_SHORTEST = 4  # letters of an option that are enough to guess it, dashes included
_FEW = 3


class Parser(argparse.ArgumentParser):
    """Usage errors look like all others: a fact and a fix, exit code 2."""

    stray_fix = ""
    """What to do about a word that belongs to no option; ``{word}`` stands for it."""

    known_fixes: Mapping[str, str] = MappingProxyType({})
    """What to do about some messages of argparse, where the list of options helps nobody."""

    def __init__(self, **options: Any) -> None:
        for text in ("description", "epilog"):
            options[text] = as_typed(options.get(text) or "")
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting.

        Raises:
            UsageError: Always.
        """
        words = message.removeprefix("unrecognized arguments: ").split()
        fix = self.known_fixes.get(message, f"{self.prog} --help lists the options")
        if message.startswith("unrecognized") and words:
            typed = next((word for word in words if word[0] in _DASHES), None)
            if words[0][0] not in _DASHES and self.stray_fix:
                fix = self.stray_fix.format(word=quoted(words[0]))
            elif typed is not None and (near := self._like(typed)):
                fix = f"{' or '.join(near)} is what you mean; {fix}"
        raise UsageError(message, fix=fix)

    def _like(self, typed: str) -> list[str]:
        """Options that begin like a mistyped one, if these are few, or the one spelt like it."""
        name = "--" + typed.partition("=")[0].strip(_DASHES).lower()
        if len(name) < _SHORTEST:
            return []
        known = sorted(option for option in self._option_string_actions if option[:2] == "--")
        begun = [option for option in known if option.startswith(name)]
        if 0 < len(begun) <= _FEW:
            return begun
        return difflib.get_close_matches(name, known, n=1, cutoff=0.7)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version, also where they are longer than somebody wants to read."""
        tell_raw(message or "", to_error=file is sys.stderr)


@dataclass(frozen=True, slots=True)
class Number:
    """Parses a number in a range.

    Attributes:
        low: Smallest.
        high: Largest; from ``ANY`` on no limit worth naming.
        is_whole: Refuse fractions.
    """

    low: float
    high: float
    is_whole: bool = True

    @property
    def title(self) -> str:
        """What a value is."""
        return "a whole number" if self.is_whole else "a number"

    @property
    def kinds(self) -> tuple[type, ...]:
        """Types of a value where it is no text."""
        return (int,) if self.is_whole else (int, float)

    def __call__(self, text: str) -> float:
        """Parse it for argparse."""
        try:
            value = int(text) if self.is_whole else float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {self.title}") from None
        if not self.low <= value <= self.high:
            limits = f"between {self.low} and {self.high}"
            if self.high >= ANY:
                limits = f"{self.low} or more"
            raise argparse.ArgumentTypeError(f"{text} is not {limits}")
        return value


class Switch(argparse.Action):
    """``--name`` switches on and ``--no-name`` off, so that each can take back the other."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, *, default: bool = False, **about: Any
    ) -> None:
        (self.on,) = option_strings
        self.off = f"--no-{self.on.removeprefix('--')}"
        super().__init__([self.on, self.off], dest, nargs=0, default=default, **about)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Note which of the two was typed."""
        setattr(namespace, self.dest, option_string == self.on)

    def word(self, option: str, *, is_true: bool) -> str:
        """What to type where one of the two options is said to be true, or false."""
        return self.on if is_true == (option == self.on) else self.off


def file_name(text: str) -> Path:
    """Parse the name of a file, which neither an empty text nor a folder's dot is."""
    path = Path(text)
    if not path.name:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a file")
    return path


def require(*packages: str, requirements: str) -> None:
    """End with a sentence where a package is missing that the command being run needs.

    A script calls it where it is run, not where it is imported, before it imports what may
    be missing.

    Args:
        packages: As they are imported.
        requirements: The file that names them.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        fix = install(requirements)
        if IS_CHECKOUT:
            fix = f"{environment_python()} -m {fix}"
            if os.name != "nt":
                fix = f"make setup-export, and run it with {environment_python()}; or {fix}"
        tell(
            (
                f"error: {visible(Path(sys.argv[0]).name)} needs {', '.join(missing)}, "
                f"not installed for {visible(sys.executable)}",
                f"  fix: {fix}",
            )
        )
        sys.exit(2)


def run_command(work: Callable[[], str | Sequence[str]]) -> int:
    """Do the work and print what it returns; returns the exit code.

    Args:
        work: Leaves nothing half-written when it is interrupted. Returns a line, or lines;
            a line break within one is shown, not made.
    """
    patience.is_command = True
    try:
        tell(work(), to_error=False)
    except SteadyposeError as error:
        tell(said(error.what, error.fix))
        return 2
    except KeyboardInterrupt:
        tell(("error: interrupted; nothing was written", "  fix: run it again"))
        return 2
    return 0
