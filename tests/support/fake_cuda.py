"""A small CUDA and TensorRT that run on the CPU, for the logic around them.

It verifies that buffers have the right sizes, that copies, network and copies are
queued on one stream in the right order, that nothing is read before the stream was
waited for (work runs only then), that a recorded graph replays on new input, that the
warm-up ends before the recording begins, that contexts, graphs, events, memory and the
context are freed in order and not while the GPU works, that a kernel's arguments and its
grid are what the kernel of the crops takes (its arithmetic runs in NumPy).

It cannot verify speed, numbers, real memory or real synchronisation; that a driver or
TensorRT accepts our arguments; or what a real GPU cannot capture.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.backends.tensorrt.device_crop import THREADS
from steadypose.engines.spec import ModelSpec
from tests.support.kernel import cut_reference

Work = Callable[[], None]
_OF_A_STREAM = ("cuGraphLaunch", "cuEvent", "cuStream", "cuLaunch")
_CODE = b"\x7fELF made-up code of cut_crops"
SCRATCH = 4096
"""Bytes of scratch memory of the made-up engine."""


class FakeCuda:
    """One GPU: memory, streams that run only when waited for, graphs, events."""

    def __init__(self, *, capability: tuple[int, int] = (8, 9), name: str = "Fake GPU") -> None:
        self.capability, self.gpu_name = capability, name
        self.init_code, self.count = 0, 1
        self.calls: list[str] = []
        self.fails: dict[str, int] = {}
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.pinned: dict[int, Any] = {}
        self.queues: dict[int, list[Work]] = {}
        self.recording: dict[int, list[Work]] = {}
        self.graphs: dict[int, list[Work]] = {}
        self.events: dict[int, float] = {}
        self.is_begun = False
        self.contexts = 0
        self.retained = 0
        """How often the GPU's own context was taken and not given back; it holds memory."""
        self._next = 0x1000
        self.alive: Callable[[], int] = lambda: 0
        self.clock_ms = 0.0
        self.sleepy_events: set[int] = set()
        self.naps = 0
        """How often somebody slept until the work of a stream was done."""
        self.spins = 0
        """How often somebody asked for it all the time."""
        self.streams_of_events: dict[int, int] = {}
        self.is_lost = False
        """Every call fails until the last context is given back."""
        self.loses_again = 0
        """How often it is lost again, as soon as a context is there."""
        self.library_type: Any = _Library
        self.modules: dict[int, bytes] = {}
        self.nvrtc = (12, 4)
        """Version of the compiler."""
        self.architectures = [75, 80, 86, 89, 90]
        """What it knows."""
        self.compiled_for: list[str] = []
        self.brighter = 0
        """Grey levels by which the kernel is wrong."""
        self.uploads: list[int] = []
        """Bytes of each copy to the GPU."""
        self.lost_after = 0
        """Graphs that are launched before it is lost; 0: it is not."""

    def begin(self, flags: int = 0) -> None:
        assert flags == 0, "CUDA knows no others"
        self.is_begun = True

    def handle(self) -> int:
        self._next += 0x100
        return self._next

    def queue(self, stream: int, work: Work) -> None:
        (self.recording[stream] if stream in self.recording else self.queues[stream]).append(work)

    def wait(self, stream: int, *, is_asleep: bool = False) -> None:
        assert stream not in self.recording, "a stream must not be waited for while recording"
        self.naps, self.spins = self.naps + is_asleep, self.spins + (not is_asleep)
        for work in self.queues[stream]:
            work()
        self.queues[stream].clear()

    def free(self, address: int) -> None:
        can_wait = not {"synchronize", "cuStreamSynchronize"} & set(self.fails)
        assert not (can_wait and any(self.queues.values())), "freed while the GPU works with it"
        self.memory.pop(address)

    def pop(self) -> None:
        """Give a context back, which takes its error with it."""
        alive = self.alive() + len(self.pinned)
        self.calls.append(f"pop with {alive} things alive that need it")
        self.contexts -= 1
        if self.contexts == 0 and self.is_lost:
            self.queues.clear()
            self.is_lost = self.loses_again > 0
            self.loses_again -= 1

    def allocate(self, size: int) -> int:
        """A block of its own range of addresses."""
        address = self.handle()
        self._next += size
        self.memory[address] = np.zeros(size, np.uint8)
        return address

    def at(self, address: int, size: int) -> NDArray[np.uint8]:
        """``size`` bytes from an address on, which may lie inside a block."""
        base = max((begin for begin in self.memory if begin <= address), default=0)
        block = self.memory[base][address - base :]
        assert size <= block.size, "a copy beyond the end of device memory"
        return block[:size]

    def upload(self, device: int, host: NDArray[np.uint8]) -> None:
        self.uploads.append(host.size)
        np.copyto(self.at(device, host.size), host)

    def cut(self, grid: tuple[int, int, int], values: list[int]) -> None:
        """What the kernel of the crops does, only where threads of the grid are."""
        frame, frame_h, frame_w, places, out, crop_h, crop_w = values
        image = self.at(frame, 3 * frame_h * frame_w).reshape(frame_h, frame_w, 3)
        boxes = self.at(places, 20 * grid[2]).view(np.int32).reshape(-1, 5)
        size = 3 * crop_h * crop_w
        covered = (slice(0, grid[1] * THREADS[1]), slice(0, grid[0] * THREADS[0]))
        for number, box in enumerate(boxes.tolist()):
            crop = cut_reference(image, box, (crop_h, crop_w))
            there = self.at(out + number * size, size).reshape(crop_h, crop_w, 3)
            there[covered] = np.minimum(crop[covered].astype(int) + self.brighter, 255)

    @property
    def library(self) -> Any:
        """The driver's functions, as ctypes exposes them."""
        return self.library_type(self)


class _Library:
    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        cuda: FakeCuda = self._cuda
        inner = object.__getattribute__(self, name)

        def call(*arguments: Any) -> int | bytes:
            cuda.calls.append(name)
            if name in cuda.fails:
                return cuda.fails[name]
            if cuda.is_lost and name.startswith(_OF_A_STREAM) and "Destroy" not in name:
                return 719
            answer = inner(*[_plain(a) for a in arguments])
            return answer if isinstance(answer, bytes) else int(answer or 0)

        return call

    def cuInit(self, _: int) -> int:  # noqa: N802
        return self._cuda.init_code

    def cuDeviceGetCount(self, out: Any) -> None:  # noqa: N802
        out.value = self._cuda.count

    def cuDriverGetVersion(self, out: Any) -> None:  # noqa: N802
        out.value = 12040

    def cuDeviceGet(self, out: Any, index: int) -> None:  # noqa: N802
        out.value = index

    def cuDeviceGetName(self, out: Any, _: int, __: Any) -> None:  # noqa: N802
        out.value = self._cuda.gpu_name.encode()

    def cuDeviceGetAttribute(self, out: Any, which: int, _: Any) -> None:  # noqa: N802
        out.value = self._cuda.capability[which - 75]

    def cuGetErrorString(self, code: int, out: Any) -> int:  # noqa: N802
        out.value = f"made-up error {code}".encode()
        return 0

    def cuMemGetInfo_v2(self, free: Any, total: Any) -> None:  # noqa: N802
        total.value = 1 << 30
        free.value = (1 << 30) - sum(block.size for block in self._cuda.memory.values())

    def cuDevicePrimaryCtxRetain(self, out: Any, _: int) -> None:  # noqa: N802
        out.value = 7

    def cuCtxSetCurrent(self, _: Any) -> None:  # noqa: N802
        pass

    def cuStreamBeginCapture_v2(self, stream: int, mode: int) -> None:  # noqa: N802
        assert mode == 1, "CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads do as they like"
        assert not self._cuda.queues[stream], "what comes first must be over before a recording"
        self._cuda.recording[stream] = []

    def cuStreamEndCapture(self, stream: int, out: Any) -> None:  # noqa: N802
        out.value = self._cuda.handle()
        self._cuda.graphs[out.value] = self._cuda.recording.pop(stream)

    def cuGraphInstantiateWithFlags(self, out: Any, graph: Any, _: Any) -> None:  # noqa: N802
        out.value = self._cuda.handle()
        self._cuda.graphs[out.value] = self._cuda.graphs[graph]

    def cuGraphDestroy(self, graph: int) -> None:  # noqa: N802
        self._cuda.graphs.pop(graph)

    def cuGraphExecDestroy(self, graph: int) -> None:  # noqa: N802
        self._cuda.graphs.pop(graph)

    def cuGraphLaunch(self, graph: int, stream: int) -> None:  # noqa: N802
        for work in self._cuda.graphs[graph]:
            self._cuda.queue(stream, work)
        self._cuda.lost_after -= 1
        if self._cuda.lost_after == 0:
            self._cuda.is_lost = True

    def cuModuleLoadData(self, out: Any, image: bytes) -> int:  # noqa: N802
        if not image.startswith(_CODE):
            return 200  # CUDA_ERROR_INVALID_IMAGE
        out.value = self._cuda.handle()
        self._cuda.modules[out.value] = image
        return 0

    def cuModuleGetFunction(self, out: Any, module: int, name: bytes) -> int:  # noqa: N802
        if name not in self._cuda.modules[module]:
            return 500  # CUDA_ERROR_NOT_FOUND
        out.value = module
        return 0

    def cuModuleUnload(self, module: int) -> None:  # noqa: N802
        self._cuda.modules.pop(module)

    def cuLaunchKernel(self, kernel: int, *told: Any) -> None:  # noqa: N802
        *sizes, shared, stream, pointers, extra = told
        assert kernel in self._cuda.modules, "a kernel of a module that is not loaded"
        assert (shared, extra) == (0, None)
        assert tuple(sizes[3:]) == (*THREADS, 1)
        kinds = (ctypes.c_void_p, *(ctypes.c_int,) * 2, *(ctypes.c_void_p,) * 2,
                 *(ctypes.c_int,) * 2)  # fmt: skip
        # The driver reads the arguments now, not when the kernel runs.
        values = [
            int(getattr(kind.from_address(address), "value", 0) or 0)
            for kind, address in zip(kinds, pointers, strict=True)
        ]
        grid = (int(sizes[0]), int(sizes[1]), int(sizes[2]))
        self._cuda.queue(stream, lambda: self._cuda.cut(grid, values))

    def nvrtcGetErrorString(self, code: int) -> bytes:  # noqa: N802
        return f"made-up error {code}".encode()

    def nvrtcVersion(self, major: Any, minor: Any) -> None:  # noqa: N802
        major.value, minor.value = self._cuda.nvrtc

    def nvrtcGetNumSupportedArchs(self, out: Any) -> None:  # noqa: N802
        out.value = len(self._cuda.architectures)

    def nvrtcGetSupportedArchs(self, out: Any) -> None:  # noqa: N802
        out[:] = self._cuda.architectures

    def nvrtcCreateProgram(  # noqa: N802
        self, out: Any, source: bytes, name: bytes, headers: int, *none: None
    ) -> None:
        assert b"__global__ void cut_crops" in source
        assert (name, headers, none) == (b"device_crop.cu", 0, (None, None))
        out.value = self._cuda.handle()

    def nvrtcCompileProgram(self, _: int, count: int, options: Any) -> int:  # noqa: N802
        (option,) = options[:count]
        self._cuda.compiled_for.append(option.decode().removeprefix("--gpu-architecture="))
        return 0

    def nvrtcGetCUBINSize(self, _: int, out: Any) -> None:  # noqa: N802
        assert self._cuda.compiled_for[-1].startswith("sm_"), "machine code of a virtual GPU"
        out.value = len(_CODE)

    def nvrtcGetCUBIN(self, _: int, out: Any) -> None:  # noqa: N802
        out[:] = _CODE

    def nvrtcGetPTXSize(self, _: int, out: Any) -> None:  # noqa: N802
        out.value = len(_CODE)

    def nvrtcGetPTX(self, _: int, out: Any) -> None:  # noqa: N802
        out[:] = _CODE

    nvrtcGetProgramLogSize, nvrtcGetProgramLog = nvrtcGetPTXSize, nvrtcGetPTX  # noqa: N815

    def nvrtcDestroyProgram(self, _: Any) -> None:  # noqa: N802
        pass

    def cuEventCreate(self, out: Any, flags: int) -> None:  # noqa: N802
        out.value = self._cuda.handle()
        self._cuda.events[out.value] = 0.0
        if flags & 1:  # CU_EVENT_BLOCKING_SYNC
            self._cuda.sleepy_events.add(out.value)

    def cuEventSynchronize(self, event: int) -> int:  # noqa: N802
        cuda = self._cuda
        if cuda.is_lost:
            return 719
        cuda.wait(cuda.streams_of_events[event], is_asleep=event in cuda.sleepy_events)
        return 0

    def cuEventRecord(self, event: int, stream: int) -> None:  # noqa: N802
        cuda = self._cuda
        cuda.streams_of_events[event] = stream

        def mark() -> None:
            cuda.clock_ms += 0.5
            cuda.events[event] = cuda.clock_ms

        cuda.queue(stream, mark)

    def cuEventElapsedTime(self, out: Any, begin: int, end: int) -> None:  # noqa: N802
        out.value = self._cuda.events[end] - self._cuda.events[begin]

    def cuEventDestroy_v2(self, event: int) -> None:  # noqa: N802
        self._cuda.events.pop(event)


def _plain(argument: Any) -> Any:
    """The value C would see: the object behind byref, the number in a pointer."""
    if hasattr(argument, "_obj"):
        return argument._obj
    if isinstance(argument, (ctypes.c_void_p, ctypes.c_ulonglong, ctypes.c_int)):
        return argument.value
    return argument


def fake_pycuda(cuda: FakeCuda) -> dict[str, ModuleType]:
    """Modules to put into ``sys.modules`` as pycuda."""

    class LogicError(Exception):
        pass

    LogicError.__module__ = "pycuda._driver"

    class Stream:
        def __init__(self, flags: int) -> None:
            assert flags == 1, "the stream must not wait for the default stream"
            if "stream" in cuda.fails:
                raise LogicError("cuStreamCreate failed: out of memory")
            self.handle = cuda.handle()
            cuda.queues[self.handle] = []

        def synchronize(self) -> None:
            if cuda.is_lost:
                raise LogicError("cuStreamSynchronize failed: unspecified launch failure")
            if "synchronize" in cuda.fails:
                raise LogicError("cuStreamSynchronize failed: an illegal memory access")
            cuda.wait(self.handle)

        def __del__(self) -> None:
            if cuda.contexts:  # else its context has taken it along
                cuda.queues.pop(getattr(self, "handle", 0), None)

    class Context:
        def push(self) -> None:
            cuda.calls.append("push")
            cuda.contexts += 1

        def pop(self) -> None:
            cuda.pop()

        def detach(self) -> None:
            cuda.retained -= 1

    class Device:
        def __init__(self, index: int) -> None:
            if not cuda.is_begun:
                raise LogicError("cuDeviceGet failed: initialization error")
            self.index = index

        def retain_primary_context(self) -> Context:
            cuda.retained += 1
            return Context()

    class Allocation:
        def __init__(self, address: int) -> None:
            self._address = address

        def __int__(self) -> int:
            return self._address

        def free(self) -> None:
            if cuda.is_lost:
                cuda.memory.pop(self._address)
                raise LogicError("cuMemFree failed: unspecified launch failure")
            cuda.free(self._address)

    def pagelocked(size: int, kind: Any) -> NDArray[Any]:
        array, key = np.zeros(size, kind), cuda.handle()
        cuda.pinned[key] = None  # it is freed with the array
        weakref.finalize(array, cuda.pinned.pop, key)
        return array

    def mem_alloc(size: int) -> Allocation:
        if "mem_alloc" in cuda.fails:
            raise LogicError("cuMemAlloc failed: out of memory")
        return Allocation(cuda.allocate(size))

    def to_device(address: int, host: NDArray[np.uint8], stream: Stream) -> None:
        cuda.queue(stream.handle, lambda: cuda.upload(address, host))

    def to_host(host: NDArray[np.uint8], address: int, stream: Stream) -> None:
        cuda.queue(stream.handle, lambda: np.copyto(host, cuda.at(address, host.size)))

    driver: Any = ModuleType("pycuda.driver")
    driver.init = cuda.begin
    driver.Device, driver.Stream, driver.mem_alloc = Device, Stream, mem_alloc
    driver.pagelocked_empty = pagelocked
    driver.memcpy_htod_async, driver.memcpy_dtoh_async = to_device, to_host
    package: Any = ModuleType("pycuda")
    package.driver = driver
    return {"pycuda": package, "pycuda.driver": driver}


def fake_cuda_python(cuda: FakeCuda) -> dict[str, ModuleType]:
    """Modules to put into ``sys.modules`` as cuda-python."""

    def answer(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> tuple[Any, ...]:
            cuda.calls.append(name)
            if name in cuda.fails:
                return (cuda.fails[name],)
            value = work(*arguments)
            return (0,) if value is None else (0, value)

        return call

    def device_get(index: int) -> int:
        assert cuda.is_begun
        return index

    def stream_create(_: int) -> int:
        handle = cuda.handle()
        cuda.queues[handle] = []
        return handle

    def mem_alloc(size: int) -> int:
        return cuda.allocate(size)

    def host_alloc(size: int, _: int) -> int:
        block = (ctypes.c_uint8 * size)()
        cuda.pinned[ctypes.addressof(block)] = block
        return ctypes.addressof(block)

    def view(address: int, size: int) -> NDArray[np.uint8]:
        block: Any = (ctypes.c_uint8 * size).from_address(address)
        return np.frombuffer(block, np.uint8)

    def htod(device: int, host: int, size: int, stream: int) -> None:
        cuda.queue(stream, lambda: cuda.upload(device, view(host, size)))

    def dtoh(host: int, device: int, size: int, stream: int) -> None:
        cuda.queue(stream, lambda: np.copyto(view(host, size), cuda.at(device, size)))

    def retain(_: int) -> int:
        cuda.retained += 1
        return 7

    def release(_: int) -> None:
        cuda.retained -= 1

    def push(_: int) -> None:
        cuda.contexts += 1

    def pop() -> int:
        cuda.pop()
        return 7

    functions: dict[str, Callable[..., Any]] = {
        "cuInit": cuda.begin,
        "cuDeviceGet": device_get,
        "cuDevicePrimaryCtxRetain": retain,
        "cuDevicePrimaryCtxRelease": release,
        "cuCtxPushCurrent": push,
        "cuCtxPopCurrent": pop,
        "cuStreamCreate": stream_create,
        "cuStreamDestroy": lambda stream: cuda.queues.pop(stream) and None,
        "cuStreamSynchronize": cuda.wait,
        "cuMemAlloc": mem_alloc,
        "cuMemFree": cuda.free,
        "cuMemHostAlloc": host_alloc,
        "cuMemFreeHost": lambda address: cuda.pinned.pop(address) is None or None,
        "cuMemcpyHtoDAsync": htod,
        "cuMemcpyDtoHAsync": dtoh,
    }
    driver: Any = ModuleType("cuda.bindings.driver")
    for name, work in functions.items():
        setattr(driver, name, answer(name, work))
    bindings: Any = ModuleType("cuda.bindings")
    bindings.driver = driver
    package: Any = ModuleType("cuda")
    package.bindings = bindings
    return {"cuda": package, "cuda.bindings": bindings, "cuda.bindings.driver": driver}


def fake_tensorrt(
    cuda: FakeCuda,
    spec: ModelSpec,
    *,
    version: str = "10.3.0",
    network: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None,
) -> Any:
    """A TensorRT module whose only engine puts keypoint k at (k, 2k).

    Its score is the crop's mean brightness, so results follow the input; or a ``network`` gives
    (N, spec.output_rows, 3) for (N, H, W, 3) crops. The plan ``b"garbage"`` is refused as
    TensorRT does: None, and a message to the logger.
    """
    height, width = spec.input_hw
    count = spec.output_rows
    types = SimpleNamespace(UINT8="uint8", FLOAT="float32")
    state: dict[str, Any] = {"alive": 0, "refuse_enqueue": False, "refuse_batch": 0, "contexts": 0,
                             "enqueued": 0, "scratch": set(), "profiles": True,
                             "loaded": 0}  # fmt: skip
    is_85 = version.startswith("8.5")

    def place(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        poses = np.empty((len(crops), count, 3), np.float32)
        poses[..., 0], poses[..., 1] = np.arange(count), 2 * np.arange(count)
        poses[..., 2] = crops.reshape(len(crops), -1).mean(axis=1)[:, None] / 255
        return poses

    find = network or place
    cuda.alive = lambda: int(state["alive"]) + int(state["loaded"])

    class Severity(int):
        ERROR = 1

    class ILogger:
        pass

    ILogger.Severity = Severity  # type: ignore[attr-defined]

    class Context:
        def __init__(self, engine: Engine) -> None:
            self.engine, self.shape, self.address = engine, (0, 0, 0, 0), {"": 0}
            self.scratch = 0
            self.profile = state["alive"] if is_85 else 0
            state["alive"] += 1

        def __del__(self) -> None:
            state["alive"] -= 1

        def is_stream_capturable(self, _: int) -> bool:
            return not state.get("not_capturable")

        @property
        def device_memory(self) -> int:
            return self.scratch

        @device_memory.setter
        def device_memory(self, address: int) -> None:
            cuda.at(address, SCRATCH)  # it is there
            self.scratch = address
            state["scratch"].add(address)

        def set_device_memory(self, address: int, size: int) -> None:
            assert size == SCRATCH
            self.device_memory = address

        def set_optimization_profile_async(self, index: int, _: int) -> bool:
            assert index < self.engine.num_optimization_profiles
            self.profile = index
            return True

        def set_input_shape(self, name: str, shape: tuple[int, int, int, int]) -> bool:
            assert name == "crops"
            self.shape = shape
            return 1 <= shape[0] <= 8 and shape[0] != state["refuse_batch"]

        def set_tensor_address(self, name: str, address: int) -> bool:
            self.address[name] = address
            return True

        def execute_async_v3(self, stream: int) -> bool:
            if state["refuse_enqueue"] or (
                state.get("refuse_capture") and stream in cuda.recording
            ):
                self.engine.runtime.logger.log(1, "enqueueV3: made-up refusal")
                return False
            batch = self.shape[0]
            assert self.scratch in cuda.memory, "a context without scratch memory"
            state["enqueued"] += 1

            def work() -> None:
                crops = cuda.at(self.address["crops"], batch * height * width * 3)
                poses = find(crops.reshape(batch, height, width, 3))
                cuda.at(self.address["keypoints"], poses.nbytes)[:] = poses.view(np.uint8).ravel()

            cuda.queue(stream, work)
            return True

    if version.startswith("8."):
        del Context.set_device_memory  # of TensorRT 10.1
    if not version.startswith("1."):
        del Context.is_stream_capturable  # of TensorRT for RTX

    class Engine:
        num_io_tensors = 2
        names = ("crops", "keypoints")
        device_memory_size = SCRATCH
        num_optimization_profiles = 4 if is_85 and state["profiles"] else 1

        def __init__(self, runtime: Runtime) -> None:
            self.runtime = runtime
            state["loaded"] += 1

        def __del__(self) -> None:
            state["loaded"] -= 1

        def get_tensor_name(self, index: int) -> str:
            return self.names[index]

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return (-1, height, width, 3) if name == "crops" else (-1, count, 3)

        def get_tensor_dtype(self, name: str) -> str:
            return types.UINT8 if name == "crops" else types.FLOAT

        def create_execution_context(self, strategy: Any = None) -> Context | None:
            assert strategy == "user managed" or getattr(strategy, "allocation", "") == (
                "user managed"
            ), "every context would have scratch memory of its own"
            return self._context()

        def create_execution_context_without_device_memory(self) -> Context | None:
            return self._context()

        def _context(self) -> Context | None:
            if state["alive"] >= self.num_optimization_profiles and is_85:
                self.runtime.logger.log(1, "Profile 0 has been chosen by another context")
                return None
            if state.get("no_memory"):
                return None
            state["contexts"] += 1
            return Context(self)

        def create_runtime_config(self) -> Any:
            config = RuntimeConfig()
            state["config"] = weakref.proxy(config)  # whoever made it keeps it
            return config

    class RuntimeConfig:
        cuda_graph_strategy = "no"
        allocation = ""

        def __init__(self) -> None:
            state["alive"] += 1

        def __del__(self) -> None:
            state["alive"] -= 1

        def create_runtime_cache(self) -> Any:
            return SimpleNamespace(
                deserialize=lambda data: state.update(cache=bytes(data)),
                serialize=lambda: b"compiled kernels",
            )

        def set_runtime_cache(self, cache: Any) -> None:
            state["cached"] = cache

        def set_execution_context_allocation_strategy(self, strategy: str) -> None:
            self.allocation = strategy

    class Runtime:
        def __init__(self, logger: Any) -> None:
            assert cuda.contexts > 0, "a context must be current before TensorRT is used"
            self.logger = logger
            state["loaded"] += 1
            if state.get("old_driver") == "null object":
                logger.log(1, "CUDA initialization failure with error: 35")
            elif state.get("old_driver"):
                raise TypeError("pybind11::init(): factory function returned nullptr")

        def __del__(self) -> None:
            state["loaded"] -= 1

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            assert not state.get("old_driver"), "touching this object would crash the process"
            if plan == b"garbage":
                self.logger.log(1, "magicTag == kEXPECTED_MAGIC_TAG failed")
                return None
            return Engine(self)

    module: Any = ModuleType("tensorrt")
    module.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
    module.__version__ = version
    if version.startswith("1.") and not version.startswith("1.0"):
        module.CudaGraphStrategy = SimpleNamespace(DISABLED="no", WHOLE_GRAPH_CAPTURE="whole")
    if not version.startswith("8."):
        module.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    module.ILogger, module.Runtime, module.DataType = ILogger, Runtime, types
    module.state, module.Engine = state, Engine
    return module
