"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from steadypose.engines.errors import ModelFileError


def write_atomically(data: bytes, path: Path) -> None:
    """A half-written model file never carries the final name."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ModelFileError(
            f"cannot write {path}: {error.strerror}", fix="free space or choose another --output"
        ) from error
