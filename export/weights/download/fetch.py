"""Published weights into the cache: whole and checked, or not at all.

What is known of a file's SHA-256 is checked before the file gets its final name, and again each
time it is fetched from the cache: that takes a fraction of a second and turns a damaged file
into a sentence instead of a riddle of torch's. The folder is one to which nobody else may write,
so what was checked is what is used.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from steadypose.engines.errors import ModelFileError, SourceError
from steadypose.engines.foreign.moving import move
from steadypose.engines.foreign.private import check_private, private_folder
from steadypose.export.weights.download.addresses import urls
from steadypose.export.weights.download.checked_files import (
    digest_of,
    fix_of_change,
    is_fully_known,
    is_whole,
    known_digest,
    remember,
)
from steadypose.export.weights.download.progress import Progress, Silent
from steadypose.export.weights.download.transfer import (
    Patience,
    disk_errors,
    drop_foreign,
    size_of,
    transfer,
)
from steadypose.realtime.model.zoo import ZooModel, lies_here

# Some network file systems have no locks; a download there still works, only not two at once.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def part_of(target: Path) -> Path:
    """Where a download grows until it is complete and checked."""
    return target.with_name(target.name + ".part")


def fetch(
    model: ZooModel,
    *,
    folder: Path,
    offline: bool = False,
    mirrors: Sequence[str] = (),
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """The weights of a published model, downloaded where they are not in the cache yet.

    A second process that wants the same file waits for the first. What a broken or
    interrupted download (also by KeyboardInterrupt) got so far is resumed next time.

    Args:
        model: What to fetch.
        folder: The cache; made where it is missing.
        offline: Never touch the network.
        mirrors: Tried in this order before those of STEADYPOSE_MIRRORS and the origin.
        progress: Is told how it goes.
        patience: When to give up; None for the usual.

    Returns:
        The file in ``folder``, whole.

    Raises:
        UsageError: A mirror is no web address.
        SourceError: No server gave the file, or it is not here and ``offline``.
        ModelFileError: The file here is damaged, and ``offline``; or it cannot be read.
        RecordError: The cache cannot be written.
    """
    target = folder / model.file_name
    told = progress or Silent()
    with disk_errors(folder):
        check_private(folder)
    is_here = is_whole(target, model, folder=folder)
    if is_here:
        remember(model, folder)
    addresses = urls(model, mirrors, is_known=is_fully_known(model, folder))
    if is_here:
        return target
    if offline:
        raise _not_here(model, target)
    with disk_errors(target):
        private_folder(folder)
    with _alone(target, told):
        if is_whole(target, model, folder=folder):  # another process was faster
            return target
        if lies_here(target):
            told.note(f"{target} is damaged and will be downloaded again")
            with disk_errors(target):
                target.unlink()
        with disk_errors(target):
            drop_foreign(part_of(target))
        if not is_whole(part_of(target), model, folder=folder):
            _download(addresses, model, part_of(target), told, patience or Patience())
        with disk_errors(target):
            move(part_of(target), target)
        remember(model, folder)
    return target


def _download(
    addresses: Sequence[str], model: ZooModel, part: Path, told: Progress, patience: Patience
) -> None:
    """One address after the other, until one gives the right file.

    Raises:
        SourceError: None did; it says why for each.
    """
    failures: list[SourceError] = []
    for url in addresses:
        if failures:
            told.note(f"{failures[-1].what}; now {url}")
        try:
            _download_from(url, model, part, told, patience)
        except SourceError as error:
            failures.append(error)
        else:
            return
    what = "; ".join(error.what for error in failures)
    fix = failures[-1].fix.replace(" NAME ", f" {model.name} ")
    raise SourceError(what, fix=f"{fix}; the file is {model.url}") from failures[-1]


def _download_from(
    url: str, model: ZooModel, part: Path, told: Progress, patience: Patience
) -> None:
    is_resumed = size_of(part) > 0
    transfer(url, part, progress=told, patience=patience)
    digest = digest_of(part) or ""
    known = known_digest(model, part.parent)
    if digest.startswith(known):
        return
    with disk_errors(part):
        part.unlink()
    if is_resumed:  # its beginning came from elsewhere, long ago
        told.note("the resumed file does not fit together; once more from its beginning")
        _download_from(url, model, part, told, patience)
        return
    if digest.startswith(model.hash_prefix):
        raise SourceError(
            f"{url} sent another file than the one that is known: its SHA-256 is {digest} instead "
            f"of {known}",
            fix=fix_of_change(model, part.parent),
        )
    raise SourceError(
        f"{url} sent another file: its SHA-256 begins with {digest[:8]}, "
        f"its name promises {model.hash_prefix}",
        fix="nothing was kept; try again later, or name a --mirror (STEADYPOSE_MIRRORS)",
    )


def _not_here(model: ZooModel, target: Path) -> SourceError | ModelFileError:
    fix = f"run it once without --offline, or bring {model.url} with --weights"
    if lies_here(target):
        return ModelFileError(f"{target} is damaged: its SHA-256 is not that of its name", fix=fix)
    return SourceError(f"the weights of {model.name} are not in {target.parent}", fix=fix)


@contextmanager
def _alone(target: Path, told: Progress) -> Iterator[None]:
    """No other process downloads the same file meanwhile."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with disk_errors(target), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a lock of another kind, without flock
        try:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                told.note("another process downloads it; waiting")
                lock.acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    try:
        yield
    finally:
        lock.release()
