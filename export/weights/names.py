"""Names in a checkpoint that are too long to be any: torch would search them for minutes."""

from __future__ import annotations

import io
import mmap
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

_LONGEST = 500
_PICKLES = 5  # at the beginning of a file of torch's before 1.6


def check_names(path: Path) -> None:
    """Refuse a checkpoint that names objects at great length.

    torch looks for words in its own message about a name, in a time that grows as the square of
    its length: some kilobytes take seconds, a megabyte hours.

    Args:
        path: A zip archive whose parts are not compressed, or pickles one behind the other.

    Raises:
        ValueError: There is such a name, or what holds them is damaged.
        OSError: It cannot be read.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    _check(io.BytesIO(archive.read(name)))
        return
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            for _ in range(_PICKLES):
                _check(mapped)


def _check(pickled: IO[bytes] | mmap.mmap) -> None:
    for code, argument, _ in pickletools.genops(_of(pickled)):
        length = len(str(argument)) if code.name in {"GLOBAL", "INST"} else 0
        if length > _LONGEST:
            raise ValueError(f"it names an object in {length} letters")


def _of(pickled: IO[bytes] | mmap.mmap) -> Any:
    """As typeshed wants it: a map reads as a file does."""
    return pickled
