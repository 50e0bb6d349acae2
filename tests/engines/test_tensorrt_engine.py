"""The TensorRT runtime's own logic on a made-up GPU (limits: tests/support/fake_cuda.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadypose.engines import registry
from steadypose.engines.backends.tensorrt import api as tensorrt_api
from steadypose.engines.backends.tensorrt.api import Log, TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import CudaDriver, load_driver
from steadypose.engines.backends.tensorrt.cuda_memory import (
    CudaMemory,
    CudaPythonMemory,
    PycudaMemory,
    open_memory,
)
from steadypose.engines.backends.tensorrt.engine import TensorRtEngine
from steadypose.engines.backends.tensorrt.finding import find_engine
from steadypose.engines.backends.tensorrt.loading import load_plan
from steadypose.engines.engine_file import (
    EngineInfo,
    Present,
    StaleEngineError,
    read_info,
    read_plan,
    sidecar_of,
    write_engine,
)
from steadypose.engines.errors import (
    EngineError,
    EngineUnavailableError,
    ModelFileError,
    RecordError,
    UntrustedEngineError,
)
from steadypose.engines.file_io import sha256_of
from steadypose.engines.foreign.signature import key_path, seal, unseal
from steadypose.engines.options import EngineOptions
from tests.conftest import TINY_SPEC
from tests.support.fake_cuda import FakeCuda, fake_cuda_python, fake_pycuda, fake_tensorrt

INFO = EngineInfo(
    spec=TINY_SPEC,
    onnx="tiny.onnx",
    onnx_sha256="ab" * 32,
    flavor="tensorrt",
    version="10.3.0",
    precision="fp16",
    built={"half": 3},
    max_batch=8,
    gpu="Fake GPU",
    capabilities=("8.9",),
    built_at="2026-01-01T00:00:00+00:00",
)
NOW = Present("tensorrt", "10.3.0", "Fake GPU", "8.9")


@pytest.fixture
def cuda() -> FakeCuda:
    return FakeCuda()


@pytest.fixture(params=["pycuda", "cuda-python"])
def memory(
    request: pytest.FixtureRequest, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> CudaMemory:
    modules = fake_pycuda(cuda) if request.param == "pycuda" else fake_cuda_python(cuda)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return PycudaMemory() if request.param == "pycuda" else CudaPythonMemory()


@pytest.fixture
def trt(cuda: FakeCuda) -> Any:
    return fake_tensorrt(cuda, TINY_SPEC)


Maker = Callable[..., TensorRtEngine]


@pytest.fixture
def make(cuda: FakeCuda, memory: CudaMemory, trt: Any) -> Maker:
    def made(plan: bytes = b"plan", info: EngineInfo = INFO, **more: Any) -> TensorRtEngine:
        api = TensorRt(trt, info.flavor, trt.__version__, Log(trt))  # type: ignore[arg-type]
        return TensorRtEngine(
            plan,
            info,
            api=api,
            driver=CudaDriver(cuda.library),
            memory=memory,
            gpu="Fake GPU",
            **more,
        )

    return made


def crops(*values: int) -> Any:
    return np.stack([np.full((64, 48, 3), value, np.uint8) for value in values])


# Memory: one contract for both packages.


def test_bytes_go_to_the_gpu_and_back_only_when_waited_for(memory: CudaMemory) -> None:
    host, back = memory.host(100), memory.host(100)
    host[:], back[:] = np.arange(100), 0
    device = memory.device(100)
    memory.upload(device, host)
    memory.download(back, device)
    assert not back.any()
    memory.synchronize()
    np.testing.assert_array_equal(back, host)
    memory.close()


def test_memory_and_context_are_given_back_once(memory: CudaMemory, cuda: FakeCuda) -> None:
    memory.host(10)
    memory.device(10)
    assert (cuda.contexts, cuda.retained) == (1, 1)
    memory.close()
    memory.close()
    assert (cuda.contexts, cuda.retained) == (0, 0)
    assert cuda.memory == {}
    assert cuda.pinned == {}
    assert cuda.queues == {}
    assert cuda.calls.count("cuStreamDestroy") == cuda.calls.count("cuStreamCreate")


def test_a_refusing_gpu_is_an_engine_error(cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    for modules, kind, failure in (
        (fake_pycuda(cuda), PycudaMemory, "mem_alloc"),
        (fake_cuda_python(cuda), CudaPythonMemory, "cuMemAlloc"),
    ):
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        cuda.fails = {}
        opened = kind()
        cuda.fails = {failure: 2}
        with pytest.raises(EngineError, match="emAlloc failed"):
            opened.device(10)


def test_without_either_package_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pycuda", "pycuda.driver", "cuda", "cuda.bindings", "cuda.bindings.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineUnavailableError, match="pycuda or cuda-python"):
        open_memory()


def test_pycuda_is_preferred_and_autoinit_is_never_imported(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in {**fake_pycuda(cuda), **fake_cuda_python(cuda)}.items():
        monkeypatch.setitem(sys.modules, name, module)
    opened = open_memory()
    assert opened.name == "pycuda"
    opened.close()
    assert "pycuda.autoinit" not in sys.modules
    assert "pycuda.autoprimaryctx" not in sys.modules


# Driver.


def test_the_driver_names_the_gpu(cuda: FakeCuda) -> None:
    device = CudaDriver(cuda.library).device()
    assert (device.name, device.capability, device.driver) == ("Fake GPU", "8.9", "12.4")


def test_a_driver_that_does_not_start_or_sees_no_gpu_is_a_sentence(cuda: FakeCuda) -> None:
    cuda.init_code = 999
    with pytest.raises(EngineUnavailableError, match="made-up error 999"):
        CudaDriver(cuda.library)
    cuda.init_code, cuda.count = 0, 0
    with pytest.raises(EngineUnavailableError, match="sees 0 GPUs"):
        CudaDriver(cuda.library).device()


# Runtime.


def test_one_graph_per_batch_size_replays_on_new_input(make: Maker, cuda: FakeCuda) -> None:
    engine = make()
    for values in ((51,), (204,), (51, 102), (102,), (255, 0)):
        found = engine.infer(crops(*values))
        np.testing.assert_allclose(found[:, 0, 2], np.array(values) / 255, atol=1e-6)
        np.testing.assert_allclose(found[0, :, 1], 2 * np.arange(17))
    assert cuda.calls.count("cuStreamBeginCapture_v2") == 4  # 1, 2, 4 and 8, before the first
    assert cuda.calls.count("cuGraphLaunch") == 5
    engine.close()


def test_nothing_is_ready_before_finish(make: Maker) -> None:
    engine = make()
    first = engine.infer(crops(51)).copy()
    engine.start(crops(204))
    assert first[0, 0, 2] == pytest.approx(0.2)
    assert engine.finish()[0, 0, 2] == pytest.approx(0.8)
    engine.close()


def test_the_crops_may_change_after_start(make: Maker) -> None:
    engine = make()
    given = crops(51)
    engine.start(given)
    given[:] = 255
    assert engine.finish()[0, 0, 2] == pytest.approx(0.2)
    engine.close()


def test_a_batch_above_the_profile_goes_in_parts(make: Maker, cuda: FakeCuda) -> None:
    engine = make()
    values = [int(v) for v in np.linspace(0, 255, 19)]
    found = engine.infer(crops(*values))
    np.testing.assert_allclose(found[:, 0, 2], np.array(values) / 255, atol=1e-6)
    assert found.shape == (19, 17, 3)
    assert engine.took_ms == pytest.approx(1.5)  # half a millisecond for each of three parts
    engine.close()


def test_the_gpus_own_time_is_reported(make: Maker) -> None:
    engine = make()
    engine.infer(crops(1))
    assert engine.took_ms == pytest.approx(0.5)
    assert "fp16, Fake GPU" in engine.label
    assert "no CUDA graph" not in engine.label
    engine.close()


def test_closing_in_the_middle_of_a_batch_waits_for_the_gpu(make: Maker, cuda: FakeCuda) -> None:
    """Memory that is freed under a running network takes the whole process down."""
    engine = make()
    engine.infer(crops(1))
    engine.start(crops(2))
    assert any(cuda.queues.values())
    engine.close()
    assert cuda.memory == {}


def test_nobody_sees_the_pose_of_the_frame_before(make: Maker) -> None:
    """In every way a batch can go: the first and later ones of a size, and in parts."""
    engine = make()
    for count in (1, 1, 2, 9, 9, 1):
        for value in (51, 204):
            found = engine.infer(crops(*[value] * count))
            np.testing.assert_allclose(found[..., 2], value / 255, atol=1e-6)
            assert engine.took_ms == pytest.approx(0.5 * -(-count // 8))
    engine.close()


def test_closing_frees_everything_and_the_context_last(
    make: Maker, cuda: FakeCuda, trt: Any
) -> None:
    engine = make()
    engine.infer(crops(1))
    engine.infer(crops(1, 2))
    engine.close()
    engine.close()
    assert (cuda.memory, cuda.graphs, cuda.events, cuda.contexts) == ({}, {}, {}, 0)
    assert trt.state["alive"] == 0
    assert not any(call.startswith("pop with") and " 0 " not in call for call in cuda.calls)
    with pytest.raises(EngineError, match="closed"):
        engine.infer(crops(1))


def test_of_the_people_of_a_closed_engine_nobody_reads_memory_that_is_gone(make: Maker) -> None:
    engine = make()
    engine.others = np.ones((1, 17, 3), np.float32)
    engine.close()
    assert engine.others.size == 0


def test_closing_rtx_frees_its_configuration_before_the_context(
    make: Maker, cuda: FakeCuda
) -> None:
    engine = make(info=replace(INFO, flavor="tensorrt-rtx"))
    engine.infer(crops(1))
    engine.close()
    assert not any(call.startswith("pop with") and " 0 " not in call for call in cuda.calls)


def test_a_refused_plan_says_why_and_leaves_nothing_behind(make: Maker, cuda: FakeCuda) -> None:
    with pytest.raises(EngineError, match="does not load this engine: magicTag"):
        make(b"garbage")
    assert (cuda.memory, cuda.contexts) == ({}, 0)


def test_a_refused_enqueue_is_an_error_and_never_a_stale_result(make: Maker, trt: Any) -> None:
    trt.state["refuse_capture"] = True  # without graphs, each batch is queued anew
    engine = make()
    trt.state["refuse_enqueue"] = True
    with pytest.raises(EngineError, match="failed on a batch of 1: enqueueV3: made-up refusal"):
        engine.infer(crops(51))
    trt.state["refuse_enqueue"] = False
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    engine.close()


def test_a_refusal_tells_the_last_three_errors(make: Maker, trt: Any) -> None:
    trt.state["refuse_capture"] = True  # without graphs, each batch is queued anew
    engine = make()
    for number in range(1, 5):
        engine._api.log.take(is_error=True, message=f"error {number}")
    trt.state["refuse_enqueue"] = True
    with pytest.raises(EngineError, match=r": error 3 \| error 4 \| enqueueV3: made-up refusal"):
        engine.infer(crops(51))
    engine.close()


def test_an_enqueue_refused_while_recording_ends_the_recording(
    make: Maker, trt: Any, cuda: FakeCuda
) -> None:
    trt.state["refuse_capture"] = True
    engine = make()
    found = engine.infer(crops(51))
    assert found[0, 0, 2] == pytest.approx(0.2)  # runs without a graph
    assert cuda.recording == {}
    assert "no CUDA graph" in engine.label
    assert engine.infer(crops(204))[0, 0, 2] == pytest.approx(0.8)
    engine.close()


def test_a_driver_without_graphs_still_runs(make: Maker, cuda: FakeCuda) -> None:
    cuda.fails["cuGraphInstantiateWithFlags"] = 801
    engine = make()
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    assert "cuGraphInstantiateWithFlags failed" in engine.label
    engine.close()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"refuse_batch": 4}, "refuses a batch of 4"),
        ({"no_memory": True}, "no context for a batch of 1"),
    ],
)
def test_no_memory_for_a_context_and_a_refused_shape_are_sentences(
    make: Maker, trt: Any, cuda: FakeCuda, state: dict[str, Any], message: str
) -> None:
    trt.state |= state
    with pytest.raises(EngineError, match=message):
        make()
    assert (cuda.memory, cuda.graphs, cuda.contexts, trt.state["alive"]) == ({}, {}, 0, 0)


@pytest.mark.parametrize("answer", ["null object", "type error"])
def test_a_driver_too_old_for_tensorrt_is_a_sentence_and_never_touched(
    make: Maker, trt: Any, cuda: FakeCuda, answer: str
) -> None:
    trt.state["old_driver"] = answer
    with pytest.raises(EngineUnavailableError, match="cannot use this GPU"):
        make()
    assert (cuda.memory, cuda.contexts) == ({}, 0)


def test_before_8_6_one_context_serves_one_batch_size_after_another(
    cuda: FakeCuda, memory: CudaMemory
) -> None:
    trt = fake_tensorrt(cuda, TINY_SPEC, version="8.5.3.1")
    trt.state["profiles"] = False  # an engine built before there were several
    engine = TensorRtEngine(
        b"plan", replace(INFO, version="8.5.3.1"),
        api=TensorRt(trt, "tensorrt", "8.5.3.1", Log(trt)), driver=CudaDriver(cuda.library),
        memory=memory, gpu="Fake GPU",
    )  # fmt: skip
    for values in ((51,), (51, 204), (204,)):
        found = engine.infer(crops(*values))
        np.testing.assert_allclose(found[:, 0, 2], np.array(values) / 255, atol=1e-6)
    engine.close()
    assert (cuda.graphs, cuda.contexts, trt.state["alive"]) == ({}, 0, 0)


def test_a_stream_that_cannot_be_made_leaves_no_context_behind(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in fake_pycuda(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    cuda.fails = {"stream": 2}
    with pytest.raises(EngineError, match="cuStreamCreate failed"):
        PycudaMemory()
    assert (cuda.contexts, cuda.retained) == (0, 0)
    for name, module in fake_cuda_python(cuda).items():
        monkeypatch.setitem(sys.modules, name, module)
    cuda.fails = {"cuStreamCreate": 2}
    with pytest.raises(EngineError, match="cuStreamCreate failed"):
        CudaPythonMemory()
    assert (cuda.contexts, cuda.retained) == (0, 0)


def test_an_engine_whose_warm_up_fails_is_closed(
    machine: Path, tiny_path: Path, trt: Any, cuda: FakeCuda
) -> None:
    info = fitting(tiny_path)
    write_engine(machine / info.file_name(), b"plan", info)
    trt.state["refuse_enqueue"] = True
    opened = registry.open_engine(tiny_path, backend="auto", options=EngineOptions(threads=1))
    assert opened.engine.label.startswith("openvino")
    assert "made-up refusal" in opened.passed_over[0]
    assert (cuda.contexts, cuda.memory) == (0, {})


def test_an_engine_of_another_contract_is_refused(make: Maker) -> None:
    other = replace(INFO, spec=replace(TINY_SPEC, input_hw=(96, 64)))
    with pytest.raises(EngineError, match="promises"):
        make(info=other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names", ("crops", "heatmaps")),
        ("get_tensor_dtype", lambda _engine, _name: "float32"),
        ("get_tensor_shape", lambda _engine, _name: (-1, 64, 48, 3)),
    ],
)
def test_an_engine_that_takes_or_gives_something_else_is_refused(
    make: Maker, trt: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    monkeypatch.setattr(trt.Engine, name, value)
    with pytest.raises(EngineError, match=r"promises .*'keypoints': \(\(17, 3\)"):
        make()


def test_rtx_keeps_what_it_compiled(make: Maker, trt: Any, tmp_path: Path) -> None:
    info, cache = replace(INFO, flavor="tensorrt-rtx"), tmp_path / "x.engine.cache"
    engine = make(info=info, cache=cache)
    engine.infer(crops(1))
    engine.close()
    assert unseal(cache.read_bytes()) == b"compiled kernels"
    assert trt.state["cached"].serialize() == b"compiled kernels"  # the one the engine filled
    assert "cache" not in trt.state


def test_rtx_reads_its_cache_at_the_next_start(make: Maker, trt: Any, tmp_path: Path) -> None:
    cache = tmp_path / "x.engine.cache"
    cache.write_bytes(seal(b"from last time"))
    make(info=replace(INFO, flavor="tensorrt-rtx"), cache=cache).close()
    assert trt.state["cache"] == b"from last time"
    assert unseal(cache.read_bytes()) == b"compiled kernels"


@pytest.mark.parametrize("laid", [b"kernels", b"0" * 64 + b"kernels", b"", "changed"])
def test_rtx_makes_a_cache_that_somebody_else_laid_there_anew(
    make: Maker, trt: Any, tmp_path: Path, laid: bytes | str
) -> None:
    cache = tmp_path / "x.engine.cache"
    cache.write_bytes(seal(b"kernels")[:-1] + b"!" if isinstance(laid, str) else laid)
    make(info=replace(INFO, flavor="tensorrt-rtx"), cache=cache).close()
    assert "cache" not in trt.state


@pytest.mark.posix("modes of files")
def test_rtx_leaves_a_cache_alone_that_others_may_change(
    make: Maker, trt: Any, tmp_path: Path
) -> None:
    cache = tmp_path / "x.engine.cache"
    cache.write_bytes(b"from a stranger")
    tmp_path.chmod(0o777)
    engine = make(info=replace(INFO, flavor="tensorrt-rtx"), cache=cache)
    engine.infer(crops(1))
    engine.close()
    assert "cache" not in trt.state
    assert cache.read_bytes() == b"from a stranger"


# Files, and what makes them stale.


def test_an_engine_file_is_read_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "built" / INFO.file_name()
    written = write_engine(path, b"plan of some bytes", INFO)
    assert read_info(path) == written
    assert read_plan(path, written) == b"plan of some bytes"
    assert path.name == "tiny-abababab-fp16-b8-sm89-trt10.3.0.engine"
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, path.name + ".json"]


def test_damage_is_told_from_staleness(tmp_path: Path) -> None:
    path = tmp_path / "x.engine"
    info = write_engine(path, b"0123456789", INFO)
    path.write_bytes(b"01234")
    with pytest.raises(ModelFileError, match="damaged: it has 5 bytes, 10 were written"):
        read_plan(path, info)
    path.write_bytes(b"012345678X")
    with pytest.raises(ModelFileError, match="not what was written"):
        read_plan(path, info)
    sidecar_of(path).write_text("{")
    with pytest.raises(ModelFileError, match="is damaged"):
        read_info(path)
    sidecar_of(path).write_text(json.dumps({"spec": 3}))
    with pytest.raises(ModelFileError):
        read_info(path)
    sidecar_of(path).unlink()
    with pytest.raises(ModelFileError, match="bare plan"):
        read_info(path)
    path.unlink()
    with pytest.raises(ModelFileError, match="does not exist"):
        read_info(path)


def test_an_unwritable_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot write"):
        write_engine(tmp_path / "file" / "x.engine", b"1", INFO)


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (replace(NOW, version="10.5.0"), "built by tensorrt 10.3.0, here is 10.5.0"),
        (replace(NOW, flavor="tensorrt-rtx"), "is for tensorrt, tensorrt-rtx is installed"),
        (replace(NOW, capability="8.6"), "runs on compute capability 8.9, Fake GPU has 8.6"),
        (replace(NOW, gpu="Other GPU"), "built on Fake GPU, this is Other GPU"),
        (replace(NOW, onnx_sha256="cd" * 32), "model file changed"),
        (replace(NOW, spec=replace(TINY_SPEC, box_padding=1.5)), "spec changed"),
        (replace(NOW, precision="fp32"), "computes in fp16, fp32 was asked for"),
    ],
)
def test_what_makes_an_engine_stale_is_named(tmp_path: Path, now: Present, message: str) -> None:
    written = write_engine(tmp_path / INFO.file_name(), b"plan", INFO)
    assert written.what_differs(NOW) == []
    assert any(message in text for text in written.what_differs(now))
    with pytest.raises(StaleEngineError, match="nearest is") as caught:
        find_engine(Path("m.onnx"), now, folder=tmp_path)
    assert message in caught.value.what
    assert caught.value.command[0] == "export/build_trt.py"
    assert "--auto-build" in caught.value.fix


def test_of_engines_that_fit_the_quicker_precision_counts_and_then_the_newest(
    tmp_path: Path,
) -> None:
    order = ("fp16", "tf32", "fp32", "fp8")  # of the last this program knows nothing
    days = {"fp16": (2, 1), "tf32": (3,), "fp32": (4,), "fp8": (5,)}
    for precision in order:
        for day in days[precision]:
            info = replace(INFO, precision=precision, built_at=f"2026-01-0{day}T00:00:00+00:00")
            write_engine(tmp_path / f"{day}.engine", b"plan", info)
    for day in (2, 1, 3, 4, 5):
        path, _ = find_engine(Path("m.onnx"), NOW, folder=tmp_path)
        assert path.name == f"{day}.engine"
        sidecar_of(path).unlink()


def test_an_engine_of_another_model_is_not_called_the_nearest(tmp_path: Path) -> None:
    other = replace(INFO, spec=replace(TINY_SPEC, name="other"), onnx_sha256="cd" * 32)
    write_engine(tmp_path / other.file_name(), b"plan", other)
    now = replace(NOW, spec=TINY_SPEC, onnx_sha256=INFO.onnx_sha256)
    with pytest.raises(StaleEngineError, match="no TensorRT engine") as caught:
        find_engine(Path("m.onnx"), now, folder=tmp_path)
    assert caught.value.what.endswith("with tensorrt 10.3.0")


def test_half_precision_is_taken_before_others_and_damaged_neighbours_are_ignored(
    tmp_path: Path,
) -> None:
    for precision in ("fp32", "fp16", "int8"):
        info = replace(INFO, precision=precision)
        write_engine(tmp_path / info.file_name(), precision.encode(), info)
    (tmp_path / "broken.engine.json").write_text("{")
    path, info = find_engine(Path("m.onnx"), NOW, folder=tmp_path)
    assert read_plan(path, info) == b"fp16"
    path, info = find_engine(Path("m.onnx"), replace(NOW, precision="int8"), folder=tmp_path)
    assert info.precision == "int8"
    for precision in ("fp32", "fp16"):
        (tmp_path / replace(INFO, precision=precision).file_name()).unlink()
    with pytest.raises(StaleEngineError):  # never by itself: it may cost accuracy
        find_engine(Path("m.onnx"), NOW, folder=tmp_path)


def test_no_engine_at_all_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(StaleEngineError, match=r"no TensorRT engine of m\.onnx") as caught:
        find_engine(Path("m.onnx"), replace(NOW, precision="fp32"), folder=tmp_path)
    assert caught.value.command == (
        *("export/build_trt.py", "--onnx", str(Path("m.onnx").resolve())),
        *("--precision", "fp32"),
    )


# Through the registry, as the app opens it.


@pytest.fixture
def machine(
    cuda: FakeCuda, trt: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_path: Path
) -> Path:
    """A machine with the made-up GPU, TensorRT and pycuda; returns the engines' folder."""
    # Not the real one: it must not be imported while ctypes is made up.
    for name, module in {**fake_pycuda(cuda), "tensorrt": trt, "tensorrt_rtx": None}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(tensorrt_api, "_loaded", {})
    monkeypatch.setattr(
        "steadypose.engines.backends.tensorrt.cuda_driver.ctypes.CDLL", lambda _: cuda.library
    )
    folder = tmp_path / "built"
    monkeypatch.setattr("steadypose.engines.backends.tensorrt.opening.BUILT", folder)
    return folder


def fitting(tiny_path: Path) -> EngineInfo:
    return replace(INFO, onnx_sha256=sha256_of(tiny_path))


def test_auto_takes_tensorrt_where_its_engine_fits(machine: Path, tiny_path: Path) -> None:
    info = fitting(tiny_path)
    write_engine(machine / info.file_name(), b"plan", info)
    opened = registry.open_engine(tiny_path, backend="auto", options=EngineOptions(threads=1))
    assert opened.engine.label.startswith("tensorrt 10.3.0 fp16")
    assert opened.passed_over == ()
    opened.engine.close()


def test_auto_goes_on_with_the_cpu_and_says_what_is_missing(machine: Path, tiny_path: Path) -> None:
    opened = registry.open_engine(tiny_path, backend="auto", options=EngineOptions(threads=1))
    assert opened.engine.label.startswith("openvino")
    assert "no TensorRT engine of tiny.onnx is built for Fake GPU (8.9)" in opened.passed_over[0]
    with pytest.raises(StaleEngineError):
        registry.open_engine(tiny_path, backend="tensorrt", options=EngineOptions())
    assert not machine.exists()


def test_an_engine_file_is_opened_directly_or_refused_with_the_reason(
    machine: Path, tiny_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: FakeCuda
) -> None:
    path = machine / "mine.engine"
    write_engine(path, b"plan", INFO)
    registry.open_engine(path, backend="auto", options=EngineOptions()).engine.close()
    cuda.gpu_name = "Another GPU"
    with pytest.raises(StaleEngineError, match="built on Fake GPU, this is Another GPU"):
        registry.open_engine(path, backend="auto", options=EngineOptions())


@pytest.fixture
def read_plans(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every plan that TensorRT was given."""
    given: list[bytes] = []

    def watched(plan: bytes, api: TensorRt) -> Any:
        given.append(plan)
        return load_plan(plan, api)

    monkeypatch.setattr("steadypose.engines.backends.tensorrt.engine.load_plan", watched)
    return given


def forged(path: Path, info: EngineInfo, plan: bytes = b"evil") -> None:
    """A plan with a sidecar that fits it in everything, as a stranger can write them."""
    told = asdict(write_engine(path, plan, info)) | {"signature": "0" * 64}
    sidecar_of(path).write_text(json.dumps(told))


def unsigned(path: Path, info: EngineInfo) -> None:
    """As engines were before they were signed."""
    told = asdict(write_engine(path, b"evil", info))
    del told["signature"]
    sidecar_of(path).write_text(json.dumps(told))


def signed_by_no_text(path: Path, info: EngineInfo) -> None:
    """A signature that no text can be equal to."""
    told = asdict(write_engine(path, b"evil", info)) | {"signature": ["0" * 64]}
    sidecar_of(path).write_text(json.dumps(told))


def by_another_key(path: Path, info: EngineInfo) -> None:
    """Built in earnest, by another user."""
    mine = key_path().read_bytes() if key_path().exists() else None
    key_path().unlink(missing_ok=True)
    write_engine(path, b"evil", info)
    key_path().unlink()
    if mine is not None:
        key_path().write_bytes(mine)
        key_path().chmod(0o600)


@pytest.mark.parametrize("made_by", [forged, unsigned, signed_by_no_text, by_another_key])
def test_an_engine_of_a_stranger_is_loaded_only_when_it_is_trusted(
    machine: Path, read_plans: list[bytes], made_by: Callable[[Path, EngineInfo], None]
) -> None:
    path = machine / "theirs.engine"
    made_by(path, INFO)
    for backend in ("auto", "tensorrt"):
        with pytest.raises(UntrustedEngineError, match="not built by you on this machine") as no:
            registry.open_engine(path, backend=backend, options=EngineOptions())
        assert "--trust-engine" in no.value.fix
    assert read_plans == []
    options = EngineOptions(is_trusting=True)
    registry.open_engine(path, backend="auto", options=options).engine.close()
    assert read_plans == [b"evil"]


def test_a_strangers_engine_in_the_folder_of_built_ones_is_passed_over(
    machine: Path, tiny_path: Path, read_plans: list[bytes]
) -> None:
    info = fitting(tiny_path)
    forged(machine / info.file_name(), info)
    opened = registry.open_engine(tiny_path, backend="auto", options=EngineOptions(threads=1))
    assert opened.engine.label.startswith("openvino")
    assert "it was not built by you on this machine" in opened.passed_over[0]
    opened.engine.close()
    assert read_plans == []
    trusting = EngineOptions(is_trusting=True)
    registry.open_engine(tiny_path, backend="tensorrt", options=trusting).engine.close()
    assert read_plans == [b"evil"]


@pytest.mark.parametrize("key", ["plan_sha256", "max_batch", "precision", "spec", "notes"])
def test_a_sidecar_that_was_changed_is_no_longer_ours(tmp_path: Path, key: str) -> None:
    path = tmp_path / "x.engine"
    assert write_engine(path, b"plan", INFO).is_ours
    assert read_info(path).is_ours
    told = json.loads(sidecar_of(path).read_text())
    told[key] = {
        "plan_sha256": "00" * 32,
        "max_batch": 9,
        "precision": "fp32",
        "spec": told["spec"] | {"name": "other"},
        "notes": {"a": "b"},
    }[key]
    sidecar_of(path).write_text(json.dumps(told))
    assert not read_info(path).is_ours


@pytest.mark.posix("modes of files")
def test_the_key_is_for_nobody_elses_eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    info = write_engine(tmp_path / "x.engine", b"plan", INFO)
    assert info.is_ours
    assert key_path() == tmp_path / "settings" / "steadypose" / "engine.key"
    assert key_path().stat().st_mode & 0o777 == 0o600
    assert key_path().parent.stat().st_mode & 0o077 == 0
    before = key_path().read_bytes()
    assert len(before) == 32
    write_engine(tmp_path / "y.engine", b"plan", INFO)
    assert key_path().read_bytes() == before
    for spoil in (lambda: key_path().chmod(0o644), lambda: key_path().write_bytes(b"short")):
        key_path().chmod(0o600)
        key_path().write_bytes(before)
        assert read_info(tmp_path / "x.engine").is_ours
        spoil()
        assert not read_info(tmp_path / "x.engine").is_ours
        with pytest.raises(RecordError, match="no key for signing engines"):
            write_engine(tmp_path / "z.engine", b"plan", INFO)
    assert not (tmp_path / "z.engine").exists()


def test_reading_never_makes_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_engine(tmp_path / "x.engine", b"plan", INFO)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "empty"))
    assert not read_info(tmp_path / "x.engine").is_ours
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ModuleNotFoundError("No module named 'tensorrt'", name="tensorrt"), "not installed"),
        (ImportError("libnvinfer.so.10: no such file", name="tensorrt.tensorrt"), "libnvinfer.so"),
        (OSError("nvinfer_10.dll: no such file\nand more"), "nvinfer_10.dll: no such file"),
    ],
)
def test_why_tensorrt_cannot_be_loaded_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    def fail(name: str) -> Any:
        raise error

    monkeypatch.setattr(tensorrt_api, "_loaded", {})
    monkeypatch.setattr(tensorrt_api, "import_module", fail)
    with pytest.raises(EngineUnavailableError, match=f"loaded: tensorrt: {why}") as caught:
        tensorrt_api.load_tensorrt("tensorrt")
    assert "\nand more" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (SimpleNamespace(Runtime=object, __version__="8.4.3.1"), r"8\.4\.3\.1 is older than 8\.5"),
        (SimpleNamespace(), "the package is installed without its libraries"),
    ],
)
def test_a_tensorrt_that_is_too_old_or_empty_is_told(
    monkeypatch: pytest.MonkeyPatch, module: Any, why: str
) -> None:
    monkeypatch.setattr(tensorrt_api, "_loaded", {})
    monkeypatch.setattr(tensorrt_api, "import_module", lambda _name: module)
    with pytest.raises(EngineUnavailableError, match=f"loaded: tensorrt: {why}"):
        tensorrt_api.load_tensorrt("tensorrt")


def test_auto_build_builds_once_and_opens(
    machine: Path, tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadypose.realtime.model import opening as engine_opening

    commands: list[Any] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        info = fitting(tiny_path)
        write_engine(machine / info.file_name(), b"plan", info)
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr("steadypose.realtime.model.opening.subprocess.run", run)
    for _ in range(2):
        opened = engine_opening.open_chosen(
            tiny_path, backend="auto", options=EngineOptions(threads=1), is_auto_build=True
        )
        assert opened.engine.label.startswith("tensorrt")
        opened.engine.close()
    assert [command[1:3] for command in commands] == [["export/build_trt.py", "--onnx"]]


def test_a_failed_auto_build_is_a_sentence(
    machine: Path, tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadypose.realtime.model import opening as engine_opening

    run = subprocess.run

    def failing(_: list[str], **given: Any) -> Any:
        return run([sys.executable, "-c", "raise SystemExit(2)"], **given)

    monkeypatch.setattr("steadypose.realtime.model.opening.subprocess.run", failing)
    with pytest.raises(EngineError, match=r"building one failed \(exit code 2\)"):
        engine_opening.open_chosen(
            tiny_path, backend="tensorrt", options=EngineOptions(), is_auto_build=True
        )
    assert not machine.exists()


@pytest.mark.parametrize("chosen", [None, "own"])
def test_gpus_have_the_numbers_of_nvidia_smi_and_kernels_are_loaded_late_unless_somebody_chose(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    wanted = {"CUDA_MODULE_LOADING": "LAZY", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    for name in wanted:
        monkeypatch.setenv(name, chosen or "x")
        if chosen is None:
            monkeypatch.delenv(name)
    names: list[str] = []

    def load(name: str) -> object:
        names.append(name)
        return cuda.library

    monkeypatch.setattr("ctypes.CDLL", load)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    load_driver()
    assert names == ["libcuda.so.1"]
    assert {name: os.environ[name] for name in wanted} == (
        wanted if chosen is None else dict.fromkeys(wanted, chosen)
    )
