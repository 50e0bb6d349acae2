"""Folders in which nobody else can have laid anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from steadypose.engines.errors import RecordError
from steadypose.engines.foreign.files import stat_of
from steadypose.engines.wording.printable import quoted


def private_folder(folder: Path) -> Path:
    """A folder for what is trusted later; made, for its user alone, where it is missing.

    Raises:
        RecordError: Somebody else could lay files there.
        OSError: It cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    check_private(folder)
    return folder


def check_private(folder: Path) -> None:
    """Refuse what others could have laid into a folder; one that is missing holds nothing.

    Raises:
        RecordError: It, or the link that leads to it, is another user's (and not the user's whose
            checkout this is: root in a container works in one), or others may write.
    """
    if os.name == "nt" or stat_of(folder) is None:
        return
    # Root may do anything anyway, and so may whoever can change the code that is running.
    mine = {0, os.geteuid(), Path(__file__).stat().st_uid}
    if not {folder.lstat().st_uid, folder.stat().st_uid} <= mine:
        raise RecordError(
            f"{folder} belongs to another user, who could change what lies there",
            fix="choose a folder of your own (STEADYPOSE_CACHE, --cache)",
        )
    if _others_may_write(folder.stat()):
        raise RecordError(
            f"others may write to {folder}, and could change what lies there",
            fix=f"chmod go-w {quoted(folder)}, if only you have used it so far; or choose another "
            "folder (STEADYPOSE_CACHE, --cache)",
        )


def is_private(folder: Path) -> bool:
    """Whether nobody else can have laid what lies in a folder."""
    try:
        check_private(folder)
    except (RecordError, OSError):
        return False
    return True


def _others_may_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    if not found.st_mode & stat.S_IWGRP:
        return False
    # Where every user has a group of one, folders are often made writable for it.
    import grp  # noqa: PLC0415 - Windows has neither
    import pwd  # noqa: PLC0415

    try:
        me = pwd.getpwuid(os.geteuid()).pw_name
        members = set(grp.getgrgid(found.st_gid).gr_mem)
    except KeyError:
        return True
    members |= {entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == found.st_gid}
    return not members <= {me, "root"}
