"""The one place where JSON and TOML of others become values.

Whatever is wrong with a text is a ``ValueError`` with a reason: its callers know what it
should have been, and make the sentence.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from steadypose.engines.foreign.files import open_regular

MOST_BYTES = 4_000_000
"""Of specs, sidecars and configurations, which have some kilobytes."""

_LARGEST = 2.0**63  # beyond it, int and float can no longer be turned into each other at will


def parse_json(
    text: str | bytes, *, most_bytes: int = MOST_BYTES, is_number_checked: bool = True
) -> Any:
    """What a JSON text says.

    Args:
        text: Of a stranger.
        most_bytes: Longer ones are refused unread.
        is_number_checked: Refuse NaN, infinities and whole numbers that no float can hold, so
            that ``int`` and ``float`` take every number.

    Raises:
        ValueError: It is no JSON, too long, nested too deeply, or has such a number.
    """
    if len(text) > most_bytes:
        raise ValueError(f"it has {len(text)} bytes, more than {most_bytes}")
    try:
        value = json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if is_number_checked:
        _check_numbers(value)
    return value


def read_json(path: Path, *, most_bytes: int = MOST_BYTES, is_number_checked: bool = True) -> Any:
    """What a JSON file says; see ``parse_json``.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: As ``parse_json``.
    """
    data = _read(path, most_bytes)
    return parse_json(data, most_bytes=most_bytes, is_number_checked=is_number_checked)


def read_toml(path: Path, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """What a TOML file says; its numbers are checked like JSON's.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: It is no TOML, too long, nested too deeply, or has such a number.
    """
    try:
        import tomllib  # noqa: PLC0415 - most runs read none
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef]  # noqa: PLC0415

    try:
        table: dict[str, Any] = tomllib.loads(
            _read(path, most_bytes).decode("utf-8-sig")  # Windows' editors write a mark first
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_numbers(table)
    return table


def _read(path: Path, most_bytes: int) -> bytes:
    with open_regular(path) as file:
        # Room is made for all that is asked for, however small the file.
        data = file.read(min(most_bytes, os.fstat(file.fileno()).st_size) + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it has more than {most_bytes} bytes")
    return data


def _check_numbers(value: Any) -> None:
    """Without recursion: the text decided how deep it goes.

    Raises:
        ValueError: A number is not finite or too large.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, float):
            if not math.isfinite(item):
                raise ValueError(f"{item} is no number")
        elif isinstance(item, int) and not -_LARGEST <= item <= _LARGEST:
            raise ValueError("a whole number is too large")
