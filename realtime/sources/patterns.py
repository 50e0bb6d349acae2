"""Files that match a pattern with wildcards, each once."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

_ANY_DEPTH = "**"


def matching(pattern: Path) -> list[Path]:
    """What a pattern matches; ``**`` stands for folders of any depth, links among them.

    Links may lead round in circles: every folder is entered once, every file taken once, by its
    own name where that is among those that match. They come in the order of their names.
    """
    found: dict[str, str] = {}
    for name in sorted(set(_expand(pattern)), key=directness):
        found.setdefault(os.path.realpath(name), name)
    return [Path(name) for name in sorted(found.values())]


def directness(name: str) -> tuple[bool, bool, str]:
    """Sorts the names of one file: its own first, then those that are no links themselves."""
    return os.path.abspath(name) != os.path.realpath(name), os.path.islink(name), name  # noqa: PTH100, PTH114


def _expand(pattern: Path) -> Iterator[str]:
    parts = pattern.parts
    if _ANY_DEPTH not in parts:
        yield from glob.glob(str(pattern))  # noqa: PTH207 - Path.glob has other rules for hidden files
        return
    at = parts.index(_ANY_DEPTH)
    rest = parts[at + 1 :] or ("*",)
    roots = glob.glob(str(Path(*parts[:at]))) if at else ["."]  # noqa: PTH207
    for root in roots:
        for folder in _folders(root):
            yield from _expand(Path(glob.escape(folder), *rest))


def _folders(root: str) -> Iterator[str]:
    """A folder and those in it, hidden ones apart, each once."""
    waiting, seen = [root], set()
    while waiting:
        folder = waiting.pop()
        try:
            info = Path(folder).stat()
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            with os.scandir(folder) as entries:
                inside = [e.path for e in entries if not e.name.startswith(".") and e.is_dir()]
        except OSError:  # it is no folder, or may not be read: glob passes over it as well
            continue
        yield folder
        waiting += sorted(inside, reverse=True)
