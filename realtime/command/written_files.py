"""One rule for every command that writes: which files it may not write over."""

from __future__ import annotations

import argparse
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import check_writable, identity
from steadypose.engines.foreign.claims import check_free, is_standard_output
from steadypose.engines.foreign.files import is_folder, stat_of
from steadypose.engines.foreign.windows_names import check_name
from steadypose.realtime.command.own_files import is_ours
from steadypose.realtime.record.formats import tables

_OUTPUT = "-"
_READ = "is read, by this run or a later one,"


def check_written(
    files: Iterable[tuple[Path, str]],
    *,
    read: Iterable[Path],
    is_forced: bool,
    makes_folders: bool = False,
    said: str = _READ,
    pipes: Sequence[str] = tables.PIPE_OPTIONS,
) -> None:
    """Refuse, before anything starts, files that cannot be written or would destroy something.

    Args:
        files: Everything that will be written, with the option that names it.
        read: Everything that is read, or belongs to what is; by whatever name.
        is_forced: Files that no run wrote may be replaced.
        makes_folders: A missing folder is made by who writes.
        said: What a file of ``read`` is, for the message.
        pipes: Options whose file may be a pipe, or the standard output.

    Raises:
        UsageError: A file is read, too, or written twice, no run of this program wrote it, or
            the standard output is no place for it.
        RecordError: It cannot be written, or somebody else is writing it.
    """
    known = {identity(path) for path in read}
    named = set()
    for path, option in files:
        takes_pipe = option in pipes
        if is_standard_output(path):
            if not takes_pipe:
                raise UsageError(
                    f"{option} {path} is the standard output, where only "
                    f"{tables.listed(tables.PIPE_OPTIONS)} can go",
                    fix="give the name of a file",
                )
        elif not makes_folders or is_folder(path.parent):
            check_writable(path, option, takes_pipe=takes_pipe)
        else:
            check_name(path, option)
        file = _OUTPUT if is_standard_output(path) else identity(path)
        if file in known:
            raise UsageError(
                f"{option} {path} {said} and would be destroyed", fix="choose another file name"
            )
        if file in named:
            raise UsageError(
                f"{option} {path}: another output has the same file", fix="give each its own file"
            )
        named.add(file)
        for end in ("", *tables.BESIDE):
            check_free(path.with_name(path.name + end))
        check_own(path, option, is_forced=is_forced)


def check_own(path: Path, option: str, *, is_forced: bool) -> None:
    """Refuse to replace what is somebody else's.

    Raises:
        UsageError: The file is neither empty nor from a run of this program.
    """
    if not is_forced and holds_something(path) and not is_ours(path):
        raise UsageError(
            f"{option} {path} would be replaced, and no run of steadypose wrote it",
            fix="choose another file name, or add --force",
        )


def holds_something(path: Path) -> bool:
    """Whether there is a file that would be replaced, and is not empty."""
    found = stat_of(path)
    return found is not None and found.st_size > 0 and stat.S_ISREG(found.st_mode)


def add_force(
    parser: argparse._ActionsContainer,
    also: str = "",
    *,
    action: str | type[argparse.Action] = "store_true",
) -> None:
    """The option with which files of others are replaced; ``also``: what else it does."""
    parser.add_argument("--force", action=action, help=f"replace files that no run wrote{also}")
