"""When a recording goes on in another file, and how that file is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from steadypose.engines.errors import UsageError

_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
_LEAST_BYTES = 10_000
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How much goes into one file; one of the two is given.

    Attributes:
        size_bytes: Size after which the next frame begins a new file.
        duration_s: Time on the grid of which files begin.
    """

    size_bytes: int | None = None
    duration_s: float | None = None


def parse_limit(text: str) -> Limit:
    """Read ``500MB`` or ``10min``.

    Raises:
        UsageError: Neither a size nor a time, or too small.
    """
    fix = "give a size or a time: --split 500MB, --split 1GB, --split 10min, --split 2h"
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", text)
    number, unit = (match[1], match[2].lower()) if match else ("", "")
    if unit not in {*_BYTES, *_SECONDS}:
        raise UsageError(f"--split {text} is neither a size nor a time", fix=fix)
    value = float(number)
    if unit in _BYTES:
        limit = Limit(size_bytes=int(value * _BYTES[unit]))
    else:
        limit = Limit(duration_s=value * _SECONDS[unit])
    if (limit.size_bytes or _LEAST_BYTES) < _LEAST_BYTES or not value:
        raise UsageError(f"--split {text} is less than 10 kB", fix=fix)
    if (limit.duration_s or _LEAST_S) < _LEAST_S:
        raise UsageError(f"--split {text} is less than a second", fix=fix)
    return limit


def part_path(path: Path, number: int) -> Path:
    """The file of a part: out.csv, out.002.csv, out.003.csv."""
    return path if number == 1 else path.with_name(f"{path.stem}.{number:03d}{path.suffix}")


def first_part(path: Path) -> Path:
    """The other way around: out.csv of out.002.csv; a name without a number stays."""
    match = re.fullmatch(r"(.+)\.(\d{3,})", path.stem)
    if match is None:
        return path
    first = path.with_name(match[1] + path.suffix)
    number = int(match[2])
    return first if number > 1 and part_path(first, number).name == path.name else path
