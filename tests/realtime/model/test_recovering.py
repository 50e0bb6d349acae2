"""A GPU that is lost in the middle of a run, made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steadypose.engines import registry
from steadypose.engines.backends.fake_engine import FakeEngine
from steadypose.engines.engine_file import write_engine
from steadypose.engines.errors import EngineError, UsageError
from steadypose.engines.options import EngineOptions
from steadypose.engines.skeletons.whole_body import HAND21
from steadypose.realtime import cli
from steadypose.realtime.model.recovering import RecoveringEngine, recovering
from tests.engines.test_tensorrt_engine import crops, cuda, fitting, machine, trt  # noqa: F401
from tests.support.fake_cuda import FakeCuda


@pytest.fixture
def built(machine: Path, tiny_path: Path) -> Path:  # noqa: F811
    info = fitting(tiny_path)
    path = machine / info.file_name()
    write_engine(path, b"plan", info)
    return path


@pytest.mark.parametrize(
    ("again", "ends_on"), [(0, "tensorrt 10.3.0"), (1, "openvino"), (9, "openvino")]
)
def test_a_run_goes_on_and_its_recording_is_whole(
    built: Path, cuda: FakeCuda, tiny_path: Path, tmp_path: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str], again: int, ends_on: str,
) -> None:  # fmt: skip
    def run(name: str) -> str:
        output = tmp_path / name
        done = cli.main(
            ["--source", "demo", "--headless", "--model", str(tiny_path), "--max-frames", "60",
             "--csv", str(output)]
        )  # fmt: skip
        assert done == 0
        return output.read_text()

    undisturbed = run("undisturbed.csv")
    assert undisturbed.count("\n") > 40
    assert "the engine failed" not in capsys.readouterr().err
    cuda.lost_after, cuda.loses_again = 12, again
    disturbed = run("disturbed.csv")
    said = capsys.readouterr()
    assert "engine: tiny on tensorrt 10.3.0" in said.err
    assert said.err.count("the engine failed (") == 1
    assert f"the run goes on with {ends_on}" in said.err
    assert "60 frames" in said.out
    assert disturbed == undisturbed
    assert cuda.contexts == 0


@pytest.mark.parametrize("words", [(), ("--roi", "200,0,300,480"), ("--rotate", "180")])
def test_crops_of_the_gpu_and_of_the_cpu_give_one_recording_also_where_the_gpus_fail(
    built: Path, cuda: FakeCuda, tiny_path: Path, tmp_path: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
) -> None:  # fmt: skip
    def run(crops: str, *more: str) -> tuple[list[str], str]:
        output = tmp_path / f"{crops}.csv"
        told = ["--source", "demo", "--headless", "--model", str(tiny_path), "--max-frames", "24",
                "--csv", str(output), "--force", "--crops", crops, *words, *more]  # fmt: skip
        assert cli.main(told) == 0
        said = capsys.readouterr()
        assert "24 frames" in said.out
        return output.read_text().splitlines(), said.err

    def described(crops: str) -> str:
        meta = json.loads((tmp_path / f"{crops}.meta.json").read_text())
        assert meta["backend"].endswith(", crops by the GPU") is (meta["crops"] == "device")
        return str(meta["crops"])

    wanted, said = run("cpu")
    assert cuda.calls.count("cuLaunchKernel") == 0
    assert "crops are cut" not in said
    assert described("cpu") == "cpu"
    unmeasured, said = run("auto")  # of a file two runs give one recording
    assert unmeasured == wanted
    assert "crops are cut" not in said
    assert cuda.calls.count("cuLaunchKernel") == 0
    assert described("auto") == "cpu"
    found, said = run("device")
    assert cuda.calls.count("cuLaunchKernel") > 24
    assert "crops are cut" not in said
    assert described("device") == "device"
    _, said = run("auto", "--realtime")
    assert "crops are cut by the CPU: a frame takes" in said  # NumPy is no match for OpenCV
    assert described("auto") == "cpu"
    launches = cuda.calls.count("cuLaunchKernel")
    real = cuda.library.cuLaunchKernel

    class Failing(type(cuda.library)):  # type: ignore[misc]
        def cuLaunchKernel(self, *told: Any) -> int:  # noqa: N802
            if cuda.calls.count("cuLaunchKernel") > launches + 16:
                return 701
            real(*told)
            return 0

    cuda.library_type = Failing
    failed, said = run("device")
    assert said.count("crops are cut by the CPU: the GPU's failed (CUDA's cuLaunchKernel") == 1
    assert "the engine failed" not in said
    for rows in (found, failed):
        assert len(rows) == len(wanted) > 8
        for row, other in zip(rows[1:], wanted[1:], strict=True):
            numbers, others = ([float(x or "nan") for x in r.split(",")] for r in (row, other))
            np.testing.assert_allclose(numbers, others, atol=3.0, equal_nan=True)


def test_only_tensorrt_cuts_crops(tiny_path: Path) -> None:
    options = EngineOptions(crops="device")
    said: list[str] = []
    opened = registry.open_engine(tiny_path, backend="openvino", options=options)
    recovering(opened, tiny_path, options, say=said.append).close()
    assert said == ["crops are cut by the CPU: --crops device is for TensorRT"]


def test_the_batch_that_was_lost_is_computed_again(
    built: Path,
    cuda: FakeCuda,  # noqa: F811
    tiny_path: Path,
) -> None:
    options = EngineOptions()
    said: list[str] = []
    opened = registry.open_engine(tiny_path, backend="auto", options=options)
    engine = recovering(opened, tiny_path, options, say=said.append)
    engine.start(crops(51))
    cuda.is_lost = True
    found = engine.finish()
    np.testing.assert_allclose(found[0, :, 2], 0.2, atol=1e-6)
    assert engine.label.startswith("tensorrt")
    cuda.is_lost = True  # and once more
    np.testing.assert_allclose(engine.infer(crops(102))[0, :, 2], 0.4, atol=1e-6)
    assert engine.label.startswith("openvino")
    assert len(said) == 2
    assert "unspecified launch failure" in said[0]
    engine.close()
    assert (cuda.contexts, cuda.memory) == (0, {})


def test_a_cpu_engine_is_taken_as_it_is(tiny_path: Path) -> None:
    options = EngineOptions()
    opened = registry.open_engine(tiny_path, backend="openvino", options=options)
    assert recovering(opened, tiny_path, options, say=print) is opened.engine
    opened.engine.close()


def test_an_engine_file_goes_on_on_the_cpu_only_with_its_own_model_file(
    built: Path, cuda: FakeCuda, tiny_path: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
) -> None:  # fmt: skip
    options = EngineOptions()

    def lose_for_good() -> Any:
        opened = registry.open_engine(built, backend="auto", options=options)
        engine = recovering(opened, built, options, say=lambda _: None)
        cuda.is_lost, cuda.loses_again = True, 99
        return engine

    engine = lose_for_good()
    with pytest.raises(EngineError):
        engine.infer(crops(51))
    cuda.is_lost, cuda.loses_again = False, 0
    monkeypatch.setattr("steadypose.realtime.model.recovering.MODELS", tiny_path.parent)
    engine = lose_for_good()
    assert engine.infer(crops(51))[0, 0, 2] == pytest.approx(0.2)
    assert engine.label.startswith("openvino")
    engine.close()


def test_a_mistake_of_the_caller_replaces_nothing() -> None:
    engine = RecoveringEngine(FakeEngine(), (), say=print)
    with pytest.raises(EngineError, match="nothing was started"):
        engine.finish()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(np.zeros((1, 64, 48, 3), np.uint8))


def test_who_goes_on_behind_the_end_opens_no_other_engine() -> None:
    opened: list[FakeEngine] = []

    def successor() -> FakeEngine:
        opened.append(FakeEngine())
        return opened[-1]

    engine = RecoveringEngine(FakeEngine(), (successor,), say=print)
    engine.close()
    for begin in (engine.start, engine.infer):
        with pytest.raises(EngineError, match="closed"):
            begin(np.zeros((1, 64, 48, 3), np.uint8))
    assert opened == []


class Stumbling(FakeEngine):
    """Fails at its second batch, and never again."""

    batches = 0

    def start(self, crops: Any) -> None:
        self.batches += 1
        if self.batches == 2:
            raise EngineError("out of memory", fix="none")
        super().start(crops)


def test_an_engine_that_nothing_replaces_stays_open() -> None:
    engine = RecoveringEngine(Stumbling(), (), say=print)
    batch = np.zeros((1, *engine.spec.input_hw, 3), np.uint8)
    engine.infer(batch)
    with pytest.raises(EngineError, match="out of memory"):
        engine.infer(batch)
    assert engine.infer(batch).shape == (1, 17, 3)
    assert not engine.is_lost


def test_who_waits_may_compute_on_the_engines_own_terms() -> None:
    """An engine may compute on the caller's thread where the caller waits anyway."""

    class Alone(FakeEngine):
        def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            waited.append(len(crops))
            return super().infer(crops)

    waited: list[int] = []
    engine = RecoveringEngine(Alone(), (), say=print)
    engine.infer(np.zeros((3, *engine.spec.input_hw, 3), np.uint8))
    assert waited == [3]


def test_the_last_of_several_tells_that_it_is_lost() -> None:
    class Deaf(FakeEngine):
        def start(self, crops: Any) -> None:
            raise EngineError("no device", fix="none")

    def none() -> FakeEngine:
        raise EngineError("no driver", fix="none")

    for successors in ((Deaf,), (none,)):
        engine = RecoveringEngine(Deaf(), successors, say=lambda _: None)
        assert not engine.is_lost
        with pytest.raises(EngineError, match="no d"):
            engine.infer(np.zeros((1, *engine.spec.input_hw, 3), np.uint8))
        assert engine.is_lost


def test_a_reopened_gpu_that_takes_no_batch_is_left_for_the_cpu() -> None:
    class Deaf(FakeEngine):
        def start(self, crops: Any) -> None:
            raise EngineError("no device", fix="none")

    said: list[str] = []
    engine = RecoveringEngine(Deaf(), (Deaf, FakeEngine), say=said.append)
    h, w = engine.spec.input_hw
    assert engine.infer(np.zeros((1, h, w, 3), np.uint8)).shape == (1, 17, 3)
    assert len(said) == 2


def test_a_network_that_does_not_fit_the_skeleton_is_closed_again() -> None:
    engine = FakeEngine()
    opened = registry.Opened(engine, (), 0.0)
    with pytest.raises(UsageError, match="the skeleton hand21 has 21"):
        recovering(opened, Path("a.onnx"), EngineOptions(), say=lambda _: None, skeleton=HAND21)
    with pytest.raises(EngineError, match="closed"):
        engine.infer(np.zeros((1, *engine.spec.input_hw, 3), np.uint8))
