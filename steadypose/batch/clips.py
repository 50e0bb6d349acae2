"""Which clips an archive has, and what their outputs are called."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from steadypose.batch.order import Clip
from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import is_folder, is_regular, is_there, stat_of
from steadypose.realtime.sources.opening import source_files
from steadypose.realtime.sources.patterns import directness, matching

_ENDINGS = "mp4 m4v mov mkv webm avi mpg mpeg m2ts mts ts wmv flv ogv 3gp"
VIDEO_SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""What is taken from a folder; a pattern takes what it matches."""


def find_clips(words: Sequence[str], *, leave_out: Path | None) -> list[Clip]:
    """The videos that files, folders and patterns mean, each once, by name.

    Args:
        words: As typed.
        leave_out: Folder of the results: what lies there is no input.

    Raises:
        SourceError: A word means nothing.
    """
    single = [Path(word) for word in words if is_there(Path(word)) and not is_folder(Path(word))]
    bases = [os.path.abspath(path.parent) for path in single]  # noqa: PTH100 - links stay links
    common = Path(os.path.commonpath(bases)) if bases else Path()
    every: list[tuple[Path, Path, str]] = []
    is_left_out = False
    for word in words:
        for path, base in _of_word(word, common):
            whole = Path(os.path.abspath(path))  # noqa: PTH100
            if leave_out is not None and _is_below(whole, leave_out):
                is_left_out = True
            else:
                every.append((whole, base, str(path)))
    if not every:
        named = ", ".join(words)[:80]
        if is_left_out:
            what = f"--out {leave_out} holds the videos of {named}, and what lies there is no input"
            raise SourceError(what, fix="choose another --out, beside them or below")
        raise SourceError(f"no video in {named}", fix="give video files, folders or a 'pattern'")
    once: dict[str, tuple[Path, Path, str]] = {}
    for one in sorted(every, key=lambda one: directness(str(one[0]))):
        once.setdefault(os.path.realpath(one[0]), one)
    found = {whole: (base, shown) for whole, base, shown in once.values()}
    names = _names({path: base for path, (base, _) in found.items()})
    clips = []
    for path in sorted(found):
        known = stat_of(path)
        size = known.st_size if known is not None else 0
        clips.append(Clip(path, names[path], found[path][1], size))
    return clips


def _is_below(path: Path, folder: Path) -> bool:
    return folder in path.parents or folder.resolve() in path.resolve().parents


def _of_word(word: str, common: Path) -> Iterator[tuple[Path, Path]]:
    """The files that a word means, each with the folder that names start at.

    Raises:
        SourceError: There are none.
    """
    path = Path(word)
    if is_folder(path):
        inside = matching(Path(glob.escape(word)) / "**" / "*")
        paths = [p for p in inside if p.suffix.lower() in VIDEO_SUFFIXES and is_regular(p)]
        base = path
    elif is_there(path):
        if not is_regular(path):
            raise SourceError(
                f"{word} is a pipe or a device, not a video",
                fix="store what comes from it in a file first",
            )
        paths, base = [path], common
    elif glob.has_magic(word):
        paths = [p for p in source_files(word) if is_regular(p)]
        base = _fixed_part(path)
    else:
        raise SourceError(f"{word} does not exist", fix="give video files, folders or a 'pattern'")
    if not paths and not is_folder(path):
        raise SourceError(f"nothing matches {word}", fix="check the pattern and quote it")
    whole = Path(os.path.abspath(base))  # noqa: PTH100
    yield from ((p, whole) for p in paths)


def _fixed_part(pattern: Path) -> Path:
    """The folders of a pattern before the first with a wildcard."""
    at = Path()
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        at /= part
    return at


def _names(bases: dict[Path, Path]) -> dict[Path, PurePosixPath]:
    """Names of outputs: as the files are called, with their endings where they share the rest."""
    plain = {
        path: PurePosixPath(path.relative_to(base).with_suffix("").as_posix())
        for path, base in bases.items()
    }
    shared = Counter(str(name).lower() for name in plain.values())
    whole = {
        path: name.with_name(path.name) if shared[str(name).lower()] > 1 else name
        for path, name in plain.items()
    }
    again = Counter(str(name).lower() for name in whole.values())
    return {  # two folders with a file of one name each: what is above them tells them apart
        path: name if again[str(name).lower()] == 1 else _from_root(path)
        for path, name in whole.items()
    }


def _from_root(path: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(path.anchor).as_posix())
