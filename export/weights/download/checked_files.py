"""Files of published weights against what is known of their SHA-256.

The name of a file carries 8 digits of it, 32 bits: enough to find damage and mix-ups, but a
forgery takes a graphics card about a second. All 64 are compared where the table of models has
them, or the cache remembers those of its first good copy.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
from pathlib import Path

from steadypose.engines.errors import ModelFileError
from steadypose.engines.file_io import replace_file, replace_text, sha256_of
from steadypose.engines.foreign.private import private_folder
from steadypose.export.weights.download.transfer import disk_errors
from steadypose.realtime.model.zoo import MODELS, ZooModel, lies_here


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file, hex; None where there is no such file.

    Raises:
        ModelFileError: It is there and cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait, a device may never end
            raise ModelFileError(
                f"cannot read {path}: it is no regular file", fix="name the file itself"
            )
        return sha256_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ModelFileError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}",
            fix="check the path and its rights",
        ) from error


def memory_of(model: ZooModel, folder: Path) -> Path:
    """Where a cache remembers a file's whole hash, as ``sha256sum --check`` reads it."""
    return folder / f"{model.file_name}.sha256"


def known_digest(model: ZooModel, folder: Path) -> str:
    """All that is known of the file's SHA-256: 64 digits, or the 8 of its name.

    Args:
        model: Which.
        folder: The cache that may remember it.

    Raises:
        UsageError: The model's own name carries no hash.
    """
    if model.sha256:
        return model.sha256
    found = None
    with contextlib.suppress(OSError, ValueError), memory_of(model, folder).open("rb") as file:
        found = re.match(r"[0-9a-f]{64}(?=  )", file.read(100).decode())
    is_usable = found is not None and found.group().startswith(model.hash_prefix)
    return found.group() if found is not None and is_usable else model.hash_prefix


def is_fully_known(model: ZooModel, folder: Path) -> bool:
    """Whether a forgery would be noticed."""
    return len(known_digest(model, folder)) > len(model.hash_prefix)


def remember(model: ZooModel, folder: Path) -> None:
    """The first good copy in the cache decides: its hash is compared from now on.

    A cache that cannot be written remembers nothing.

    Raises:
        ModelFileError: The copy cannot be read.
    """
    if not is_fully_known(model, folder):
        line = f"{digest_of(folder / model.file_name)}  {model.file_name}\n"
        with contextlib.suppress(OSError):
            replace_text(memory_of(model, folder), line)


def is_whole(path: Path, model: ZooModel, *, folder: Path) -> bool:
    """Whether the model's file lies there, undamaged.

    Args:
        path: The file.
        model: What it is said to be.
        folder: The cache, which may remember its hash.

    Raises:
        ModelFileError: Something is there and cannot be read.
        UsageError: The model's own name carries no hash.
    """
    return (digest_of(path) or "").startswith(known_digest(model, folder))


def adopt(model: ZooModel, source: Path, *, folder: Path) -> Path:
    """Check a file that the user brought and copy it into the cache.

    Args:
        model: What it is said to be.
        source: The file, under any name. Not modified.
        folder: The cache; made where it is missing.

    Returns:
        The copy.

    Raises:
        ModelFileError: The file cannot be read or is another one.
        RecordError: The cache cannot be written.
    """
    digest = digest_of(source)
    if digest is None:
        raise ModelFileError(f"{source} does not exist", fix="check --weights")
    with disk_errors(folder):
        private_folder(folder)
    if not digest.startswith(known_digest(model, folder)):
        raise _another_file(model, source, digest, folder)
    target = folder / model.file_name
    if lies_here(target) and source.samefile(target):
        remember(model, folder)
        return target

    def copy(fresh: Path) -> None:
        shutil.copyfile(source, fresh)
        if digest_of(fresh) != digest:
            raise ModelFileError(
                f"{source} changed while it was copied", fix="try again when it is complete"
            )

    with disk_errors(target):
        replace_file(target, copy, is_synced=True)
    remember(model, folder)
    return target


def fix_of_change(model: ZooModel, folder: Path) -> str:
    """What to do where a file has the 8 digits of its name, but not those that are known."""
    where = "realtime/model/published.json" if model.sha256 else memory_of(model, folder)
    return f"do not use it; if its publisher says that he changed it, remove its hash from {where}"


def _another_file(model: ZooModel, source: Path, digest: str, folder: Path) -> ModelFileError:
    """Say as much as can be known about a file with the wrong hash."""
    if digest.startswith(model.hash_prefix):
        return ModelFileError(
            f"{source} is not the {model.file_name} that is known: its SHA-256 is {digest} "
            f"instead of {known_digest(model, folder)}",
            fix=fix_of_change(model, folder),
        )
    twins = [other.name for other in MODELS.values() if digest.startswith(other.hash_prefix)]
    if twins:
        return ModelFileError(
            f"{source} holds {twins[0]}, not {model.name}", fix=f"call it {twins[0]}"
        )
    if model.hash_prefix in source.name:
        return ModelFileError(
            f"{source} is damaged: its SHA-256 begins with {digest[:8]}, not {model.hash_prefix}",
            fix=f"get it again from {model.url}",
        )
    return ModelFileError(
        f"{source} is not {model.file_name}: its SHA-256 begins with {digest[:8]}",
        fix=f"get that file from {model.url}; own weights go to export/export_onnx.py --weights",
    )
