"""TensorRT on an NVIDIA GPU: one stream, pinned buffers, one CUDA graph per batch size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import Bytes, CudaMemory
from steadypose.engines.backends.tensorrt.loading import (
    INPUT,
    OUTPUT,
    check_contract,
    load_plan,
    refused,
)
from steadypose.engines.base import Turns, check_crops, no_people, split_people
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import EngineError
from steadypose.engines.file_io import replace_file
from steadypose.engines.foreign.files import open_regular
from steadypose.engines.foreign.private import is_private
from steadypose.engines.foreign.signature import seal, unseal
from steadypose.engines.spec import ModelSpec


@dataclass(slots=True)
class _Lane:
    """Everything fixed for one batch size.

    A context of its own, because a recorded graph stays bound to its context's state.
    """

    context: Any
    graph: int | None


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
        cache: Path | None = None,
    ) -> None:
        self._api, self._driver, self._memory, self._info = api, driver, memory, info
        self._turns = Turns("tensorrt")
        self._others = no_people(info.spec)
        self._lanes: dict[int, _Lane] = {}
        self._pending: list[NDArray[np.float32]] = []
        self._batch, self._took_ms = 0, 0.0
        self._graph_refusal = ""
        # Before 8.6 a second context may not use the same profile.
        self._has_one_context = api.flavor == "tensorrt" and api.numbers < (8, 6)
        # It holds code for the GPU: what others could have laid there is not loaded.
        self._cache = cache if cache is not None and is_private(cache.parent) else None
        self._runtime_cache: Any = None
        self._config: Any = None
        self._events: tuple[int, ...] = ()
        try:
            self._runtime, self._engine = load_plan(plan, api)
            check_contract(self._engine, info.spec, api)
            self._prepare_rtx()
            self._make_buffers()
            self._events = (driver.make_event(), driver.make_event())
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
        how = f", no CUDA graph ({self._graph_refusal})" if self._graph_refusal else ""
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
        self._save_cache()
        self._free_lanes()
        for event in self._events:
            self._driver.free_event(event)
        # TensorRT's objects, then pinned memory, all before the CUDA context is given back.
        self._config = self._runtime_cache = None
        self._others = no_people(self.spec)  # a view of memory that goes now
        for name in ("_engine", "_runtime", "_host_in", "_host_out"):
            if hasattr(self, name):
                delattr(self, name)
        self._memory.close()

    def _free_lanes(self) -> None:
        for graph in [lane.graph for lane in self._lanes.values() if lane.graph is not None]:
            self._driver.free_graph(graph)
        self._lanes.clear()

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
        if self._runtime_cache is None or self._cache is None or not self._lanes:
            return
        with suppress(OSError, TypeError, RuntimeError):  # a user without a home has no key
            data = seal(bytes(self._runtime_cache.serialize()))
            replace_file(self._cache, lambda fresh: fresh.write_bytes(data))

    def _make_buffers(self) -> None:
        height, width = self.spec.input_hw
        most, self._crop_bytes = self._info.max_batch, height * width * 3
        self._pose_bytes = self.spec.output_rows * 3 * 4
        memory = self._memory
        self._host_in: Bytes = memory.host(most * self._crop_bytes)
        self._host_out: Bytes = memory.host(most * self._pose_bytes)
        self._device_in = memory.device(most * self._crop_bytes)
        self._device_out = memory.device(most * self._pose_bytes)

    def _launch(self, crops: NDArray[np.uint8]) -> None:
        """Copy to pinned memory and queue upload, network and download."""
        batch = len(crops)
        self._host_in[: batch * self._crop_bytes] = crops.reshape(-1)
        self._batch = batch
        lane = self._lanes.get(batch)
        if lane is None:
            if self._has_one_context:
                self._free_lanes()
            lane = self._lanes[batch] = self._make_lane(batch)
        self._driver.record(self._events[0], self._memory.stream)
        if lane.graph is not None:
            self._driver.launch(lane.graph, self._memory.stream)
        else:
            self._enqueue(lane.context, batch)
        self._driver.record(self._events[1], self._memory.stream)

    def _fetch(self) -> NDArray[np.float32]:
        """Wait; (batch, spec.output_rows, 3) in the pinned buffer, valid until the next batch."""
        self._memory.synchronize()
        self._took_ms += self._driver.elapsed_ms(*self._events)
        flat = self._host_out[: self._batch * self._pose_bytes].view(np.float32)
        return flat.reshape(self._batch, -1, 3)

    def _make_lane(self, batch: int) -> _Lane:
        """A context for a batch size: warmed up, then recorded as a graph."""
        engine = self._engine
        context = (
            engine.create_execution_context()
            if self._config is None
            else engine.create_execution_context(self._config)
        )
        if context is None:
            raise refused(self._api, f"has no context for a batch of {batch}")
        height, width = self.spec.input_hw
        if not context.set_input_shape(INPUT, (batch, height, width, 3)):
            raise refused(self._api, f"refuses a batch of {batch}")
        for name, address in ((INPUT, self._device_in), (OUTPUT, self._device_out)):
            if not context.set_tensor_address(name, address):
                raise refused(self._api, f"refuses the buffer of {name}")
        # Twice: kernels are loaded and compiled at their first use, which cannot be recorded.
        for _ in range(2):
            self._enqueue(context, batch)
            self._memory.synchronize()
        return _Lane(context, self._record(context, batch))

    def _record(self, context: Any, batch: int) -> int | None:
        """The graph of a batch size; None where TensorRT or the driver cannot record it."""
        stream = self._memory.stream
        if hasattr(context, "is_stream_capturable") and not context.is_stream_capturable(stream):
            self._graph_refusal = "TensorRT for RTX cannot record this engine"
            return None
        graph = None
        try:
            self._driver.begin_capture(stream)
            try:
                self._enqueue(context, batch)
            finally:
                # Must be called even after a failure, or the stream stays in recording.
                graph = self._driver.end_capture(stream)
        except EngineError as error:
            if graph is not None:
                self._driver.free_graph(graph)
            self._graph_refusal = error.what[:80]
            self._api.log.errors.clear()
            return None
        return graph

    def _enqueue(self, context: Any, batch: int) -> None:
        memory = self._memory
        memory.upload(self._device_in, self._host_in[: batch * self._crop_bytes])
        # False while recording would make a graph that replays stale outputs for ever.
        if not context.execute_async_v3(memory.stream):
            raise refused(self._api, f"failed on a batch of {batch}")
        memory.download(self._host_out[: batch * self._pose_bytes], self._device_out)


def _parts(count: int, most: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, most):
        yield first, min(first + most, count)
