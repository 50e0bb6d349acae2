"""Files: written whole or not at all, hashed, and checked before a run starts."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

from steadypose.engines.errors import ModelFileError, RecordError
from steadypose.engines.foreign.claims import Claim, check_free, is_plain, is_standard_output
from steadypose.engines.foreign.files import is_folder, is_there, stat_of
from steadypose.engines.foreign.moving import (
    OpenElsewhereError,
    is_open_elsewhere,
    kept_beside,
    move,
)
from steadypose.engines.foreign.windows_names import check_name
from steadypose.engines.wording import advice
from steadypose.engines.wording.printable import quoted

_LEAST_FREE_BYTES = 2_000_000
_NOT_THROUGH_LINKS = getattr(os, "O_NOFOLLOW", 0)  # Windows has none; O_EXCL refuses them there


def replace_file(
    path: Path,
    write: Callable[[Path], object],
    *,
    is_synced: bool = False,
    like: os.stat_result | None = None,
    owner: Claim | None = None,
) -> None:
    """Write a file so that its old content stays until the new one is complete.

    The name in between cannot be guessed and is made by this call, so nothing that lies there
    can be meant by it. A link is written through: the file at its end is replaced. What keeps
    no content, such as ``/dev/null``, is written to as it is.

    Args:
        path: The file. Its mode and group stay; a new one has those of the umask.
        write: Writes the path that it is given, an empty neighbour of ``path``.
        is_synced: Wait until the disk has it, so that not even a power failure leaves half.
        like: Whose mode and group a file gets that does not lie there any more.
        owner: Who claims ``path``, if the caller does.

    Raises:
        OSError: It could not be written; ``path`` is as it was.
        OpenElsewhereError: Another program keeps it open; the new content lies beside it.
        RecordError: Somebody else is writing it.
    """
    found = stat_of(path)
    if not is_plain(path):
        write(path)
        return
    if owner is None:
        check_free(path)
    like, target = found or like, end_of_links(path)
    fresh = target.with_name(f"{target.name[:40]}.{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_THROUGH_LINKS
    os.close(os.open(fresh, flags, 0o666 if like is None else mode_of(like) | 0o600))
    kept: Path | None = None
    try:
        write(fresh)
        if is_synced:
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
        if like is not None:
            give_rights(fresh, like)
        try:
            if owner is not None:
                owner.replace(fresh, target)
                return
            check_free(target)  # it may have taken long
            move(fresh, target)
        except OSError as error:
            if not is_open_elsewhere(error):
                raise
            told = kept_beside(fresh, target)
            kept = told.kept
            raise told from error
    finally:
        if kept != fresh:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def replace_text(path: Path, text: str, *, owner: Claim | None = None) -> None:
    """``replace_file`` with a text.

    Raises:
        OSError: It could not be written; ``path`` is as it was.
        RecordError: Somebody else is writing it.
    """
    replace_file(path, lambda fresh: fresh.write_text(text, encoding="utf-8"), owner=owner)


def mode_of(found: os.stat_result) -> int:
    """Who may read, write and run a file."""
    return stat.S_IMODE(found.st_mode) & 0o777


def give_rights(path: Path, like: os.stat_result) -> None:
    """Nobody may read it who might not read the old file."""
    if os.name == "nt":
        return
    mode = mode_of(like)
    with contextlib.suppress(OSError):  # only root gives files away
        os.chown(path, like.st_uid if os.geteuid() == 0 else -1, like.st_gid)
    if path.stat().st_gid != like.st_gid:
        mode &= ~0o070
    path.chmod(mode)


def end_of_links(path: Path) -> Path:
    """Where a file really lies, or will lie."""
    return Path(os.path.realpath(path))


def identity(path: Path) -> Hashable:
    """Equal for two names of one file: relative, through links of either kind, in any case."""
    found = stat_of(path)
    if found is not None:
        return found.st_dev, found.st_ino
    try:
        return str(end_of_links(path))
    except ValueError:  # a null character
        return str(path)


def write_model_file(data: bytes, path: Path) -> None:
    """A half-written model file never carries the final name.

    Raises:
        ModelFileError: The disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda fresh: fresh.write_bytes(data))
    except OSError as error:
        raise ModelFileError(
            f"cannot write {path}: {error.strerror}", fix="free space or choose another --output"
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex, in bounded memory.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def check_writable(path: Path, option: str, *, takes_pipe: bool = False) -> None:
    """Find out before anything starts whether a file can be written.

    An existing file keeps its content until the first frame is recorded, and a link its end.

    Args:
        path: The file to come.
        option: The flag it was given with, for the message.
        takes_pipe: It is written from its beginning to its end, so it may be a pipe.

    Raises:
        RecordError: No such folder, no permission, a folder or a pipe in its place, no space, a
            name that no file can have.
    """
    check_name(path, option)
    with writing(path):
        target, found = end_of_links(path), stat_of(path)
        folder = target.parent
        if is_folder(path):
            raise RecordError(
                f"{option} {path} is a folder", fix=f"give a file: {quoted(path / 'out.csv')}"
            )
        if found is not None and stat.S_ISCHR(found.st_mode):
            os.close(os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)))
            return
        if found is not None and stat.S_ISFIFO(found.st_mode) and takes_pipe:
            return
        if found is not None and not stat.S_ISREG(found.st_mode):
            kind = "a pipe" if stat.S_ISFIFO(found.st_mode) else "no regular file"
            raise RecordError(f"{option} {path} is {kind}", fix="give the name of a file")
        if not is_folder(folder):
            raise RecordError(
                f"{option} {path}: the folder {folder} does not exist",
                fix=advice.make_folder(folder),
            )
        _try_to_write(target)
        free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise RecordError(
            f"{option} {path}: only {free // 1000} kB are free there",
            fix="free some space, or record to another disk",
        )


def _try_to_write(target: Path) -> None:
    """Open a file for writing; only what this made is removed again.

    Raises:
        OSError: It cannot be written.
    """
    try:
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with target.open("ab"):
            return
    os.close(file)
    target.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Give a write that fails its sentence.

    Raises:
        RecordError: The system refuses.
    """
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> RecordError:
    """The sentence for a failed write."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RecordError(
            f"the disk is full: {path} ends here, what was written before is kept",
            fix="free some space, or record to another disk",
        )
    if error.errno == errno.EPIPE:
        name = "the standard output" if is_standard_output(path) else path
        return RecordError(
            f"whoever read {name} has gone; what was written before has been read",
            fix="let it read to the end, or record to a file",
        )
    reason = error.strerror or os.strerror(error.errno or 0)
    if isinstance(error, OpenElsewhereError):
        return RecordError(
            f"cannot write {path}: {reason}",
            fix=f"close {quoted(path.name)} there, and give {quoted(error.kept)} its name",
        )
    if os.name == "nt" and error.errno == errno.EACCES and is_there(path):
        return RecordError(
            f"cannot write {path}: it is open in another program, or may only be read",
            fix="close it there, or choose another file name",
        )
    return RecordError(f"cannot write {path}: {reason}", fix="choose a folder you may write to")
