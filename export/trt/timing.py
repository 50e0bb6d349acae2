"""Kernel times from earlier builds, so that the next one is faster."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.signature import seal, unseal


def load(api: TensorRt, config: Any, path: str) -> Any:
    """Give the builder what is known; None where it takes none.

    TensorRT for RTX measures nothing. A cache of another GPU or version is begun anew.
    """
    if not path or api.flavor == "tensorrt-rtx":
        return None
    data = b""
    with suppress(OSError), open_regular(Path(path)) as file:
        data = unseal(file.read()) or b""  # somebody else's is not read
    for content in (data, b"") if data else (b"",):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return cache
        api.log.errors.clear()
    return None


def save(cache: Any, path: str) -> None:
    """Keep what was measured; where that fails, the next build is merely slower."""
    if cache is None:
        return
    with suppress(OSError, TypeError, RuntimeError):
        data = seal(bytes(cache.serialize()))
        replace_file(Path(path), lambda fresh: fresh.write_bytes(data))
