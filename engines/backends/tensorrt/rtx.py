"""TensorRT for RTX compiles on first use; a cache makes the second start fast."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.private import is_private
from steadypose.engines.foreign.signature import seal, unseal


class RtxRuntime:
    """How TensorRT for RTX runs an engine, and what it has compiled for this GPU.

    Args:
        engine: TensorRT's.
        api: TensorRT for RTX.
        path: File of the cache; None: nothing is kept.
    """

    def __init__(self, engine: Any, api: TensorRt, path: Path | None) -> None:
        # It holds code for the GPU: what others could have laid there is not loaded.
        self._path = path if path is not None and is_private(path.parent) else None
        self.config = engine.create_runtime_config()
        self._cache = self.config.create_runtime_cache()
        if self._path is not None:
            # A cache of another driver is refused, somebody else's not read: both are made anew.
            with suppress(OSError), open_regular(self._path) as file:
                kept = unseal(file.read())
                if kept is not None:
                    self._cache.deserialize(kept)
        self.config.set_runtime_cache(self._cache)
        # Now, not later in the background: a recorded graph keeps the kernels it saw.
        strategies = api.module.DynamicShapesKernelSpecializationStrategy
        self.config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER

    def save(self) -> None:
        """Keep what was compiled, if it can be."""
        if self._path is None:
            return
        with suppress(OSError, TypeError, RuntimeError):  # a user without a home has no key
            data = seal(bytes(self._cache.serialize()))
            replace_file(self._path, lambda fresh: fresh.write_bytes(data))
