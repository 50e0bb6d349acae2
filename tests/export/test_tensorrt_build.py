"""Real engines, built by TensorRT for RTX on a machine that may have no GPU."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from steadypose.engines.engine_file import read_info, read_plan
from steadypose.engines.errors import EngineError, EngineUnavailableError, ModelFileError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.model.places import ROOT

pytestmark = [pytest.mark.export, pytest.mark.rtx]
MODEL = ROOT / "models" / "pose_resnet18_224x192.onnx"
MOVENET = ROOT / "models" / "movenet_lightning_192x128.onnx"
MEMBERS: dict[str, dict[str, list[str]]] = json.loads(
    (ROOT / "tests" / "support" / "data" / "tensorrt_members.json").read_text()
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files of both kinds of block, with random weights, small to export fast."""
    torch: Any = pytest.importorskip("torch")
    from steadypose.export.export_onnx import main as export
    from steadypose.export.models.pose_resnet import PoseResNet

    folder = tmp_path_factory.mktemp("depths")
    for depth in (18, 50):
        network = PoseResNet(depth, deconv_filters=(64, 64, 64))
        network.init_weights(seed=depth)
        torch.save(network.state_dict(), folder / f"{depth}.pt")
        done = export(
            [
                *("--weights", str(folder / f"{depth}.pt"), "--network", f"pose_resnet{depth}"),
                *("--convention", "steadypose", "--deconv", "64,64,64"),
                *("--input", "128x96", "--check-crops", "2"),
                *("--output", str(folder / f"{depth}.onnx"), "--name", f"depth{depth}"),
            ]
        )
        assert done == 0
    return folder


def build(*arguments: str) -> int:
    from steadypose.export.build_trt import main

    # The shipped one, also where somebody has fetched the published one.
    which = () if "--onnx" in arguments else ("--onnx", str(MODEL))
    return main(["--flavor", "tensorrt-rtx", *which, *arguments])


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("depth", [18, 50])
def test_it_is_built_in_the_precision_that_was_asked_for(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], depth: int, precision: str
) -> None:
    output = tmp_path / "x.engine"
    given = ["--onnx", str(files / f"{depth}.onnx"), "--precision", precision]
    assert build(*given, "--output", str(output)) == 0
    said = capsys.readouterr().out
    info = read_info(output)
    read_plan(output, info)
    convolutions = {18: 20, 50: 53}[depth] + 4  # deconvs, last layer
    assert info.built == {{"fp32": "float", "fp16": "half"}[precision]: convolutions}
    assert re.search(r"\d+\.\d MB, TensorRT for RTX .* \d+ layers", said)
    assert info.spec == read_spec(files / f"{depth}.onnx")
    assert info.max_batch == 8


def test_the_shipped_model_becomes_an_engine_with_a_whole_sidecar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, plan, graph = (tmp_path / n for n in ("x.engine", "x.plan", "x.onnx"))
    more = ["--plan", str(plan), "--save-onnx", str(graph), "--max-batch", "4"]
    assert build("--output", str(output), *more) == 0
    info = read_info(output)
    assert info.flavor == "tensorrt-rtx"
    assert info.built == {"half": 24}
    assert info.capabilities == ("8.0", "8.6", "8.9", "12.0", "12.1")
    assert info.onnx == MODEL.name
    assert info.built_at
    assert plan.read_bytes() == output.read_bytes()
    assert {t.data_type for t in onnx.load(graph).graph.initializer} >= {onnx.TensorProto.FLOAT16}
    assert "half" in capsys.readouterr().out


def test_without_a_network_or_torch_a_yes_ends_in_an_engine_of_what_ships(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from steadypose.export.build_trt import main
    from steadypose.export.trt import network as trt_network

    def fail(*_: object, **__: object) -> Path:
        raise ModelFileError("it could not be made", fix="mend that")

    monkeypatch.setattr(trt_network, "_is_terminal", lambda: True)
    monkeypatch.setattr(trt_network, "_says_yes", lambda _: True)
    monkeypatch.setattr(trt_network, "choose_model", fail)
    monkeypatch.setattr("steadypose.realtime.model.zoo.DEFAULT_MODEL", tmp_path / "default.onnx")
    given = ["--flavor", "tensorrt-rtx", "--output", str(tmp_path / "x.engine")]
    assert main(given) == 0
    assert "it could not be made (mend that); going on with" in capsys.readouterr().err
    assert read_info(tmp_path / "x.engine").onnx == MODEL.name
    assert main([*given, "--fetch"]) == 2
    assert "error: it could not be made\n  fix: mend that" in capsys.readouterr().err


@pytest.mark.slow
def test_int8_is_built_as_int8_with_a_rest_of_fp16_and_its_loss_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.engine"
    given = ["--precision", "int8", "--calibration-crops", "12"]
    assert build(*given, "--output", str(output)) == 0
    # The first and the last layer are not quantised: they are half. TensorRT for RTX turns the
    # three quantised deconvolutions into float by itself.
    assert read_info(output).built == {"int8": 19, "half": 2, "float": 3}
    assert re.search(
        r"PCK@0\.2 \d\.\d+ as float, \d\.\d+ as int8, loss -?0\.0\d+", capsys.readouterr().out
    )


def test_preprocessing_is_one_kernel_and_half_is_really_half(tmp_path: Path) -> None:
    from steadypose.export.trt.builder import Job
    from steadypose.export.trt.builder import build as build_here
    from steadypose.export.trt.precision import network_nodes, to_half

    model = to_half(onnx.load(MODEL))
    onnx.save(model, tmp_path / "m.onnx")
    names = tuple(n.name for n in network_nodes(model) if "Conv" in n.op_type)
    job = Job(
        onnx=str(tmp_path / "m.onnx"),
        plan=str(tmp_path / "plan"),
        result="",
        flavor="tensorrt-rtx",
        precision="fp16",
        min_batch=1,
        best_batch=1,
        max_batch=8,
        input_hw=(224, 192),
        convolutions=names,
    )
    result = build_here(job)
    assert result["readers_of_crops"] == 1
    assert result["built"] == {"half": 24}
    assert 24 <= result["layers"] <= 36


def test_movenet_becomes_an_engine_that_is_half_to_the_end_of_every_head(tmp_path: Path) -> None:
    output = tmp_path / "x.engine"
    assert build("--onnx", str(MOVENET), "--precision", "fp16", "--output", str(output)) == 0
    info = read_info(output)
    assert sum(n.op_type == "Conv" for n in onnx.load(MOVENET).graph.node) == 68
    assert info.built == {"half": 68}
    assert info.spec == read_spec(MOVENET)


def test_named_targets_are_built_and_others_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.engine"
    assert build("--output", str(output), "--target", "7.5", "8.6") == 0
    assert read_info(output).capabilities == ("7.5", "8.6")
    assert build("--output", str(output), "--target", "9.0") == 2
    assert "does not build for compute capability 9.0" in capsys.readouterr().err


# Without a GPU every path ends in a sentence.


@pytest.fixture
def no_gpu() -> None:
    from steadypose.engines.backends.tensorrt.cuda_driver import load_driver

    try:
        load_driver().device()
    except EngineUnavailableError:
        return
    pytest.skip("this machine has a GPU")


@pytest.mark.usefixtures("no_gpu")
def test_tensorrt_itself_builds_only_where_a_gpu_is(capsys: pytest.CaptureFixture[str]) -> None:
    from steadypose.export.build_trt import main

    assert main(["--flavor", "tensorrt"]) == 2
    said = capsys.readouterr().err
    assert (
        "builds only on the GPU it builds for: this machine has no NVIDIA GPU, or no driver for it"
        in said
    )
    assert "--flavor tensorrt-rtx" in said


@pytest.mark.usefixtures("no_gpu")
def test_an_engine_that_cannot_run_here_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.engine"
    assert build("--output", str(output)) == 0
    assert "not run here, so not proved: this machine has no NVIDIA GPU" in capsys.readouterr().out
    with pytest.raises(EngineUnavailableError, match="no NVIDIA GPU, or no driver"):
        open_engine(output, backend="auto", options=EngineOptions())


def test_the_real_runtime_refuses_with_a_reason(tmp_path: Path) -> None:
    """As far as TensorRT goes without a driver: None and a message, which we pass on."""
    from steadypose.engines.backends.tensorrt.api import load_tensorrt

    api = load_tensorrt("tensorrt-rtx")
    runtime = api.module.Runtime(api.log.logger)
    api.log.errors.clear()
    assert runtime.deserialize_cuda_engine(b"garbage" * 100) is None
    assert "MAGIC" in api.log.last_errors().upper()
    assert api.log.last_errors() == "TensorRT gave no reason"


def test_a_model_that_tensorrt_cannot_read_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(MODEL)
    next(n for n in model.graph.node if n.op_type == "Relu").op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "m.onnx")
    assert build("--onnx", str(tmp_path / "m.onnx"), "--output", str(tmp_path / "x.engine")) == 2
    said = capsys.readouterr().err
    assert "cannot read the model" in said
    assert "NoSuchOperator" in said
    assert not (tmp_path / "x.engine").exists()


def test_a_builder_that_crashes_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen

    def crashing(command: list[str], **more: Any) -> Any:
        crash = "import os, sys; sys.stderr.write('last words'); sys.stderr.flush(); os.abort()"
        return real([command[0], "-c", crash], **more)

    monkeypatch.setattr("steadypose.export.trt.process.subprocess.Popen", crashing)
    assert build("--output", str(tmp_path / "x.engine")) == 2
    assert "builder died (signal 6): last words" in capsys.readouterr().err


def test_a_silent_fall_back_to_float_is_an_error() -> None:
    from steadypose.export.build_trt import check_built

    with pytest.raises(EngineError, match=r"fp16 was asked for, but .* 24 float"):
        check_built({"float": 24}, "fp16")
    with pytest.raises(EngineError, match="1 half"):
        check_built({"float": 23, "half": 1}, "fp16")
    assert check_built({"half": 23, "float": 1}, "fp16") == "layers with weights: 1 float, 23 half"
    assert "did not say" in check_built({}, "fp16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-batch", "0"], "--max-batch is not between"),
        (["--onnx", "none.onnx"], "cannot read model file none.onnx"),
        (["--output", "/proc/x.engine"], "cannot write"),
        (["--output", "x.trt"], "does not end in .engine"),
        (["--plan", str(MODEL)], "would be destroyed"),
        (["--target", "new"], "is no compute capability"),
        (["--workspace", "-5"], "must be positive"),
    ],
)
def test_mistakes_of_the_command_line_are_sentences(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert build(*arguments) == 2
    assert message in capsys.readouterr().err


# Precision in the graph.


def test_the_half_model_agrees_with_the_float_model() -> None:
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    from steadypose.export.checking.parity import difference
    from steadypose.export.checking.real_crops import gather_crops
    from steadypose.export.trt.opset17 import to_opset17
    from steadypose.export.trt.precision import to_float, to_half

    model = onnx.load(MODEL)
    crops = gather_crops("demo", read_spec(MODEL), count=60)

    def run(changed: onnx.ModelProto) -> Any:
        onnx.checker.check_model(changed)
        data = changed.SerializeToString()
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return session.run(None, {"crops": crops})[0]

    wanted = run(model)
    np.testing.assert_allclose(run(to_float(model)), wanted, atol=1e-3)  # batch norms folded
    half = run(to_half(model))
    assert difference(half, wanted).p95 < 0.25
    assert (half != wanted).any()
    np.testing.assert_allclose(run(to_opset17(to_half(model))), half, atol=1e-2)


def float_types(model: onnx.ModelProto) -> dict[str, set[int]]:
    """Of every node the element types of its floating-point tensors."""
    kinds = {TensorProto.FLOAT, TensorProto.FLOAT16}
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types |= {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for node in inferred.node:
        assert set(node.output) <= set(types), f"{node.name} has no type"
    return {
        node.name: {types[name] for name in (*node.input, *node.output) if name} & kinds
        for node in inferred.node
    }


def test_movenets_network_is_half_and_its_preprocessing_and_decoding_stay_float() -> None:
    from steadypose.export.trt.precision import network_nodes, to_float, to_half

    plain = to_float(onnx.load(MOVENET))
    types = float_types(to_half(plain))
    inside = {node.name for node in network_nodes(plain)}
    ends = {node.input[1] for node in network_nodes(plain) if node.op_type == "Conv"}
    assert {f"network.{head}.predict.conv.weight" for head in ("heatmap", "center")} <= ends
    half, single = {TensorProto.FLOAT16}, {TensorProto.FLOAT}
    for node in plain.graph.node:
        if node.op_type == "Conv":
            assert node.name in inside, f"{node.input[1]} stays float"
        wanted = half if node.name in inside else single
        if node.name in inside and node.op_type == "Resize":
            wanted = half | single  # how much it enlarges is float32 by definition
        assert types[node.name] in (wanted, set()), f"{node.op_type} {node.name}"
    outside = [node.op_type for node in plain.graph.node if node.name not in inside]
    assert outside[:5] == ["Cast", "Transpose", "Slice", "Mul", "Add"]
    for kind, count in {"Sigmoid": 4, "TopK": 3, "Sqrt": 1, "GatherElements": 6}.items():
        assert outside.count(kind) == count, kind


@pytest.mark.slow
def test_movenet_in_half_finds_every_keypoint_where_it_is_in_float() -> None:
    """Computed by ONNX's reference: ONNX Runtime has no fp16 on a CPU and drops the casts."""
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    from steadypose.export.checking.real_crops import gather_crops
    from steadypose.export.trt.precision import to_half

    class GatherElements(OpRun):  # type: ignore[misc]  # the reference's own takes 64 at most
        def _run(self, data: Any, indices: Any, axis: int = 0) -> Any:
            return (np.take_along_axis(data, indices, axis),)

    model = onnx.load(MOVENET)
    crops = gather_crops("demo", read_spec(MOVENET), count=24)[[0, 12]]
    given = (model.SerializeToString(), None, ["CPUExecutionProvider"])
    wanted = onnxruntime.InferenceSession(*given).run(None, {"crops": crops})[0]
    reference = ReferenceEvaluator(to_half(model), new_ops=[GatherElements])
    found = reference.run(None, {"crops": crops})[0]
    is_seen = wanted[..., 2] > 0.3
    assert is_seen.sum() > 17
    distance = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)[is_seen]
    assert 0.0 < distance.max() < 0.25
    np.testing.assert_allclose(found[..., 2], wanted[..., 2], atol=0.02)


def test_a_model_without_a_network_cannot_be_made_half(tmp_path: Path) -> None:
    from steadypose.export.trt.precision import to_half
    from tests.conftest import tiny_model

    with pytest.raises(ModelFileError, match="no convolution"):
        to_half(tiny_model())


# Names of TensorRT's interface that we use, in all generations.

# What our variables hold.
VARIABLES = {
    "export/trt/builder.py": {
        "builder": "Builder",
        "network": "INetworkDefinition",
        "parser": "OnnxParser",
        "config": "IBuilderConfig",
        "profile": "IOptimizationProfile",
        "cache": "ITimingCache",
        "trt": "module",
        "api.module": "module",
        "layer": "ILayer",
        "flags": "BuilderFlag",
        "trt.BuilderFlag": "BuilderFlag",
        "trt.MemoryPoolType": "MemoryPoolType",
        "trt.ProfilingVerbosity": "ProfilingVerbosity",
        "trt.DataType": "DataType",
        "sources": "TacticSource",
    },
    "engines/backends/tensorrt/loading.py": {
        "engine": "ICudaEngine",
        "config": "IRuntimeConfig",
        "runtime": "Runtime",
        "types": "DataType",
        "api.module": "module",
    },
    "engines/backends/tensorrt/lanes.py": {
        "engine": "ICudaEngine",
        "self._engine": "ICudaEngine",
        "context": "IExecutionContext",
        "lane.context": "IExecutionContext",
        "self._config": "IRuntimeConfig",
        "module": "module",
        "self._api.module": "module",
    },
    "export/trt/tensorrt8.py": {
        "network": "INetworkDefinition",
        "config": "IBuilderConfig",
        "trt": "module",
        "layer": "ILayer",
        "trt.BuilderFlag": "BuilderFlag",
        "trt.DataType": "DataType",
        "sources": "TacticSource",
    },
    "export/trt/timing.py": {"config": "IBuilderConfig", "cache": "ITimingCache"},
    "export/trt/built_layers.py": {
        "runtime": "Runtime",
        "engine": "ICudaEngine",
        "inspector": "EngineInspector",
        "context": "IExecutionContext",
        "api.module": "module",
    },
    "engines/backends/tensorrt/engine.py": {
        "engine": "ICudaEngine",
        "self._engine": "ICudaEngine",
        "self._runtime": "Runtime",
        "self._api.module": "module",
    },
    "engines/backends/tensorrt/rtx.py": {
        "engine": "ICudaEngine",
        "self.config": "IRuntimeConfig",
        "self._cache": "IRuntimeCache",
        "api.module": "module",
    },
}
# Used only where they exist: behind a check of the flavor, or of the name itself.
GUARDED = {
    *(("module", name) for name in ("ComputeCapability", "IProgressMonitor")),
    ("module", "DynamicShapesKernelSpecializationStrategy"),
    ("IRuntimeConfig", "dynamic_shapes_kernel_specialization_strategy"),
    ("IExecutionContext", "is_stream_capturable"),
    # Not recorded; where they are missing, the log is read.
    *(
        ("module", "LayerInformationFormat"),
        ("EngineInspector", "get_engine_information"),
        ("EngineInspector", "execution_context"),
    ),
    ("IBuilderConfig", "progress_monitor"),
    ("IBuilderConfig", "num_compute_capabilities"),
    ("IBuilderConfig", "set_compute_capability"),
    ("ICudaEngine", "create_runtime_config"),
    *(("ICudaEngine", f"device_memory_size{version}") for version in ("", "_v2")),
    ("ICudaEngine", "create_execution_context_without_device_memory"),
    ("IExecutionContext", "set_device_memory"),
    ("module", "ExecutionContextAllocationStrategy"),
    ("IRuntimeConfig", "set_execution_context_allocation_strategy"),
    ("IRuntimeConfig", "cuda_graph_strategy"),
    ("BuilderFlag", "REQUIRE_USER_ALLOCATION"),
    ("IRuntimeConfig", "create_runtime_cache"),
    ("IRuntimeConfig", "set_runtime_cache"),
    ("IRuntimeCache", "serialize"),
    ("IRuntimeCache", "deserialize"),
}
# Behind "generation < 10".
ONLY_8 = {
    *(
        ("ICudaEngine", name)
        for name in ("device_memory_size", "create_execution_context_without_device_memory")
    ),
    ("module", "PreviewFeature"),
    ("module", "TacticSource"),
    ("BuilderFlag", "OBEY_PRECISION_CONSTRAINTS"),
    ("ILayer", "precision"),
    ("ILayer", "set_output_type"),
    ("IBuilderConfig", "set_preview_feature"),
    ("IBuilderConfig", "set_tactic_sources"),
    *(("TacticSource", f"{kind}_CONVOLUTIONS") for kind in ("EDGE_MASK", "JIT")),
}


def used_names() -> set[tuple[str, str]]:
    """(class, member) of every TensorRT attribute in our code."""
    found = set()
    for file, variables in VARIABLES.items():
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in variables:
                found.add((variables[ast.unparse(node.value)], node.attr))
    return found


def test_our_calls_are_found_in_our_code() -> None:
    found = used_names()
    assert ("IExecutionContext", "execute_async_v3") in found
    assert ("Builder", "build_serialized_network") in found
    assert len(found) > 30


@pytest.mark.parametrize("version", sorted(MEMBERS))
def test_every_name_exists_in_every_recorded_version(version: str) -> None:
    members = MEMBERS[version]
    missing = {
        (kind, name)
        for kind, name in used_names()
        if name not in (members["module"] if kind == "module" else members.get(kind, []))
    }
    assert missing <= (GUARDED if version.startswith("8.") else GUARDED | ONLY_8)


def test_every_name_exists_in_the_installed_tensorrt_for_rtx() -> None:
    trt: Any = pytest.importorskip("tensorrt_rtx")
    for kind, name in used_names() - ONLY_8:
        assert hasattr(trt if kind == "module" else getattr(trt, kind), name), (kind, name)


def test_flags_are_set_only_where_they_exist() -> None:
    old, middle, new = (MEMBERS[v] for v in sorted(MEMBERS, key=lambda v: int(v.split(".")[0])))
    assert "EXPLICIT_BATCH" in old["NetworkDefinitionCreationFlag"]
    assert "STRONGLY_TYPED" in middle["NetworkDefinitionCreationFlag"]
    assert {"FP16", "INT8"} <= set(old["BuilderFlag"])
    assert not {"FP16", "INT8"} & set(new["BuilderFlag"])
    for members in (old, middle, new):
        assert "TF32" in members["BuilderFlag"]
        assert {"UINT8", "FLOAT"} <= set(members["DataType"])


@pytest.mark.slow
def test_starting_over_and_over_never_crashes() -> None:
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "run.py", "--backend", "tensorrt", "--source", "demo", "--headless",
             "--max-frames", "1"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 2}, done.stderr
        assert "Traceback" not in done.stderr
