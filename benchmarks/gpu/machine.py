"""The machine a visit finds, or a made-up one."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.graphs import read_graph
from benchmarks.gpu.plan import ROWS
from steadypose.engines.backends.tensorrt import nvrtc
from steadypose.engines.backends.tensorrt.api import Log, TensorRt, load_tensorrt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver, Device, load_driver
from steadypose.engines.backends.tensorrt.cuda_memory import CudaMemory, open_memory
from steadypose.engines.errors import EngineError
from steadypose.engines.spec import ModelSpec

FAKE = "MADE-UP GPU, NO FIGURE BELOW MEANS ANYTHING: "


@dataclass(slots=True)
class Machine:
    """Driver, GPU and TensorRT.

    Attributes:
        api: TensorRT.
        driver: Of CUDA.
        device: The GPU.
        fake: The made-up GPU, if it is one.
        work: Of the visit; what is built on a made-up GPU lies there, and goes with it.
    """

    api: TensorRt
    driver: CudaDriver
    device: Device
    fake: Any = None
    work: Path = Path()

    @property
    def is_fake(self) -> bool:
        """Whether the GPU is made up."""
        return self.fake is not None

    def title(self) -> str:
        """First line of the result."""
        return (
            f"{FAKE if self.is_fake else ''}{self.device.name}, compute capability "
            f"{self.device.capability}, driver for CUDA {self.device.driver}, {self.api.title}, "
            f"Python {platform.python_version()}, numpy {np.__version__}"
        )

    def open_memory(self) -> CudaMemory:
        """Buffers on the GPU."""
        return open_memory(self.device.index)

    def free_mb(self) -> float:
        """Free memory of the GPU, megabytes; a context must be current."""
        return self.driver.free_bytes() / 1e6

    def fake_build(self, fault: str) -> dict[str, Any]:
        """A report as a builder gives it, or what goes wrong."""
        if fault == "build error":
            raise EngineError("TensorRT cannot build it: made-up refusal", fix="none")
        if fault == "time-out":
            time.sleep(3600)
        return {"build_s": 0.0, "layers": 0, "built": {"half": 0}, "built_from": "made up"}

    def begin(self, fault: str, spec: ModelSpec) -> None:
        """Before an engine is opened: a made-up GPU takes its shape, and its fault."""
        if not self.is_fake:
            return
        from tests.support.fake_cuda import fake_tensorrt  # noqa: PLC0415 - the rehearsal's

        module = fake_tensorrt(self.fake, spec)
        self.api = replace(self.api, module=module, log=Log(module))
        if fault == "out of memory":
            self.fake.fails["mem_alloc"] = 2
        if fault == "crash":
            os.kill(os.getpid(), signal.SIGKILL)

    def as_wanted(
        self, crops: NDArray[np.uint8], wanted: NDArray[np.float32], fault: str
    ) -> NDArray[np.float32]:
        """What an engine should find: on a made-up GPU, what that makes up."""
        if not self.is_fake:
            return wanted
        count = wanted.shape[1]
        made = np.empty_like(wanted)
        made[..., 0], made[..., 1] = np.arange(count), 2 * np.arange(count)
        made[..., 2] = crops.reshape(len(crops), -1).mean(axis=1)[:, None] / 255
        return made + np.float32(5.0 if fault == "wrong parity" else 0.0)


def open_machine(index: int, *, is_fake: bool) -> Machine:
    """What is here.

    Raises:
        EngineUnavailableError: No GPU, no driver or no TensorRT.
    """
    if is_fake:
        return _made_up()
    driver = load_driver()
    device = driver.device(index)
    return Machine(load_tensorrt(), driver, device)


def _made_up() -> Machine:
    """See tests/support/fake_cuda.py for what this cannot show."""
    from tests.support.fake_cuda import FakeCuda, fake_pycuda, fake_tensorrt  # noqa: PLC0415

    cuda = FakeCuda()
    sys.modules.update(fake_pycuda(cuda))
    nvrtc._load_nvrtc = lambda _: cuda.library  # type: ignore[assignment]  # noqa: SLF001
    spec = ModelSpec.from_json(read_graph(*ROWS[0]).spec)
    module = fake_tensorrt(cuda, spec)
    driver = CudaDriver(cuda.library)
    api = TensorRt(module, "tensorrt", module.__version__, Log(module))
    return Machine(api, driver, replace(driver.device(), name="made-up GPU"), cuda)
