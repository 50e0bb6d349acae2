"""GPU memory through pycuda or cuda-python: which is missing, and what is given back."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from steadypose.engines.backends.tensorrt.cuda_memory import (
    PACKAGES,
    CudaPythonMemory,
    PycudaMemory,
    open_memory,
)
from steadypose.engines.errors import EngineUnavailableError
from tests.support.fake_cuda import FakeCuda, fake_cuda_python, fake_pycuda


def test_without_either_package_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pycuda", "pycuda.driver", "cuda", "cuda.bindings", "cuda.bindings.driver"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineUnavailableError) as refused:
        open_memory()
    missing = str(refused.value).splitlines()[0].partition("missing: ")[2]
    assert [part.partition(" (")[0] for part in missing.split(", ")] == list(PACKAGES)


def test_a_closed_engine_keeps_no_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """pycuda frees one that is left when it is collected, by then without a context."""
    for name, module in fake_pycuda(FakeCuda()).items():
        monkeypatch.setitem(sys.modules, name, module)
    memory = PycudaMemory()
    memory.device(64)
    (allocation,) = (weakref.ref(kept) for kept in memory._kept)
    memory.close()
    gc.collect()
    assert allocation() is None


def test_a_cuda_python_before_its_bindings_had_their_own_package_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = fake_cuda_python(FakeCuda())
    monkeypatch.setitem(sys.modules, "cuda", modules["cuda"])
    monkeypatch.setitem(sys.modules, "cuda.cuda", modules["cuda.bindings.driver"])
    for name in ("cuda.bindings", "cuda.bindings.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    memory = CudaPythonMemory()
    assert memory.device(64) > 0
    memory.close()
