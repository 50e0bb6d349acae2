"""``--wait``: at full speed, or asleep, from the command line to the driver's events."""

from __future__ import annotations

import sys

import pytest

from steadypose.engines.backends.tensorrt.api import Log, TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import (
    CudaMemory,
    CudaPythonMemory,
    PycudaMemory,
)
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from tests.conftest import TINY_SPEC
from tests.engines.test_tensorrt_engine import INFO, crops
from tests.support.fake_cuda import FakeCuda, fake_cuda_python, fake_pycuda, fake_tensorrt


def chosen(*words: str) -> bool:
    """What the engine is told for a command line."""
    settings = to_settings(build_parser().parse_args(["--source", "demo", *words]), None)
    return settings.engine_options(1).is_blocking


@pytest.fixture(params=["pycuda", "cuda-python"])
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("words", [("--wait", "sleep"), ("--wait", "spin"), ()])
def test_who_is_told_to_sleep_never_spins_for_a_frame(
    words: tuple[str, ...], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = FakeCuda()
    modules = fake_pycuda(cuda) if package == "pycuda" else fake_cuda_python(cuda)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    memory: CudaMemory = PycudaMemory() if package == "pycuda" else CudaPythonMemory()
    trt = fake_tensorrt(cuda, TINY_SPEC)
    engine = TensorRtEngine(
        b"plan",
        INFO,
        api=TensorRt(trt, "tensorrt", trt.__version__, Log(trt)),
        driver=CudaDriver(cuda.library),
        memory=memory,
        gpu="Fake GPU",
        is_blocking=chosen(*words),
    )
    naps, spins = cuda.naps, cuda.spins
    for count in (1, 3, 9):  # the last in two parts
        found = engine.infer(crops(*[51] * count))
        assert found[:, 0, 2] == pytest.approx(0.2)
        assert engine.took_ms == pytest.approx(0.5 * -(-count // 8))
    naps, spins = cuda.naps - naps, cuda.spins - spins
    assert (naps, spins) == ((4, 0) if "sleep" in words else (0, 4))
    engine.close()
    assert cuda.memory == {}
