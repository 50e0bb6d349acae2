"""A TensorRT engine on the made-up GPU of ``fake_cuda``, as ``opening`` makes one."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines.backends.tensorrt.api import Log, TensorRt
from steadypose.engines.backends.tensorrt.cropping import Cropping
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import CudaPythonMemory, PycudaMemory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.spec import ModelSpec
from tests.support.fake_cuda import FakeCuda, fake_cuda_python, fake_pycuda, fake_tensorrt

Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_on(
    cuda: FakeCuda,
    monkeypatch: pytest.MonkeyPatch,
    spec: ModelSpec,
    *,
    crops: str = "device",
    network: Network | None = None,
    package: str = "pycuda",
    version: str = "10.3.0",
    **options: Any,
) -> TensorRtEngine:
    """An engine for ``spec`` on that GPU.

    Args:
        cuda: The GPU.
        monkeypatch: Puts the made-up packages in their places.
        spec: What it was built from.
        crops: Who cuts, of ``options.CROPS``.
        network: See ``fake_tensorrt``.
        package: For buffers.
        version: Of TensorRT.
        options: Of ``TensorRtEngine``.
    """
    kind, modules = (
        (PycudaMemory, fake_pycuda(cuda))
        if package == "pycuda"
        else (CudaPythonMemory, fake_cuda_python(cuda))
    )
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: cuda.library)
    trt = fake_tensorrt(cuda, spec, version=version, network=network)
    info = EngineInfo(
        spec, "made_up.onnx", "", "tensorrt", version, "fp16", {}, 8, "Fake GPU", ("8.9",)
    )
    return TensorRtEngine(
        b"plan",
        info,
        api=TensorRt(trt, "tensorrt", version, Log(trt)),
        driver=CudaDriver(cuda.library),
        memory=kind(),
        gpu="Fake GPU",
        cropping=Cropping(crops, capability="8.9", cuda="12.4"),
        **options,
    )
