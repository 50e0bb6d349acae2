"""Files of published weights against the SHA-256 prefix in their name.

The prefix has 32 bits: enough to find damage and mix-ups, not a deliberate forgery.
"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from steadypose.engines.errors import ModelFileError
from steadypose.engines.file_io import replace_file, sha256_of
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


def is_whole(path: Path, model: ZooModel) -> bool:
    """Whether the model's file lies there, undamaged.

    Raises:
        ModelFileError: Something is there and cannot be read.
        UsageError: The model's own name carries no hash.
    """
    return (digest_of(path) or "").startswith(model.hash_prefix)


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
    if not digest.startswith(model.hash_prefix):
        raise _another_file(model, source, digest)
    target = folder / model.file_name
    if lies_here(target) and source.samefile(target):
        return target

    def copy(fresh: Path) -> None:
        shutil.copyfile(source, fresh)
        if not is_whole(fresh, model):
            raise ModelFileError(
                f"{source} changed while it was copied", fix="try again when it is complete"
            )

    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(target, copy, is_synced=True)
    return target


def _another_file(model: ZooModel, source: Path, digest: str) -> ModelFileError:
    """Say as much as can be known about a file with the wrong hash."""
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
