"""TOML files, and their tables as dataclasses: a sentence about every entry that cannot be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from steadypose.engines.errors import UsageError
from steadypose.engines.foreign import texts

T = TypeVar("T")


def read_toml(path: Path, *, fix: str) -> dict[str, Any]:
    """What a file named by ``--config`` holds.

    Raises:
        UsageError: It is missing or no TOML; ``fix`` says where its format is explained.
    """
    try:
        return texts.read_toml(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", fix="check --config") from error
    except ValueError as error:
        raise UsageError(f"{path} is no TOML: {error}", fix=fix) from error


def refuse_unknown(where: object, keys: Iterable[str], known: Collection[str], fix: str) -> None:
    """Every entry is one that the table knows.

    Raises:
        UsageError: One is not.
    """
    for key in keys:
        if key not in known:
            raise UsageError(f"{where} has no entry {key!r}; it knows {', '.join(known)}", fix=fix)


def to_dataclass(kind: type[T], where: str, table: Any, *, fix: str) -> T:
    """A table as a dataclass; lists become tuples.

    Args:
        kind: The dataclass; its annotations say what fits.
        where: The table's name in sentences.
        table: As it was read.
        fix: Where its entries are explained.

    Raises:
        UsageError: An entry is unknown, missing, of another type or impossible.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{where} is not a table", fix=fix)
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    refuse_unknown(where, table, known, fix)
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    hints = get_type_hints(kind)
    for key, value in given.items():
        if not _fits(value, hints[key]):
            raise UsageError(f"{where}: {key} cannot be {table[key]!r}", fix=fix)
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where} cannot be used: {error}", fix=fix) from error


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value is of the type that an entry wants."""
    kind, choices = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return any(_fits(value, choice) for choice in choices)
    if kind is Literal:
        return value in choices
    if kind is tuple:
        is_long_enough = isinstance(value, tuple) and (
            choices[-1] is ... or len(value) == len(choices)
        )
        return is_long_enough and all(_fits(item, choices[0]) for item in value)
    if hint is float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    if isinstance(value, bool) and hint is int:
        return False
    return not isinstance(hint, type) or isinstance(value, hint)
