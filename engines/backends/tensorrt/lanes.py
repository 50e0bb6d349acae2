"""A context and a recorded graph for each batch size, all on one scratch memory.

Everything is made and warmed up before the first frame: a new batch size in the middle of a run
would cost a context, two inferences and a recording. A batch takes the next larger size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.batches import bucket_of, buckets
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import Bytes, CudaMemory
from steadypose.engines.backends.tensorrt.loading import INPUT, OUTPUT, new_context, refused
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec


@dataclass(slots=True)
class Lane:
    """Everything fixed for one batch size.

    A context of its own, because a recorded graph stays bound to its context's state.

    Attributes:
        batch: Its size.
        context: TensorRT's.
        graph: Upload, network and download; None where they cannot be recorded.
        cut_graph: Network and download of crops that the GPU has cut; None likewise.
    """

    batch: int
    context: Any
    graph: int | None = None
    cut_graph: int | None = None


class Lanes:
    """Batch sizes of one engine.

    Args:
        engine: TensorRT's engine.
        spec: Its contract.
        most: Largest batch.
        api: TensorRT.
        driver: For graphs.
        memory: For buffers, and the stream.
        config: Of TensorRT for RTX; None of TensorRT.
        is_cutting: Crops may be cut on the GPU.

    Raises:
        EngineError: The GPU or TensorRT refuses.
    """

    def __init__(
        self,
        engine: Any,
        spec: ModelSpec,
        most: int,
        *,
        api: TensorRt,
        driver: CudaDriver,
        memory: CudaMemory,
        config: Any = None,
        is_cutting: bool = False,
    ) -> None:
        self._engine, self._spec, self._api = engine, spec, api
        self._is_cutting = is_cutting
        self._driver, self._memory, self._config = driver, memory, config
        self._lanes: dict[int, Lane] = {}
        self.sizes = buckets(most)
        self.made = 0
        """How many contexts were made so far."""
        self.refusal = ""
        """Why there are no graphs; empty: there are."""
        self.cut_refusal = ""
        """Why there are none of crops that the GPU has cut."""
        height, width = spec.input_hw
        self.crop_bytes, self.pose_bytes = height * width * 3, spec.output_rows * 3 * 4
        self.host_in: Bytes = memory.host(most * self.crop_bytes)
        self.host_out: Bytes = memory.host(most * self.pose_bytes)
        self.device_in = memory.device(most * self.crop_bytes)
        self.device_out = memory.device(most * self.pose_bytes)
        self._scratch, self._scratch_bytes = 0, _scratch_bytes(engine)
        # Before 8.6 a second context needs a profile of its own.
        is_old = api.flavor == "tensorrt" and api.numbers < (8, 6)
        self._profiles = int(engine.num_optimization_profiles) if is_old else 0
        self._has_one_context = is_old and self._profiles < len(self.sizes)

    def warm(self) -> None:
        """Make every lane; where there can be only one context, the first.

        Raises:
            EngineError: TensorRT refuses a size.
        """
        if self._scratch_bytes and not self._scratch:
            self._scratch = self._memory.device(self._scratch_bytes)
        for size in self.sizes[:1] if self._has_one_context else self.sizes:
            self._lane(size)

    def queue(self, batch: int, *, is_cut: bool = False) -> Lane:
        """Queue upload, network and download of a batch; its crops lie in ``host_in``.

        Args:
            batch: At most the largest size.
            is_cut: They lie in ``device_in`` already: no upload.
        """
        lane = self._lane(bucket_of(batch, self.sizes))
        graph = lane.cut_graph if is_cut else lane.graph
        if graph is not None:
            self._driver.launch(graph, self._memory.stream)
        else:
            self.enqueue(lane, is_cut=is_cut)
        return lane

    def enqueue(self, lane: Lane, *, is_cut: bool = False) -> None:
        """Queue the three steps, or the last two, one by one.

        Raises:
            EngineError: TensorRT refuses; while recording, that would make a graph that
                replays stale outputs for ever.
        """
        memory = self._memory
        if not is_cut:
            memory.upload(self.device_in, self.host_in[: lane.batch * self.crop_bytes])
        if not lane.context.execute_async_v3(memory.stream):
            raise refused(self._api, f"failed on a batch of {lane.batch}")
        memory.download(self.host_out[: lane.batch * self.pose_bytes], self.device_out)

    def free(self) -> None:
        """Destroy graphs and contexts; memory is freed with ``CudaMemory``."""
        self._drop_lanes()
        self._engine = self._config = None

    def _drop_lanes(self) -> None:
        for lane in self._lanes.values():
            for graph in (lane.graph, lane.cut_graph):
                if graph is not None:
                    self._driver.free_graph(graph)
        self._lanes.clear()

    def _lane(self, size: int) -> Lane:
        lane = self._lanes.get(size)
        if lane is not None:
            return lane
        if self._has_one_context:
            self._drop_lanes()
        lane = self._lanes[size] = Lane(size, self._context(size))
        self._run_in(lane)
        if self._lets_tensorrt_record(lane):
            lane.context = self._context(size)
            self._run_in(lane)
        lane.graph = self._record(lane)
        if self._is_cutting and lane.graph is not None:
            # Of the same context in the same state, so both stay valid.
            lane.cut_graph = self._record(lane, is_cut=True)
        return lane

    def _run_in(self, lane: Lane) -> None:
        """Twice: kernels are loaded and compiled at their first use, which cannot be recorded."""
        for _ in range(2):
            self.enqueue(lane)
            self._memory.synchronize()

    def _lets_tensorrt_record(self, lane: Lane) -> bool:
        """Whether TensorRT for RTX was just asked to record what we cannot."""
        strategies = getattr(self._api.module, "CudaGraphStrategy", None)
        if self._config is None or strategies is None or self._is_capturable(lane.context):
            return False
        is_new = self._config.cuda_graph_strategy != strategies.WHOLE_GRAPH_CAPTURE
        self._config.cuda_graph_strategy = strategies.WHOLE_GRAPH_CAPTURE
        self.refusal = "TensorRT for RTX records the network alone"
        return is_new

    def _is_capturable(self, context: Any) -> bool:
        if not hasattr(context, "is_stream_capturable"):
            return True
        return bool(context.is_stream_capturable(self._memory.stream))

    def _context(self, size: int) -> Any:
        """A context whose input has that size and whose memory is ours."""
        context = new_context(self._engine, self._api, self._config)
        if context is None:
            raise refused(self._api, f"has no context for a batch of {size}")
        self.made += 1
        if self._scratch_bytes:
            if hasattr(context, "set_device_memory"):
                context.set_device_memory(self._scratch, self._scratch_bytes)
            else:
                context.device_memory = self._scratch
        if self._profiles >= len(self.sizes):
            place = self.sizes.index(size)
            if not context.set_optimization_profile_async(place, self._memory.stream):
                raise refused(self._api, f"refuses profile {place}")
            self._memory.synchronize()
        height, width = self._spec.input_hw
        if not context.set_input_shape(INPUT, (size, height, width, 3)):
            raise refused(self._api, f"refuses a batch of {size}")
        for name, address in ((INPUT, self.device_in), (OUTPUT, self.device_out)):
            if not context.set_tensor_address(name, address):
                raise refused(self._api, f"refuses the buffer of {name}")
        return context

    def _record(self, lane: Lane, *, is_cut: bool = False) -> int | None:
        """A graph of a batch size; None where TensorRT or the driver cannot record it."""
        stream = self._memory.stream
        if not self._is_capturable(lane.context):
            self.refusal = self.refusal or "TensorRT for RTX cannot record this engine"
            return None
        graph = None
        try:
            self._driver.begin_capture(stream)
            try:
                self.enqueue(lane, is_cut=is_cut)
            finally:
                # Must be called even after a failure, or the stream stays in recording.
                graph = self._driver.end_capture(stream)
        except EngineError as error:
            if graph is not None:
                self._driver.free_graph(graph)
            if is_cut:
                self.cut_refusal = error.what[:80]
            else:
                self.refusal = error.what[:80]
            self._api.log.errors.clear()
            return None
        return graph


def _scratch_bytes(engine: Any) -> int:
    """What the largest batch needs; one context works at a time, so one is enough."""
    if hasattr(engine, "device_memory_size_v2"):
        return int(engine.device_memory_size_v2)
    return int(engine.device_memory_size)
