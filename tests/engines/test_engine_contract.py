"""One contract for all backends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.backends.remote.engine import RemoteEngine
from steadypose.engines.backends.remote.server import Server
from steadypose.engines.backends.tensorrt.api import Log, TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver
from steadypose.engines.backends.tensorrt.cuda_memory import PycudaMemory
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.base import Engine
from steadypose.engines.engine_file import EngineInfo
from steadypose.engines.errors import EngineError, ShapeError
from steadypose.engines.options import EngineOptions, usable_cpus
from steadypose.engines.registry import open_engine
from steadypose.engines.spec import ModelSpec
from tests.conftest import TINY_SPEC, tiny_model
from tests.support.fake_cuda import FakeCuda, fake_pycuda, fake_tensorrt
from tests.support.inference_server import InProcess

Maker = Callable[[], Engine]
SpecMaker = Callable[[ModelSpec], Engine]


def _tensorrt_on_a_fake_gpu(monkeypatch: pytest.MonkeyPatch, spec: ModelSpec) -> Engine:
    cuda = FakeCuda()
    for name, module in fake_pycuda(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    module = fake_tensorrt(cuda, spec)
    info = EngineInfo(
        spec, "tiny.onnx", "", "tensorrt", "10.3.0", "fp32", {}, 8, "Fake GPU", ("8.9",)
    )
    return TensorRtEngine(
        b"plan",
        info,
        api=TensorRt(module, "tensorrt", "10.3.0", Log(module)),
        driver=CudaDriver(cuda.library),
        memory=PycudaMemory(),
        gpu="Fake GPU",
    )


@pytest.fixture(params=["fake", "onnxruntime", "openvino", "tensorrt", "remote"])
def make_engine_for(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SpecMaker]:
    opened: list[Engine] = []

    def make(spec: ModelSpec) -> Engine:
        if request.param == "fake":
            engine: Engine = FakeEngine(spec)
        elif request.param == "tensorrt":
            engine = _tensorrt_on_a_fake_gpu(monkeypatch, spec)
        else:
            path = tmp_path / "tiny.onnx"
            path.write_bytes(tiny_model(spec).SerializeToString())
            options = EngineOptions(precision="fp32", threads=1)
            local = "openvino" if request.param == "remote" else request.param
            engine = open_engine(path, backend=local, options=options).engine
        if request.param == "remote":
            opened.append(engine)
            connect = partial(InProcess, engine)
            server = Server("there", connect, lambda _: None, model="tiny", rows=spec.output_rows)
            engine = RemoteEngine(spec, [server], timeout_s=5.0, patience_s=None, label="gRPC")
        opened.append(engine)
        return engine

    yield make
    for engine in reversed(opened):
        engine.close()


@pytest.fixture
def make_engine(make_engine_for: SpecMaker) -> Maker:
    return partial(make_engine_for, TINY_SPEC)


def crops(count: int, value: int = 51) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((count, 64, 48, 3), value, np.uint8)


def test_every_backend_satisfies_the_protocol(make_engine: Maker) -> None:
    assert isinstance(make_engine(), Engine)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_any_batch_size_gives_one_pose_per_crop(make_engine: Maker, batch: int) -> None:
    keypoints = make_engine().infer(crops(batch))
    assert keypoints.shape == (batch, 17, 3)
    assert keypoints.dtype == np.float32


def test_further_people_come_beside_the_central_one(make_engine_for: SpecMaker) -> None:
    """The tiny model puts row k of its output at (k, 2k)."""
    engine = make_engine_for(replace(TINY_SPEC, others=2))
    central = engine.infer(crops(3))
    assert (central.shape, engine.others.shape) == ((3, 17, 3), (3, 2, 17, 3))
    for person, found in enumerate((central, engine.others[:, 0], engine.others[:, 1])):
        if engine.label != "fake":
            np.testing.assert_array_equal(found[0, :, 0], np.arange(17) + 17 * person)
        np.testing.assert_allclose(found[..., 2], 0.2, atol=1e-3)


def test_a_model_of_one_person_has_no_others(make_engine: Maker) -> None:
    engine = make_engine()
    assert engine.others.shape[1:] == (0, 17, 3)
    engine.infer(crops(2))
    assert engine.others.shape == (2, 0, 17, 3)


@pytest.mark.parametrize(("threads", "said"), [(1, "1 thread"), (2, "2 threads")])
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_the_label_counts_threads_in_words(
    tiny_path: Path, backend: str, threads: int, said: str
) -> None:
    pytest.importorskip(backend, exc_type=ImportError)
    if threads > usable_cpus():
        pytest.skip("OpenVINO takes no more threads than there are processors")
    options = EngineOptions(precision="fp32", threads=threads)
    engine = open_engine(tiny_path, backend=backend, options=options).engine
    assert engine.label == f"{backend} fp32, {said}"
    engine.close()


def test_scores_follow_the_crop(make_engine: Maker) -> None:
    engine = make_engine()
    both = np.concatenate((crops(1, 51), crops(1, 204)))
    np.testing.assert_allclose(engine.infer(both)[:, 0, 2], (0.2, 0.8), atol=1e-3)


def test_start_and_finish_equal_infer(make_engine: Maker) -> None:
    engine = make_engine()
    wanted = engine.infer(crops(2)).copy()
    engine.start(crops(2))
    np.testing.assert_array_equal(engine.finish(), wanted)


def test_two_starts_in_a_row_are_refused(make_engine: Maker) -> None:
    engine = make_engine()
    engine.start(crops(1))
    with pytest.raises(EngineError, match="start was called twice"):
        engine.start(crops(1))
    engine.finish()


def test_finish_without_start_is_refused(make_engine: Maker) -> None:
    with pytest.raises(EngineError, match="nothing was started"):
        make_engine().finish()


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((1, 64, 48, 3), np.float32),
        np.zeros((64, 48, 3), np.uint8),
        np.zeros((0, 64, 48, 3), np.uint8),
        np.zeros((1, 48, 64, 3), np.uint8),
        np.zeros((1, 64, 96, 3), np.uint8)[:, :, ::2],
    ],
)
def test_crops_that_do_not_fit_are_refused(
    make_engine: Maker, bad: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    engine = make_engine()
    with pytest.raises(ShapeError, match="crops are"):
        engine.infer(bad)
    assert engine.infer(crops(1)).shape == (1, 17, 3)  # still usable


def test_close_is_idempotent_and_final(make_engine: Maker) -> None:
    engine = make_engine()
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(crops(1))


def test_a_made_up_engine_takes_the_time_that_it_is_told_to() -> None:
    engine = FakeEngine(latency_s=0.002)
    engine.infer(np.zeros((1, 64, 48, 3), np.uint8))
    assert engine.took_ms == pytest.approx(2.0)
