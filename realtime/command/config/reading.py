"""Options from a file, ``--config run.toml``: the names of the command line, which wins."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from steadypose.engines.errors import UsageError
from steadypose.engines.wording.advice import command
from steadypose.realtime.command.config.toml_table import read_toml
from steadypose.realtime.command.options.parser import Parser, Switch

NOT_IN_A_FILE = (
    "help",
    "version",
    "doctor",
    "list-models",
    "list-cameras",
    "config",
    "trust-engine",
)
"""What asks for something else than a run, and what nobody may say for the user."""


def parse_with_config(
    build_parser: Callable[[], Parser], argv: Sequence[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line over what the file of its ``--config`` says, if it names one.

    An option that is typed replaces its entry, and those that exclude it: ``--camera 1`` wins
    over ``source`` in the file.

    Args:
        build_parser: Makes the parser of a run.
        argv: The command line.

    Returns:
        All options, and the file's as they would be typed.

    Raises:
        UsageError: The command line or the file cannot be used.
    """
    parser = build_parser()
    given = parser.parse_args(argv)
    if given.config is None:
        return given, []
    words = read_words(given.config, parser)
    taken = set(vars(_typed(build_parser(), argv)))
    for group in parser._mutually_exclusive_groups:  # noqa: SLF001 - argparse has no public list
        names = {action.dest for action in group._group_actions}  # noqa: SLF001
        if names & taken:
            taken |= names
    kept = [word for name, word in words if name not in taken]
    return _parse(parser, [*kept, *argv], given.config), kept


def read_words(path: Path, parser: Parser) -> list[tuple[str, str]]:
    """The entries of a file as words of the command line, each with the name argparse gives it.

    Raises:
        UsageError: The file cannot be read; an entry is unknown, of the wrong type, or no value
            that its option can have.
    """
    fix = f"{command('init-config')} writes a file with all entries"
    actions = entries(parser)
    words = []
    for key, value in read_toml(path, fix=fix).items():
        if key in NOT_IN_A_FILE:
            raise UsageError(f"{path}: {key} cannot stand in a file", fix=f"type --{key}")
        if key not in actions:
            near = difflib.get_close_matches(key, actions, n=1, cutoff=0.5)
            said = f"{near[0]} is what you mean; " if near else ""
            raise UsageError(f"{path} has an unknown entry {key!r}", fix=f"{said}{fix}")
        action = actions[key]
        many = isinstance(value, list) and may_be_repeated(action)
        for one in value if many else [value]:
            word = _word(path, key, one, action)
            if word is not None:
                _parse(parser, [word], path)
                words.append((action.dest, word))
    return words


def may_be_repeated(action: argparse.Action) -> bool:
    """Whether an option is typed again for more of the same: a file has a list for that."""
    return isinstance(action, argparse._AppendAction)  # noqa: SLF001 - argparse has no other sign


def entries(parser: Parser) -> dict[str, argparse.Action]:
    """What a file may hold: options by their names without dashes."""
    return {
        option[2:]: action
        for action in parser._actions  # noqa: SLF001 - argparse has no public list
        for option in action.option_strings
        if option.startswith("--") and option[2:].removeprefix("no-") not in NOT_IN_A_FILE
    }


def _word(path: Path, key: str, value: Any, action: argparse.Action) -> str | None:
    """An entry as it would be typed; None: as if it were not there.

    Raises:
        UsageError: Its value is of another type than the option's.
    """
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise _wrong(path, key, value, "true or false")
        if isinstance(action, Switch):
            return action.word(f"--{key}", is_true=value)
        return f"--{key}" if value else None
    if key == "skeleton" and isinstance(value, dict):
        return f"--{key}={path}"  # the table stands in this file
    kinds = getattr(action.type, "kinds", (str,))
    if isinstance(value, bool) or not isinstance(value, kinds):
        wanted = getattr(action.type, "title", "text between quotes")
        raise _wrong(
            path, key, value, f"{wanted}, or a list of them" if may_be_repeated(action) else wanted
        )
    return f"--{key}={value}"


def _wrong(path: Path, key: str, value: Any, wanted: str) -> UsageError:
    shown = str(value).lower()
    for kind, name in ((str, "a text"), (list, "a list"), (dict, "a table")):
        if isinstance(value, kind):
            shown = name  # what is in it may be a secret
    return UsageError(f"{path}: {key} is {shown}, not {wanted}", fix=f"give {wanted}")


def _parse(parser: Parser, argv: Sequence[str], path: Path) -> argparse.Namespace:
    """Parse words, of which some come from a file that is named where one cannot be used.

    Raises:
        UsageError: One cannot.
    """
    try:
        return parser.parse_args(argv)
    except UsageError as error:
        what = error.what.removeprefix("argument --")
        raise UsageError(f"{path}: {what}", fix=error.fix) from error


def _typed(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Only what was typed, no defaults."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        action.default = argparse.SUPPRESS
    return parser.parse_args(argv)
