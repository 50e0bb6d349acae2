"""Which network a run takes where nobody chose one: on a made-up GPU, and without any."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from steadypose.engines.backends.tensorrt import api as tensorrt_api
from steadypose.engines.engine_file import EngineInfo, StaleEngineError, write_engine
from steadypose.engines.errors import (
    EngineError,
    EngineUnavailableError,
    ModelFileError,
    UsageError,
)
from steadypose.engines.file_io import sha256_of
from steadypose.engines.options import EngineOptions
from steadypose.realtime import cli
from steadypose.realtime.command.options.command_line import build_parser, to_settings
from steadypose.realtime.command.output_checks import check_outputs
from steadypose.realtime.model import best_built, zoo
from steadypose.realtime.model.best_built import Taken, open_best
from steadypose.realtime.model.places import (
    DEFAULT_MODEL,
    PUBLISHED,
    QUALITIES,
    ROOT,
    SHIPPED,
)
from tests.conftest import TINY_SPEC, tiny_model
from tests.support.fake_cuda import FakeCuda, fake_pycuda, fake_tensorrt

NAMES = [
    "res50-coco-256x192",
    "movenet_thunder_256x192",
    "movenet_lightning_224x192",
    "movenet_lightning_192x128",
    "pose_resnet18_224x192",
]
SHIPPED_POSE_RESNET = NAMES[-1]
REASONS = [
    "published COCO AP 0.718, built for this GPU",
    "--quality best, built for this GPU; res50-coco-256x192 is not",
    "--quality balanced, built for this GPU; res50-coco-256x192 and --quality best are not",
    "--quality fast, built for this GPU; res50-coco-256x192 and the larger MoveNets are not",
    "the only network that is built for this GPU; less accurate than the CPU's default "
    "(--quality balanced takes that)",
]
CPU_DEFAULT = "movenet_lightning_224x192"


@dataclass
class Machine:
    """Tiny model files in place of the rows', a folder of built engines, perhaps a GPU."""

    models: Path
    built: Path
    cuda: FakeCuda

    def make(self, name: str, *, plan: bytes = b"plan", **more: Any) -> Path:
        """Build a row's engine."""
        model = self.models / f"{name}.onnx"
        info = EngineInfo(
            spec=replace(TINY_SPEC, name=name),
            onnx=model.name,
            onnx_sha256=sha256_of(model),
            flavor="tensorrt",
            version="10.3.0",
            precision="fp16",
            built={"half": 3},
            max_batch=8,
            gpu="Fake GPU",
            capabilities=("8.9",),
        )
        path = self.built / info.file_name()
        write_engine(path, plan, replace(info, **more))
        return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with the made-up GPU, TensorRT and pycuda, and nothing built."""
    cuda = FakeCuda()
    trt = fake_tensorrt(cuda, TINY_SPEC)
    # Not the real one: it must not be imported while ctypes is made up.
    for name, module in {**fake_pycuda(cuda), "tensorrt": trt, "tensorrt_rtx": None}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(tensorrt_api, "_loaded", {})
    monkeypatch.setattr(
        "steadypose.engines.backends.tensorrt.cuda_driver.ctypes.CDLL", lambda _: cuda.library
    )
    monkeypatch.setattr("steadypose.engines.backends.tensorrt.opening.BUILT", tmp_path / "built")
    monkeypatch.setattr(best_built, "BUILT", tmp_path / "built")
    for name in NAMES:
        data = tiny_model(replace(TINY_SPEC, name=name)).SerializeToString()
        (tmp_path / f"{name}.onnx").write_bytes(data)
    for constant in ("PUBLISHED", "POSE_RESNET", "DEFAULT_MODEL"):
        real: Path = getattr(best_built, constant)
        monkeypatch.setattr(best_built, constant, tmp_path / real.name)
    rows = tuple(replace(row, model=tmp_path / row.model.name) for row in best_built.ROWS)
    monkeypatch.setattr(best_built, "ROWS", rows)
    return Machine(tmp_path, tmp_path / "built", cuda)


@pytest.fixture
def opened() -> Any:
    """``open_best``, with what it opened closed at the end."""
    taken: list[Taken] = []

    def call(backend: str = "auto", *, is_auto_build: bool = False) -> Taken:
        options = EngineOptions(threads=1)
        taken.append(open_best(backend=backend, options=options, is_auto_build=is_auto_build))
        return taken[-1]

    yield call
    for each in taken:
        each.opened.engine.close()


Open = Callable[..., Taken]


def is_on_the_cpu(taken: Taken) -> bool:
    """The default, and not with TensorRT."""
    is_tensorrt = taken.opened.engine.label.startswith("tensorrt")
    return (taken.model.stem, taken.reason) == (CPU_DEFAULT, "") and not is_tensorrt


def why_not_tensorrt(taken: Taken) -> list[str]:
    """What was passed over, without the CPU's backends: not all are installed everywhere."""
    cpu = ("openvino: ", "onnxruntime: ")
    return [reason for reason in taken.opened.passed_over if not reason.startswith(cpu)]


# On a GPU.


@pytest.mark.parametrize("first", range(5))
def test_the_best_row_that_is_built_is_taken_and_the_reason_said(
    machine: Machine, opened: Open, first: int
) -> None:
    for name in reversed(NAMES[first:]):
        machine.make(name)
    taken = opened()
    assert taken.model.stem == NAMES[first]
    assert taken.opened.engine.label.startswith("tensorrt 10.3.0 fp16")
    assert taken.opened.passed_over == ()
    assert taken.reason == f"{NAMES[first]}, {REASONS[first]}"


def test_an_engine_of_another_machine_gives_way_to_the_next_row(
    machine: Machine, opened: Open
) -> None:
    machine.make(NAMES[0], gpu="Other GPU")
    machine.make(NAMES[1])
    taken = opened()
    assert taken.model.stem == NAMES[1]
    (said,) = taken.opened.passed_over
    assert said.startswith("res50-coco-256x192 on tensorrt: no TensorRT engine of res50")
    assert "it was built on Other GPU, this is Fake GPU" in said


def test_a_damaged_engine_gives_way_to_the_next_row(machine: Machine, opened: Open) -> None:
    machine.make(NAMES[0]).write_bytes(b"pla")
    machine.make(NAMES[2])
    taken = opened("tensorrt")
    assert taken.model.stem == NAMES[2]
    assert "is damaged" in taken.opened.passed_over[0]


def test_a_sidecar_that_cannot_be_read_counts_as_nothing(machine: Machine, opened: Open) -> None:
    machine.make(NAMES[3])
    (machine.built / "x.engine.json").write_text("{")
    assert opened().model.stem == NAMES[3]


def test_where_the_gpu_refuses_the_default_runs_on_the_cpu_and_no_pose_resnet(
    machine: Machine, opened: Open
) -> None:
    machine.make(NAMES[0], plan=b"garbage")
    machine.make(NAMES[1])
    machine.make(CPU_DEFAULT)
    taken = opened()
    assert is_on_the_cpu(taken)
    (said,) = why_not_tensorrt(taken)  # once: TensorRT is not tried again with the default
    assert said.startswith("res50-coco-256x192 on tensorrt: ")
    with pytest.raises(EngineError):
        opened("tensorrt")


def test_engines_copied_to_a_machine_without_a_gpu_are_passed_over(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: str) -> None:
        raise OSError

    for name in NAMES:
        machine.make(name)
    monkeypatch.setattr("steadypose.engines.backends.tensorrt.cuda_driver.ctypes.CDLL", none)
    taken = opened()
    assert is_on_the_cpu(taken)
    (said,) = why_not_tensorrt(taken)
    assert said.startswith(
        "res50-coco-256x192 on tensorrt: this machine has no NVIDIA GPU, or no driver for it"
    )


def test_a_gpu_for_which_nothing_is_built_says_how_to_build(machine: Machine, opened: Open) -> None:
    taken = opened()
    assert is_on_the_cpu(taken)
    assert why_not_tensorrt(taken) == [
        "tensorrt: no network is built for Fake GPU yet; python export/build_trt.py builds one",
    ]
    assert tensorrt_api._loaded == {}


def test_tensorrt_asked_for_and_not_built_is_an_error_with_the_command(
    machine: Machine, opened: Open
) -> None:
    (machine.models / f"{NAMES[0]}.onnx").unlink()
    with pytest.raises(StaleEngineError, match=r"no TensorRT engine of pose_resnet18") as caught:
        opened("tensorrt")
    assert "export/build_trt.py --onnx" in caught.value.fix


@pytest.mark.parametrize("is_auto_build", [True, False])
def test_without_either_pose_resnet_the_missing_file_is_named(
    machine: Machine, opened: Open, *, is_auto_build: bool
) -> None:
    for name in (NAMES[0], SHIPPED_POSE_RESNET):
        (machine.models / f"{name}.onnx").unlink()
    with pytest.raises(ModelFileError, match=rf"{SHIPPED_POSE_RESNET}\.onnx: No such file"):
        opened("tensorrt", is_auto_build=is_auto_build)
    assert is_on_the_cpu(opened(is_auto_build=is_auto_build))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_another_backend_looks_for_nothing(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    pytest.importorskip(backend)
    machine.make(NAMES[0])
    monkeypatch.setattr(best_built, "built_rows", lambda: pytest.fail("it looked"))
    taken = opened(backend)
    assert (taken.model.stem, taken.reason) == (CPU_DEFAULT, "")
    assert taken.opened.engine.label.startswith(backend)
    assert taken.opened.passed_over == ()


@pytest.mark.parametrize("is_fetched", [True, False])
def test_auto_build_builds_the_best_that_is_here(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch, *, is_fetched: bool
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        machine.make(Path(command[3]).stem)
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr("steadypose.realtime.model.opening.subprocess.run", run)
    if not is_fetched:
        (machine.models / f"{NAMES[0]}.onnx").unlink()
    if is_fetched:
        machine.make(NAMES[1])
    taken = opened(is_auto_build=True)
    assert taken.model.stem == (NAMES[0] if is_fetched else SHIPPED_POSE_RESNET)
    assert [command[1:3] for command in commands] == [["export/build_trt.py", "--onnx"]]


def test_auto_build_builds_no_pose_resnet_18_beside_a_movenet(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "steadypose.realtime.model.opening.subprocess.run", lambda *_, **__: pytest.fail("it built")
    )
    (machine.models / f"{NAMES[0]}.onnx").unlink()
    machine.make(NAMES[2])
    taken = opened(is_auto_build=True)
    assert taken.reason == f"{NAMES[2]}, {REASONS[2]}"


def test_a_failed_auto_build_goes_on_with_the_default(
    machine: Machine, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = type("Done", (), {"returncode": 2})()
    monkeypatch.setattr("steadypose.realtime.model.opening.subprocess.run", lambda *_, **__: failed)
    taken = opened(is_auto_build=True)
    assert is_on_the_cpu(taken)
    assert "building one failed (exit code 2)" in taken.opened.passed_over[0]


# From the command line.


def test_a_run_says_its_row_on_stderr(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "steadypose.realtime.command.stopping.signals.signal.signal", lambda *_: None
    )
    machine.make(NAMES[0])
    assert cli.main(["--source", "demo", "--max-frames", "2", "--headless"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert f"model: {NAMES[0]}, {REASONS[0]}" in said
    assert any(line.startswith(f"engine: {NAMES[0]} on tensorrt 10.3.0") for line in said)


def test_a_quality_that_was_given_is_that_row_and_none_is_nobodys_choice() -> None:
    def chosen(*typed: str) -> Path | None:
        return cli.model_of(build_parser().parse_args(typed))

    assert chosen() is None
    for quality, path in QUALITIES.items():
        assert chosen("--quality", quality) == path
    assert chosen("--model", "x.onnx") == Path("x.onnx")
    assert not to_settings(build_parser().parse_args([]), None).has_chosen_model
    given = to_settings(build_parser().parse_args([]), DEFAULT_MODEL)
    assert (given.model, given.has_chosen_model) == (DEFAULT_MODEL, True)


@pytest.mark.parametrize("path", [*SHIPPED, PUBLISHED], ids=lambda path: path.stem)
@pytest.mark.parametrize("chosen", [None, Path("x.onnx"), DEFAULT_MODEL])
def test_no_output_replaces_a_model_file_of_this_program(chosen: Path | None, path: Path) -> None:
    arguments = build_parser().parse_args(["--csv", str(path)])
    with pytest.raises(UsageError, match="would be destroyed"):
        check_outputs(to_settings(arguments, chosen))


def test_the_doctor_says_which_row_and_why(machine: Machine) -> None:
    from steadypose.realtime.command.doctor import examine

    def default(backend: str = "auto") -> str:
        lines = examine(None, backend=backend)
        return next(line for line in lines if line.startswith("default")).split(maxsplit=1)[1]

    assert default().startswith(f"{CPU_DEFAULT}, the default on the CPU (")
    assert "the CPU (tensorrt" not in default()
    assert "passed over tensorrt: no network is built for Fake GPU yet" in default()
    assert default("tensorrt").startswith("none: no TensorRT engine of res50")
    machine.make(NAMES[1])
    assert default().startswith(f"{NAMES[1]}, {REASONS[1]} (tensorrt 10.3.0")
    told = examine(machine.models / f"{NAMES[0]}.onnx")
    assert not any(line.startswith("default ") for line in told)


# Without a GPU.


def test_the_order_is_that_of_the_rows() -> None:
    assert [row.name for row in best_built.ROWS] == NAMES
    assert [row.reason for row in best_built.ROWS] == REASONS
    assert best_built.ROWS[0].model == PUBLISHED
    assert zoo.find(PUBLISHED.stem).accuracy in best_built.ROWS[0].reason


def test_a_start_where_nothing_is_built_loads_nothing_of_tensorrt(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, steadypose.engines.engine_file\n"
        f"steadypose.engines.engine_file.BUILT = pathlib.Path({str(tmp_path)!r})\n"
        "from steadypose.realtime.cli import main\n"
        "assert main(['--source', 'demo', '--max-frames', '1', '--headless']) == 0\n"
        "room = 'steadypose.engines.backends.tensorrt'\n"
        "loaded = {'tensorrt', 'tensorrt_rtx', 'pycuda', 'cuda', f'{room}.opening',\n"
        "          f'{room}.engine', 'steadypose.realtime.model.zoo'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "model:" not in done.stderr
    assert f"engine: {CPU_DEFAULT} on " in done.stderr


def test_without_a_driver_the_reason_is_the_driver(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise EngineUnavailableError("no CUDA driver is installed", fix="use the CPU")

    monkeypatch.setattr(best_built, "BUILT", tmp_path)
    monkeypatch.setattr(best_built, "load_driver", none)
    taken = opened()
    assert is_on_the_cpu(taken)
    assert why_not_tensorrt(taken) == ["tensorrt: no CUDA driver is installed"]
