"""TensorRT on an NVIDIA GPU: one stream, pinned buffers, one CUDA graph per batch size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.batches import in_batches
from steadypose.engines.backends.tensorrt.cropping import Cropping
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import CudaMemory
from steadypose.engines.backends.tensorrt.lanes import Lanes
from steadypose.engines.backends.tensorrt.loading import check_contract, load_plan
from steadypose.engines.backends.tensorrt.rtx import RtxRuntime
from steadypose.engines.base import (
    Turns,
    Uncut,
    check_crops,
    cut_all,
    no_people,
    split_people,
)
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import EngineError


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
        cropping: Who cuts crops; None: whoever calls.

    Raises:
        EngineError: TensorRT refuses the plan, or it is not of our contract.
    """

    def __init__(  # noqa: PLR0913 - everything that it is made of
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
        cropping: Cropping | None = None,
    ) -> None:
        self._api, self._driver, self._memory, self._info = api, driver, memory, info
        self.spec = info.spec
        self._turns = Turns("tensorrt")
        self.others = no_people(info.spec)
        self._pending: list[NDArray[np.float32]] = []
        self._batch = 0
        self.took_ms = 0.0
        """GPU time of the last batch with its copies, between two events on the stream."""
        self._is_blocking = is_blocking
        self._cropping = cropping or Cropping()
        self._rtx: RtxRuntime | None = None
        self._events: tuple[int, ...] = ()
        try:
            self._runtime, self._engine = load_plan(plan, api)
            check_contract(self._engine, info.spec, api)
            if api.flavor == "tensorrt-rtx":
                self._rtx = RtxRuntime(self._engine, api, cache)
            self._cropping.open(info.spec.input_hw, driver=driver, memory=memory)
            self.lanes = Lanes(
                self._engine,
                info.spec,
                info.max_batch,
                api=api,
                driver=driver,
                memory=memory,
                config=None if self._rtx is None else self._rtx.config,
                is_cutting=self._cropping.is_on,
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
    def label(self) -> str:
        """Product, version, precision, GPU and how it is launched."""
        how = f", no CUDA graph ({self.lanes.refusal})" if self.lanes.refusal else ""
        crops = ", crops by the GPU" if self._cropping.is_settled else ""
        if crops and self.lanes.cut_refusal:
            crops += f" without a CUDA graph ({self.lanes.cut_refusal})"
        return (
            f"{self._api.flavor} {self._api.version} {self._info.precision}, {self._gpu}, "
            f"buffers by {self._memory.name}{how}{crops}"
        )

    @property
    def is_cutting(self) -> bool:
        """See ``Cutter.is_cutting``."""
        return self._cropping.is_on

    def listen(self, say: Callable[[str], None]) -> None:
        """Call ``say`` with a sentence whenever it changes who cuts the crops."""
        self._cropping.listen(say)

    def start(self, crops: NDArray[np.uint8]) -> None:
        """Queue a batch; see ``Engine.start``. Batches above the profile go in parts."""
        check_crops(crops, self.spec)
        self._turns.start()
        self._pending, self.took_ms = [], 0.0
        parts = list(_parts(len(crops), self._info.max_batch))
        try:
            for first, last in parts[:-1]:
                self._launch(crops[first:last])
                self._pending.append(self._fetch().copy())
            self._launch(crops[parts[-1][0] :])
        except BaseException:
            self._turns.finish()
            raise

    def stage(self, part: Uncut) -> None:
        """See ``Cutter.stage``."""
        cropping = self._cropping
        if not (cropping.is_on and cropping.is_tried and len(part) <= self._info.max_batch):
            return
        with suppress(EngineError):  # such as too little memory: ``start_uncut`` meets it again
            part.staged = cropping.staged([part])

    def start_uncut(self, parts: Sequence[Uncut]) -> None:
        """See ``Cutter.start_uncut``."""
        self._turns.start()
        self._pending, most = [], self._info.max_batch
        try:
            if self._cropping.is_on and not self._cropping.is_tried:
                self._cropping.try_out(parts[0], most=most, fetch=self._cut, run=self._run)
            self.took_ms = 0.0
            *first, last = in_batches(parts, most)
            for batch in first:
                self._launch_uncut(batch)
                self._pending.append(self._fetch().copy())
            self._launch_uncut(last)
        except BaseException:
            self._turns.finish()
            raise

    def finish(self) -> NDArray[np.float32]:
        """Wait for the batch; see ``Engine.finish``."""
        self._turns.finish()
        last = self._fetch()
        output = np.concatenate((*self._pending, last)) if self._pending else last
        central, self.others = split_people(output, self.spec)
        return central

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
            if self._rtx is not None:
                self._rtx.save()
            self.lanes.free()
            del self.lanes
        for event in self._events:
            self._driver.free_event(event)
        self._cropping.free()
        # TensorRT's objects, then pinned memory, all before the CUDA context is given back.
        self._rtx = None
        self.others = no_people(self.spec)  # a view of memory that goes now
        for name in ("_engine", "_runtime"):
            if hasattr(self, name):
                delattr(self, name)
        self._memory.close()

    def _launch(self, crops: NDArray[np.uint8]) -> None:
        """Copy to pinned memory and queue upload, network and download."""
        self._batch = len(crops)
        self.lanes.host_in[: crops.size] = crops.reshape(-1)
        self._driver.record(self._events[0], self._memory.stream)
        self.lanes.queue(self._batch)
        self._driver.record(self._events[1], self._memory.stream)

    def _launch_uncut(self, parts: Sequence[Uncut]) -> None:
        """The same for crops that the GPU cuts, or no longer does."""
        if self._cropping.is_on:
            try:
                self._launch_cut(parts)
            except EngineError as error:
                failure = error.what
            else:
                return
            # Raises where the GPU itself is lost: then that is what has to be told.
            self._launch(cut_all(parts, self.spec.input_hw))
            self._cropping.give_up(failure)
        else:
            self._launch(cut_all(parts, self.spec.input_hw))

    def _launch_cut(self, parts: Sequence[Uncut]) -> None:
        crops, cropping = self._cropping.crops, self._cropping
        assert crops is not None
        staged = cropping.staged(parts)
        self._batch = sum(map(len, parts))
        self._driver.record(self._events[0], self._memory.stream)
        crops.queue(staged, self.lanes.device_in)
        self.lanes.queue(self._batch, is_cut=True)
        self._driver.record(self._events[1], self._memory.stream)

    def _cut(self, parts: Sequence[Uncut]) -> NDArray[np.uint8]:
        """(N, h, w, 3) crops as the GPU cuts them; a view of pinned memory."""
        crops, count = self._cropping.crops, sum(map(len, parts))
        assert crops is not None
        crops.queue(crops.stage(parts), self.lanes.device_in)
        there = self.lanes.host_in[: count * self.lanes.crop_bytes]
        self._memory.download(there, self.lanes.device_in)
        self._memory.synchronize()
        return there.reshape(count, *self.spec.input_hw, 3)

    def _run(self, parts: Sequence[Uncut], is_cut: bool) -> None:  # noqa: FBT001 - the race's
        """Work on a batch to its end, one way or the other."""
        if is_cut:
            self._launch_cut(parts)
        else:
            self._launch(cut_all(parts, self.spec.input_hw))
        self._fetch()

    def _fetch(self) -> NDArray[np.float32]:
        """Wait; (batch, spec.output_rows, 3) in the pinned buffer, valid until the next batch."""
        if self._is_blocking:
            self._driver.wait(self._events[1])
        else:
            self._memory.synchronize()
        self.took_ms += self._driver.elapsed_ms(*self._events)
        flat = self.lanes.host_out[: self._batch * self.lanes.pose_bytes].view(np.float32)
        return flat.reshape(self._batch, -1, 3)


def _parts(count: int, most: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, most):
        yield first, min(first + most, count)
