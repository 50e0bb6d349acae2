"""Batch sizes on a made-up GPU: everything is there before the first frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steadypose.engines.backends.tensorrt.api import Log, TensorRt
from steadypose.engines.backends.tensorrt.batches import bucket_of, buckets
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import CudaMemory, PycudaMemory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from tests.conftest import TINY_SPEC
from tests.engines.test_tensorrt_engine import INFO, crops
from tests.support.fake_cuda import SCRATCH, FakeCuda, fake_pycuda, fake_tensorrt


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def memory(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> Iterator[CudaMemory]:
    import sys

    for name, module in fake_pycuda(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    made = PycudaMemory()
    yield made
    made.close()


def opened(
    cuda: FakeCuda, memory: CudaMemory, *, version: str = "10.3.0", flavor: Any = "tensorrt",
    most: int = 8, **state: Any,
) -> tuple[TensorRtEngine, Any]:  # fmt: skip
    trt = fake_tensorrt(cuda, TINY_SPEC, version=version)
    trt.state |= state
    engine = TensorRtEngine(
        b"plan",
        replace(INFO, version=version, flavor=flavor, max_batch=most),
        api=TensorRt(trt, flavor, version, Log(trt)),
        driver=CudaDriver(cuda.library),
        memory=memory,
        gpu="Fake GPU",
    )
    return engine, trt.state


def test_sizes_double_up_to_the_largest() -> None:
    assert [buckets(n) for n in (1, 2, 3, 6, 8, 20)] == [
        (1,), (1, 2), (1, 2, 3), (1, 2, 4, 6), (1, 2, 4, 8), (1, 2, 4, 8, 16, 20),
    ]  # fmt: skip
    assert [bucket_of(n, buckets(6)) for n in range(1, 7)] == [1, 2, 4, 4, 6, 6]


def test_each_size_runs_twice_before_it_is_recorded(cuda: FakeCuda, memory: CudaMemory) -> None:
    """Kernels are loaded at their first use, which a real GPU cannot record."""
    state: dict[str, Any] = {}
    counts: list[int] = []
    begin = CudaDriver.begin_capture

    def spy(driver: CudaDriver, stream: int) -> None:
        counts.append(state["enqueued"])
        begin(driver, stream)

    trt = fake_tensorrt(cuda, TINY_SPEC, version="10.3.0")
    state = trt.state
    before = state.get("enqueued", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CudaDriver, "begin_capture", spy)
        TensorRtEngine(
            b"plan",
            INFO,
            api=TensorRt(trt, "tensorrt", "10.3.0", Log(trt)),
            driver=CudaDriver(cuda.library),
            memory=memory,
            gpu="Fake GPU",
        ).close()
    assert [count - before for count in counts] == [2, 5, 8, 11]


@pytest.mark.parametrize("version", ["8.5.3.1", "8.6.1", "10.3.0"])
def test_twenty_changes_of_the_batch_size_make_nothing(
    cuda: FakeCuda, memory: CudaMemory, version: str
) -> None:
    engine, state = opened(cuda, memory, version=version)

    def made() -> tuple[Any, ...]:
        names = ("cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags", "cuEventCreate")
        counts = tuple(cuda.calls.count(name) for name in names)
        return (*counts, state["contexts"], state["enqueued"], len(cuda.memory), len(cuda.graphs))

    before = made()
    assert state["contexts"] == 4
    rng = np.random.default_rng(0)
    for change in range(21):
        values = rng.integers(0, 255, 1 + change % 8).tolist()
        found = engine.infer(crops(*values))
        np.testing.assert_allclose(found[:, 0, 2], np.array(values) / 255, atol=1e-6)
        assert found.shape == (len(values), 17, 3)
    assert made() == before
    assert engine.lanes.made == 4
    engine.close()


@pytest.mark.parametrize(
    ("version", "flavor"),
    [("8.5.3.1", "tensorrt"), ("8.6.1", "tensorrt"), ("11.4.0", "tensorrt"),
     ("1.7.1", "tensorrt-rtx")],
)  # fmt: skip
def test_all_sizes_share_one_scratch_memory(
    cuda: FakeCuda, memory: CudaMemory, version: str, flavor: str
) -> None:
    engine, state = opened(cuda, memory, version=version, flavor=flavor)
    assert len(state["scratch"]) == 1
    assert sum(block.size == SCRATCH for block in cuda.memory.values()) == 1
    engine.close()
    assert cuda.memory == {}


def test_an_engine_of_many_is_no_larger_than_its_largest_batch(
    cuda: FakeCuda, memory: CudaMemory
) -> None:
    engine, state = opened(cuda, memory, most=3)
    assert (engine.lanes.sizes, state["contexts"]) == ((1, 2, 3), 3)
    assert engine.infer(crops(10, 20, 30, 40))[3, 0, 2] == pytest.approx(40 / 255)
    engine.close()


def test_rtx_records_itself_what_cannot_be_recorded_from_outside(
    cuda: FakeCuda, memory: CudaMemory
) -> None:
    engine, state = opened(
        cuda, memory, version="1.7.1", flavor="tensorrt-rtx", not_capturable=True
    )
    assert state["config"].cuda_graph_strategy == "whole"
    assert "no CUDA graph (TensorRT for RTX records the network alone)" in engine.label
    assert state["contexts"] == 5  # the first was made before we knew
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    engine.close()


def test_an_older_rtx_runs_what_cannot_be_recorded_step_by_step(
    cuda: FakeCuda, memory: CudaMemory
) -> None:
    engine, state = opened(
        cuda, memory, version="1.0.0", flavor="tensorrt-rtx", not_capturable=True
    )
    assert "no CUDA graph (TensorRT for RTX cannot record this engine)" in engine.label
    assert (state["contexts"], cuda.graphs) == (4, {})
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    engine.close()
