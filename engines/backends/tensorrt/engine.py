"""TensorRT on an NVIDIA GPU: one stream, pinned buffers, one CUDA graph per batch size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import CudaMemory
from steadypose.engines.backends.tensorrt.lanes import Lanes
from steadypose.engines.backends.tensorrt.loading import check_contract, load_plan
from steadypose.engines.base import Turns, check_crops, no_people, split_people
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import EngineError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.private import is_private
from steadypose.engines.foreign.signature import seal, unseal
from steadypose.engines.spec import ModelSpec


class TensorRtEngine:
    """A built engine with its buffers. ``start`` returns while the GPU works.

    Use it only in the thread that made it: the CUDA context is current there.

    Args:
        plan: What TensorRT built.
        info: What it is.
        api: TensorRT.
        driver: Graphs and events.
        memory: Buffers and the stream; closed with the engine.
        gpu: For the label.
        is_blocking: Sleep while the GPU works instead of asking all the time.
        cache: TensorRT for RTX keeps what it compiled for this GPU in this file.

    Raises:
        EngineError: TensorRT refuses the plan, or it is not of our contract.
    """

    def __init__(
        self,
        plan: bytes,
        info: EngineInfo,
        *,
        api: TensorRt,
        driver: CudaDriver,
        memory: CudaMemory,
        gpu: str,
        is_blocking: bool = False,
        cache: Path | None = None,
    ) -> None:
        self._api, self._driver, self._memory, self._info = api, driver, memory, info
        self._turns = Turns("tensorrt")
        self._others = no_people(info.spec)
        self._pending: list[NDArray[np.float32]] = []
        self._batch, self._took_ms = 0, 0.0
        self._is_blocking = is_blocking
        # It holds code for the GPU: what others could have laid there is not loaded.
        self._cache = cache if cache is not None and is_private(cache.parent) else None
        self._runtime_cache: Any = None
        self._config: Any = None
        self._events: tuple[int, ...] = ()
        try:
            self._runtime, self._engine = load_plan(plan, api)
            check_contract(self._engine, info.spec, api)
            self._prepare_rtx()
            self.lanes = Lanes(
                self._engine,
                info.spec,
                info.max_batch,
                api=api,
                driver=driver,
                memory=memory,
                config=self._config,
            )
            self._events = (
                driver.make_event(),
                driver.make_event(is_blocking=is_blocking),
            )
            self.lanes.warm()
        except BaseException:
            self.close()
            raise
        self._gpu = gpu

    @property
    def spec(self) -> ModelSpec:
        """Contract of the model it was built from."""
        return self._info.spec

    @property
    def label(self) -> str:
        """Product, version, precision, GPU and how it is launched."""
        how = f", no CUDA graph ({self.lanes.refusal})" if self.lanes.refusal else ""
        return (
            f"{self._api.flavor} {self._api.version} {self._info.precision}, {self._gpu}, "
            f"buffers by {self._memory.name}{how}"
        )

    @property
    def took_ms(self) -> float:
        """GPU time of the last batch with its copies, between two events on the stream."""
        return self._took_ms

    def start(self, crops: NDArray[np.uint8]) -> None:
        """Queue a batch; see ``Engine.start``. Batches above the profile go in parts."""
        check_crops(crops, self.spec)
        self._turns.start()
        self._pending, self._took_ms = [], 0.0
        parts = list(_parts(len(crops), self._info.max_batch))
        try:
            for first, last in parts[:-1]:
                self._launch(crops[first:last])
                self._pending.append(self._fetch().copy())
            self._launch(crops[parts[-1][0] :])
        except BaseException:
            self._turns.finish()
            raise

    def finish(self) -> NDArray[np.float32]:
        """Wait for the batch; see ``Engine.finish``."""
        self._turns.finish()
        last = self._fetch()
        output = np.concatenate((*self._pending, last)) if self._pending else last
        central, self._others = split_people(output, self.spec)
        return central

    @property
    def others(self) -> NDArray[np.float32]:
        """See ``Engine.others``."""
        return self._others

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Keypoints of a batch; see ``Engine.infer``."""
        self.start(crops)
        return self.finish()

    def close(self) -> None:
        """Free everything, in the order in which CUDA allows it."""
        if not self._turns.close():
            return
        with suppress(EngineError):
            self._memory.synchronize()
        if hasattr(self, "lanes"):
            self._save_cache()
            self.lanes.free()
            del self.lanes
        for event in self._events:
            self._driver.free_event(event)
        # TensorRT's objects, then pinned memory, all before the CUDA context is given back.
        self._config = self._runtime_cache = None
        self._others = no_people(self.spec)  # a view of memory that goes now
        for name in ("_engine", "_runtime"):
            if hasattr(self, name):
                delattr(self, name)
        self._memory.close()

    def _prepare_rtx(self) -> None:
        """TensorRT for RTX compiles on first use; its cache makes the second start fast."""
        if self._api.flavor != "tensorrt-rtx":
            return
        self._config = self._engine.create_runtime_config()
        self._runtime_cache = self._config.create_runtime_cache()
        if self._cache is not None:
            # A cache of another driver is refused, somebody else's not read: both are made anew.
            with suppress(OSError), open_regular(self._cache) as file:
                kept = unseal(file.read())
                if kept is not None:
                    self._runtime_cache.deserialize(kept)
        self._config.set_runtime_cache(self._runtime_cache)
        # Now, not later in the background: a recorded graph keeps the kernels it saw.
        strategies = self._api.module.DynamicShapesKernelSpecializationStrategy
        self._config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER

    def _save_cache(self) -> None:
        if self._runtime_cache is None or self._cache is None:
            return
        with suppress(OSError, TypeError, RuntimeError):  # a user without a home has no key
            data = seal(bytes(self._runtime_cache.serialize()))
            replace_file(self._cache, lambda fresh: fresh.write_bytes(data))

    def _launch(self, crops: NDArray[np.uint8]) -> None:
        """Copy to pinned memory and queue upload, network and download."""
        self._batch = len(crops)
        self.lanes.host_in[: crops.size] = crops.reshape(-1)
        self._driver.record(self._events[0], self._memory.stream)
        self.lanes.queue(self._batch)
        self._driver.record(self._events[1], self._memory.stream)

    def _fetch(self) -> NDArray[np.float32]:
        """Wait; (batch, spec.output_rows, 3) in the pinned buffer, valid until the next batch."""
        if self._is_blocking:
            self._driver.wait(self._events[1])
        else:
            self._memory.synchronize()
        self._took_ms += self._driver.elapsed_ms(*self._events)
        flat = self.lanes.host_out[: self._batch * self.lanes.pose_bytes].view(np.float32)
        return flat.reshape(self._batch, -1, 3)


def _parts(count: int, most: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, most):
        yield first, min(first + most, count)
