"""Files: written whole or not at all, hashed, and checked before a run starts."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from steadypose.engines.errors import ModelFileError, RecordError
from steadypose.engines.printable import quoted

_LEAST_FREE_BYTES = 2_000_000


def replace_file(path: Path, write: Callable[[Path], object], *, is_synced: bool = False) -> None:
    """Write a file so that its old content stays until the new one is complete.

    Args:
        path: The file.
        write: Writes the path that it is given, a neighbour of ``path``.
        is_synced: Wait until the disk has it, so that not even a power failure leaves half.

    Raises:
        OSError: It could not be written; ``path`` is as it was.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(fresh)
        if is_synced:
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


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


def check_writable(path: Path, option: str) -> None:
    """Find out before anything starts whether a file can be written.

    An existing file keeps its content until the first frame is recorded.

    Args:
        path: The file to come.
        option: The flag it was given with, for the message.

    Raises:
        RecordError: No such folder, no permission, a folder in its place, no space.
    """
    try:
        folder = path.resolve().parent
        if path.is_dir():
            raise RecordError(
                f"{option} {path} is a folder", fix=f"give a file: {quoted(path / 'out.csv')}"
            )
        if not folder.is_dir():
            raise RecordError(
                f"{option} {path}: the folder {folder} does not exist",
                fix=f"mkdir -p {quoted(folder)}",
            )
        existed = path.exists()
        with path.open("ab"):
            pass
        free = shutil.disk_usage(folder).free
        if not existed:
            path.unlink()
    except OSError as error:
        raise write_error(path, error) from error
    if free < _LEAST_FREE_BYTES:
        raise RecordError(
            f"{option} {path}: only {free // 1000} kB are free there",
            fix="free some space, or record to another disk",
        )


def write_error(path: Path, error: OSError) -> RecordError:
    """The sentence for a failed write."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RecordError(
            f"the disk is full: {path} ends here, what was written before is kept",
            fix="free some space, or record to another disk",
        )
    reason = error.strerror or os.strerror(error.errno or 0)
    return RecordError(f"cannot write {path}: {reason}", fix="choose a folder you may write to")
