"""The CUDA driver through ctypes: is a GPU here, and graphs and events on a stream.

The driver is asked before any TensorRT object is made: without one, TensorRT 10 and 11
hand back an object that crashes the process at the first use. Graphs are recorded here
and not by a package because pycuda has no function for them.

Source: CUDA driver API reference; names and codes are facts of that interface.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steadypose.engines.errors import EngineError, EngineUnavailableError

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_CAPTURE_THREAD_LOCAL = 1
_BLOCKING_SYNC = 1
_CPU_FIX = "install NVIDIA's driver, or run with --backend auto for the CPU"


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU.

    Attributes:
        index: Number in CUDA's order.
        name: Such as ``NVIDIA GeForce RTX 4070``.
        capability: Compute capability, such as ``8.9``.
        driver: Newest CUDA version of the driver, such as ``12.4``.
    """

    index: int
    name: str
    capability: str
    driver: str


class CudaDriver:
    """What we need of ``libcuda``, with every return code checked.

    Args:
        library: Its functions by name; a ctypes library, or a stand-in in tests.

    Raises:
        EngineUnavailableError: The driver is there but does not work.
    """

    def __init__(self, library: Any) -> None:
        self._cuda = library
        code = int(library.cuInit(0))
        if code != 0:
            raise EngineUnavailableError(
                f"the CUDA driver does not start: {self._explain(code)}", fix=_CPU_FIX
            )

    def device(self, index: int = 0) -> Device:
        """Name and capability of a GPU.

        Raises:
            EngineUnavailableError: There is no such GPU.
        """
        count, version = ctypes.c_int(), ctypes.c_int()
        self._call("cuDeviceGetCount", ctypes.byref(count))
        self._call("cuDriverGetVersion", ctypes.byref(version))
        if count.value <= index:
            raise EngineUnavailableError(
                f"the CUDA driver sees {count.value} GPUs, number {index} was asked for",
                fix="check nvidia-smi and CUDA_VISIBLE_DEVICES",
            )
        handle, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        name = ctypes.create_string_buffer(128)
        self._call("cuDeviceGet", ctypes.byref(handle), index)
        self._call("cuDeviceGetName", name, 128, handle)
        for value, attribute in ((major, _CAPABILITY_MAJOR), (minor, _CAPABILITY_MINOR)):
            self._call("cuDeviceGetAttribute", ctypes.byref(value), attribute, handle)
        return Device(
            index=index,
            name=name.value.decode(errors="replace"),
            capability=f"{major.value}.{minor.value}",
            driver=f"{version.value // 1000}.{version.value % 1000 // 10}",
        )

    def make_current(self, index: int) -> None:
        """Make a GPU's primary context current on this thread, for as long as the process lives."""
        handle, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuDeviceGet", ctypes.byref(handle), index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), handle)
        self._call("cuCtxSetCurrent", context)

    def free_bytes(self) -> int:
        """Free memory of the current context's GPU."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def begin_capture(self, stream: int) -> None:
        """Record what follows on the stream instead of running it."""
        self._call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), _CAPTURE_THREAD_LOCAL)

    def end_capture(self, stream: int) -> int:
        """Finish recording; returns a graph that can be launched.

        Raises:
            EngineError: Something in between could not be recorded.
        """
        graph, ready, no_flags = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_ulonglong(0)
        self._call("cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(ready), graph, no_flags)
        finally:
            self._cuda.cuGraphDestroy(graph)
        return int(ready.value or 0)

    def launch(self, graph: int, stream: int) -> None:
        """Replay a graph on the stream."""
        self._call("cuGraphLaunch", ctypes.c_void_p(graph), ctypes.c_void_p(stream))

    def free_graph(self, graph: int) -> None:
        """Destroy a graph; errors are ignored, it is called while closing."""
        self._cuda.cuGraphExecDestroy(ctypes.c_void_p(graph))

    def load_module(self, image: bytes) -> int:
        """Compiled kernels on the GPU; see ``nvrtc``."""
        module = ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), image)
        return int(module.value or 0)

    def kernel(self, module: int, name: str) -> int:
        """A kernel of a module."""
        function = ctypes.c_void_p()
        self._call(
            "cuModuleGetFunction", ctypes.byref(function), ctypes.c_void_p(module), name.encode()
        )
        return int(function.value or 0)

    def free_module(self, module: int) -> None:
        """Unload kernels; errors are ignored."""
        self._cuda.cuModuleUnload(ctypes.c_void_p(module))

    def launch_kernel(
        self,
        kernel: int,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        stream: int,
        values: Sequence[Any],
    ) -> None:
        """Queue a kernel; ``values`` are ctypes objects, one for each of its parameters."""
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
        where = (ctypes.c_void_p(kernel), *grid, *block, 0, ctypes.c_void_p(stream))
        self._call("cuLaunchKernel", *where, pointers, None)

    def make_event(self, *, is_blocking: bool = False) -> int:
        """A mark that can be put on a stream; who waits for a blocking one sleeps."""
        event = ctypes.c_void_p()
        self._call("cuEventCreate", ctypes.byref(event), _BLOCKING_SYNC if is_blocking else 0)
        return int(event.value or 0)

    def record(self, event: int, stream: int) -> None:
        """Put the mark behind everything given to the stream so far."""
        self._call("cuEventRecord", ctypes.c_void_p(event), ctypes.c_void_p(stream))

    def wait(self, event: int) -> None:
        """Wait until a mark is passed."""
        self._call("cuEventSynchronize", ctypes.c_void_p(event))

    def elapsed_ms(self, begin: int, end: int) -> float:
        """Milliseconds between two marks that were passed."""
        took = ctypes.c_float()
        self._call(
            "cuEventElapsedTime", ctypes.byref(took), ctypes.c_void_p(begin), ctypes.c_void_p(end)
        )
        return took.value

    def free_event(self, event: int) -> None:
        """Destroy a mark; errors are ignored."""
        self._cuda.cuEventDestroy_v2(ctypes.c_void_p(event))

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._cuda, name)
        except AttributeError as error:
            raise EngineError(
                f"this CUDA driver has no {name}", fix="update NVIDIA's driver"
            ) from error
        code = int(function(*arguments))
        if code != 0:
            raise EngineError(
                f"CUDA's {name} failed: {self._explain(code)}",
                fix="look at nvidia-smi; run with --backend auto for the CPU",
            )

    def _explain(self, code: int) -> str:
        text = ctypes.c_char_p()
        if int(self._cuda.cuGetErrorString(code, ctypes.byref(text))) != 0 or not text.value:
            return f"code {code}"
        return f"{text.value.decode(errors='replace')} (code {code})"


def load_driver() -> CudaDriver:
    """Open the machine's CUDA driver.

    Raises:
        EngineUnavailableError: It is not installed, or does not work.
    """
    # CUDA 11 would load every kernel at the start; later versions do this by themselves.
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    # Numbers as nvidia-smi shows them, not the fastest first.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    name = "nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise EngineUnavailableError(
            f"this machine has no NVIDIA GPU, or no driver for it ({name} is missing)",
            fix=_CPU_FIX,
        ) from error
    return CudaDriver(library)
