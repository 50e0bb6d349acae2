"""Memory on the GPU and beside it, through pycuda or cuda-python behind one interface.

The thread that opens the memory owns it: the GPU's primary context is made current
there, and shared with every other library in the process. ``pycuda.autoinit`` is never
imported: it makes a second context in whichever thread comes first.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import EngineError, EngineUnavailableError

Bytes = NDArray[np.uint8]
PACKAGES = ("pycuda", "cuda-python")
_NON_BLOCKING = 1  # does not wait for the default stream, which would end a recording


class CudaMemory(Protocol):
    """A context, one stream, and memory for it."""

    name: str
    stream: int

    def host(self, size: int) -> Bytes:
        """(size,) uint8 of pinned memory: the GPU copies it without the CPU's help."""
        ...

    def device(self, size: int) -> int:
        """Address of ``size`` bytes on the GPU."""
        ...

    def upload(self, device: int, host: Bytes) -> None:
        """Queue a copy to the GPU on the stream."""
        ...

    def download(self, host: Bytes, device: int) -> None:
        """Queue a copy from the GPU on the stream."""
        ...

    def synchronize(self) -> None:
        """Wait until the stream has done everything."""
        ...

    def close(self) -> None:
        """Free all memory and give the context back. Safe to call twice."""
        ...


class PycudaMemory:
    """Memory through pycuda.

    Args:
        device: Number of the GPU.

    Raises:
        EngineError: pycuda refuses.
    """

    name = "pycuda"

    def __init__(self, device: int = 0) -> None:
        self._driver = import_module("pycuda.driver")
        self._kept: list[Any] = []
        with _translated(self.name):
            self._driver.init()
            self._context = self._driver.Device(device).retain_primary_context()
            self._context.push()
            try:
                self._stream = self._driver.Stream(_NON_BLOCKING)
            except BaseException:
                # A context left on the stack makes pycuda abort when the program ends.
                self._context.pop()
                self._context.detach()
                raise
        self._is_open = True
        self.stream = int(self._stream.handle)

    def host(self, size: int) -> Bytes:
        """See the protocol."""
        with _translated(self.name):
            array: Bytes = self._driver.pagelocked_empty(size, np.uint8)
        return array

    def device(self, size: int) -> int:
        """See the protocol."""
        with _translated(self.name):
            allocation = self._driver.mem_alloc(size)
        self._kept.append(allocation)
        return int(allocation)

    def upload(self, device: int, host: Bytes) -> None:
        """See the protocol."""
        with _translated(self.name):
            self._driver.memcpy_htod_async(device, host, self._stream)

    def download(self, host: Bytes, device: int) -> None:
        """See the protocol."""
        with _translated(self.name):
            self._driver.memcpy_dtoh_async(host, device, self._stream)

    def synchronize(self) -> None:
        """See the protocol."""
        with _translated(self.name):
            self._stream.synchronize()

    def close(self) -> None:
        """See the protocol."""
        if not self._is_open:
            return
        self._is_open = False
        for allocation in self._kept:
            with _ignored():  # of a GPU that is lost, nothing can be freed
                allocation.free()
        self._kept.clear()
        del self._stream
        self._context.pop()
        self._context.detach()


class CudaPythonMemory:
    """Memory through NVIDIA's cuda-python.

    Args:
        device: Number of the GPU.

    Raises:
        EngineError: The driver refuses.
    """

    name = "cuda-python"

    def __init__(self, device: int = 0) -> None:
        try:
            self._driver = import_module("cuda.bindings.driver")
        except ImportError:  # before cuda-python 12.6
            self._driver = import_module("cuda.cuda")
        self._host_blocks: list[int] = []
        self._device_blocks: list[int] = []
        self._call("cuInit", 0)
        self._gpu = self._call("cuDeviceGet", device)
        self._call("cuCtxPushCurrent", self._call("cuDevicePrimaryCtxRetain", self._gpu))
        try:
            self._stream = self._call("cuStreamCreate", _NON_BLOCKING)
        except BaseException:
            self._driver.cuCtxPopCurrent()
            self._driver.cuDevicePrimaryCtxRelease(self._gpu)
            raise
        self._is_open = True
        self.stream = int(self._stream)

    def host(self, size: int) -> Bytes:
        """See the protocol."""
        address = int(self._call("cuMemHostAlloc", size, 0))
        self._host_blocks.append(address)
        block: Any = (ctypes.c_uint8 * size).from_address(address)
        return np.frombuffer(block, np.uint8)

    def device(self, size: int) -> int:
        """See the protocol."""
        address = int(self._call("cuMemAlloc", size))
        self._device_blocks.append(address)
        return address

    def upload(self, device: int, host: Bytes) -> None:
        """See the protocol."""
        self._call("cuMemcpyHtoDAsync", device, host.ctypes.data, host.nbytes, self._stream)

    def download(self, host: Bytes, device: int) -> None:
        """See the protocol."""
        self._call("cuMemcpyDtoHAsync", host.ctypes.data, device, host.nbytes, self._stream)

    def synchronize(self) -> None:
        """See the protocol."""
        self._call("cuStreamSynchronize", self._stream)

    def close(self) -> None:
        """See the protocol."""
        if not self._is_open:
            return
        self._is_open = False
        for address in self._device_blocks:
            self._driver.cuMemFree(address)
        for address in self._host_blocks:
            self._driver.cuMemFreeHost(address)
        self._driver.cuStreamDestroy(self._stream)
        self._driver.cuCtxPopCurrent()
        self._driver.cuDevicePrimaryCtxRelease(self._gpu)

    def _call(self, name: str, *arguments: Any) -> Any:
        code, *values = getattr(self._driver, name)(*arguments)
        if int(code) != 0:
            raise EngineError(
                f"cuda-python: {name} failed: {code!s}",
                fix="close other programs that use the GPU, or run with --backend auto",
            )
        return values[0] if values else None


_KINDS: dict[str, Callable[[int], CudaMemory]] = {
    "pycuda": PycudaMemory,
    "cuda-python": CudaPythonMemory,
}


def open_memory(device: int = 0) -> CudaMemory:
    """Memory through the first package that is installed.

    Args:
        device: Number of the GPU.

    Raises:
        EngineUnavailableError: None is installed.
        EngineError: The GPU refuses all that are; the first refusal.
    """
    missing = []
    refusal: EngineError | None = None
    for package in PACKAGES:
        try:
            return _KINDS[package](device)
        except EngineError as error:  # such as pycuda's, compiled for another driver
            refusal = refusal or error
        except (ImportError, OSError, ValueError, AttributeError) as error:
            # Not installed, or compiled for another CUDA or NumPy.
            missing.append(f"{package} ({getattr(error, 'name', None) or error})")
    if refusal is not None:
        raise refusal
    raise EngineUnavailableError(
        f"TensorRT needs pycuda or cuda-python for its buffers; missing: {', '.join(missing)}",
        fix="pip install pycuda (needs the CUDA toolkit), or pip install cuda-python",
    )


class _ignored:  # noqa: N801 - used like a function
    """Lets pycuda's exceptions pass unheard."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, Exception) and type(error).__module__.startswith("pycuda")


class _translated:  # noqa: N801 - used like a function
    """Turns a package's own exceptions into EngineError."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and type(error).__module__.startswith("pycuda"):
            raise EngineError(
                f"{self._package}: {error}",
                fix="close other programs that use the GPU, or run with --backend auto",
            ) from error
