"""Where results go: a folder, or what fsspec reaches by a URL."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.request import url2pathname

from steadypose.engines.errors import RecordError, UsageError
from steadypose.engines.file_io import check_writable, writing
from steadypose.engines.foreign.claims import alone

_UNFINISHED = ".steadypose-"
_LOCAL = frozenset({"file", "local"})
_LOCK = ".steadypose.lock"


class Store(Protocol):
    """A tree of files, by names with slashes."""

    def unfinished(self) -> Any:
        """Context of a folder for files that are being written; it goes with all that is left."""
        ...

    def size_of(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        ...

    def fetch(self, name: str, folder: Path) -> Path | None:
        """A file to read, where it lies or in ``folder``; None where there is none."""
        ...

    def place(self, file: Path, name: str) -> None:
        """Move a complete file to its name, whole or not at all.

        Raises:
            RecordError: It cannot be written.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


def is_url(out: str) -> bool:
    """Whether results go to something that is no folder here."""
    return "://" in out


def target_of(text: str) -> str:
    """What ``--out`` means: a folder from the root, though it was written as a URL, or a URL.

    Raises:
        UsageError: A chain of file systems ends in a folder of this machine.
    """
    scheme, mark, rest = text.partition("://")
    if mark and scheme.lower() in _LOCAL:
        text = url2pathname(rest.removeprefix("localhost") if rest[9:10] == "/" else rest)
    elif mark and any(part.partition("://")[0].lower() in _LOCAL for part in text.split("::")):
        raise UsageError(f"--out {text} is a folder of this machine", fix="give its path")
    return text if is_url(text) else os.path.abspath(text)  # noqa: PTH100 - links stay links


def open_store(out: str) -> Store:
    """The target of an archive.

    Raises:
        UsageError: fsspec, or its package for this scheme, is not installed.
        RecordError: It cannot be reached.
    """
    return Remote(out) if is_url(out) else Folder(Path(out))


class Folder:
    """A folder of this machine, or one that all workers share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """See ``Store``; it lies below the folder, so that moving is renaming."""
        folder = self._root / f"{_UNFINISHED}{secrets.token_hex(8)}"
        with writing(folder):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def size_of(self, name: str) -> int | None:
        """See ``Store``."""
        with suppress(OSError):
            return (self._root / name).stat().st_size
        return None

    def fetch(self, name: str, folder: Path) -> Path | None:
        """See ``Store``; it stays where it is."""
        del folder
        path = self._root / name
        return path if path.is_file() else None

    def place(self, file: Path, name: str) -> None:
        """See ``Store``."""
        target = self._root / name
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)

    def remove(self, name: str) -> None:
        """See ``Store``."""
        target = self._root / name
        with writing(target):
            target.unlink(missing_ok=True)


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Keep other runs out of a folder, and remove what killed ones have left.

    Raises:
        RecordError: It cannot be written, or another run writes there.
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    lock = root / _LOCK
    check_writable(lock, "--out")
    what = f"another batch writes to {root}"
    with alone(lock, what, fix="wait until it has ended, or choose another --out"):
        _remove_unfinished(root)
        try:
            yield
        finally:
            _remove_unfinished(root)


def _remove_unfinished(root: Path) -> None:
    for left in root.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


class Remote:
    """What fsspec reaches: a bucket, a server."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - most archives go to a folder
        except ImportError as error:
            raise UsageError(
                "--out is a URL, which needs fsspec", fix="pip install fsspec, or give a folder"
            ) from error
        try:
            self._files, root = url_to_fs(url)
        except (ImportError, ValueError) as error:  # the scheme's package, or no such scheme
            raise UsageError(
                f"--out cannot be reached: {error}",
                fix="install the package that it names, or give a folder",
            ) from error
        except Exception as error:  # it may connect at once
            raise _unreached("--out", error) from error
        self._root = root.rstrip("/")

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """See ``Store``; it lies on this machine."""
        with tempfile.TemporaryDirectory(prefix="steadypose-") as folder:
            yield Path(folder)

    def size_of(self, name: str) -> int | None:
        """See ``Store``."""
        try:
            return int(self._files.info(self._at(name))["size"])
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _unreached(name, error) from error

    def fetch(self, name: str, folder: Path) -> Path | None:
        """See ``Store``; a copy."""
        copy = folder / f"stored-{Path(name).name}"
        try:
            self._files.get_file(self._at(name), str(copy))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _unreached(name, error) from error
        return copy

    def place(self, file: Path, name: str) -> None:
        """See ``Store``."""
        try:
            self._files.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(file), self._at(name))
        except Exception as error:
            raise _unreached(name, error) from error

    def remove(self, name: str) -> None:
        """See ``Store``."""
        try:
            self._files.rm_file(self._at(name))
        except FileNotFoundError:
            return
        except Exception as error:
            raise _unreached(name, error) from error

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"


def _unreached(name: str, error: Exception) -> RecordError:
    """Each file system has errors of its own."""
    return RecordError(
        f"{name} cannot be stored or looked up: {str(error) or type(error).__name__}",
        fix="check the address and what you may do there",
    )
