"""Files that match a pattern with wildcards, each once."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

_ANY_DEPTH = "**"


def matching(pattern: Path) -> list[Path]:
    """What a pattern matches; ``**`` stands for folders of any depth, links among them.

    Links may lead round in circles: every folder is entered once, every file taken once.
    """
    found: dict[str, Path] = {}
    for name in _expand(pattern):
        found.setdefault(os.path.realpath(name), Path(name))
    return list(found.values())


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
