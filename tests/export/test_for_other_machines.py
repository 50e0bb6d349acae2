"""What builders on other machines are given: TensorRT 8, other GPUs, broken caches."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from steadypose.engines.backends.tensorrt.api import TensorRt
from steadypose.engines.backends.tensorrt.cuda_driver import Device
from steadypose.engines.backends.tensorrt.cuda_memory import PycudaMemory, open_memory
from steadypose.engines.engine_file import build_command
from steadypose.engines.errors import EngineError
from steadypose.export.trt import tensorrt8, timing
from steadypose.export.trt.built_layers import (
    BuiltLayer,
    count_precisions,
    inspect_engine,
    layers_in_json,
)
from steadypose.realtime.model.places import MODELS, ROOT
from tests.support.fake_cuda import FakeCuda, fake_cuda_python, fake_pycuda


class Layer:
    """A layer of a weakly typed network."""

    def __init__(self, name: str, kind: str, *, is_shape: bool = False, dtype: str = "f") -> None:
        self.name, self.type, self.num_outputs = name, f"LayerType.{kind}", 1
        self._output = SimpleNamespace(dtype=dtype, is_shape_tensor=is_shape)
        self.precision = ""
        self.outputs: list[str] = []

    def get_output(self, _: int) -> Any:
        return self._output

    def set_output_type(self, _: int, kind: str) -> None:
        self.outputs.append(kind)


def old_api() -> Any:
    flags = SimpleNamespace(OBEY_PRECISION_CONSTRAINTS="obey")
    module = SimpleNamespace(
        DataType=SimpleNamespace(FLOAT="f", HALF="h"), BuilderFlag=flags, PreviewFeature=()
    )
    return TensorRt(module, "tensorrt", "8.5.3.1", SimpleNamespace(errors=[]))  # type: ignore[arg-type]


def test_on_tensorrt_8_convolutions_are_half_and_the_decoding_float() -> None:
    """Convolutions that nobody constrains may stay float; an Identity that reads uint8 must."""
    layers = {
        "first": Layer("to_float", "IDENTITY"),
        "shape": Layer("size", "SHAPE", is_shape=True),
        "stored": Layer("weights", "CONSTANT"),
        "conv": Layer("node_conv_1", "CONVOLUTION"),
        "deconv": Layer("node_deconv", "DECONVOLUTION"),
        "second of one node": Layer("node_conv_1_2", "CONVOLUTION"),
        "add": Layer("node_add_177", "ELEMENTWISE"),
        "decoding": Layer("node_add_1777", "ELEMENTWISE"),
        "numbers": Layer("index", "ELEMENTWISE", dtype="i"),
    }
    found = list(layers.values())
    network = SimpleNamespace(num_layers=len(found), get_layer=lambda i: found[i])
    tensorrt8.constrain(
        old_api(), network, SimpleNamespace(set_flag=lambda _: None), precision="fp16",
        inside={"node_conv_1", "node_deconv", "node_add_177"},
        outside={"node_add_1777", "to_float", "size", "index"},
    )  # fmt: skip
    assert {name: layer.precision for name, layer in layers.items()} == {
        **dict.fromkeys(("first", "shape", "stored", "add", "numbers"), ""),
        **dict.fromkeys(("conv", "deconv", "second of one node"), "h"),
        "decoding": "f",
    }
    assert layers["decoding"].outputs == ["f"]


@pytest.mark.parametrize(
    ("layer", "is_inside"),
    [("node_add_177", True), ("node_add_1777", False), ("node_add_177_3", True),
     ("node_add", False), ("node_add_177_1", False)],
)  # fmt: skip
def test_names_are_compared_whole(layer: str, is_inside: bool) -> None:  # noqa: FBT001
    outside = {"node_add_1777", "node_add_177_1"}
    assert tensorrt8.is_named(layer, {"node_add_177"}, outside) == is_inside


def test_before_8_6_each_batch_size_gets_a_profile() -> None:
    assert tensorrt8.profiles_wanted(old_api(), 4) == 4
    newer = TensorRt(None, "tensorrt", "8.6.1", None)  # type: ignore[arg-type]
    assert tensorrt8.profiles_wanted(newer, 4) == 1
    rtx = TensorRt(None, "tensorrt-rtx", "1.7.1", None)  # type: ignore[arg-type]
    assert tensorrt8.profiles_wanted(rtx, 4) == 1


def test_a_timing_cache_that_cannot_be_made_is_no_reason_to_stop(tmp_path: Path) -> None:
    given: list[bytes] = []

    def make(data: bytes) -> Any:
        given.append(data)

    config = SimpleNamespace(create_timing_cache=make)
    path = str(tmp_path / "timing.cache")
    assert timing.load(old_api(), config, path) is None
    assert given == [b""]
    timing.save(None, path)
    assert not Path(path).exists()


def test_a_timing_cache_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    from steadypose.engines.foreign.signature import seal, unseal

    path = tmp_path / "timing.cache"
    path.write_bytes(seal(b"of another GPU"))
    config = SimpleNamespace(
        create_timing_cache=lambda data: SimpleNamespace(data=data, serialize=lambda: b"new"),
        set_timing_cache=lambda cache, ignore_mismatch: cache.data == b"",
    )
    cache = timing.load(old_api(), config, str(path))
    assert cache.data == b""
    timing.save(cache, str(path))
    assert unseal(path.read_bytes()) == b"new"


INSPECTED = {
    "Layers": [
        {
            "Name": "conv_1 + relu_1",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "x", "Dimensions": [1, 8, 8, 8],
                        "Format/Datatype": "Channel major FP16 format where C % 8 == 0"}],
            "Outputs": [{"Name": "y", "Dimensions": [1, 8, 8, 8], "Format/Datatype": "Half"}],
            "Weights": {"Type": "Half", "Count": 576},
            "Metadata": "[ONNX Layer: conv_1]\u001e[ONNX Layer: relu_1]",
        },
        {
            "Name": "conv_2", "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "y", "Format/Datatype": "Row major linear FP32"}], "Outputs": [],
            "Weights": {"Type": "Float"}, "Metadata": "",
        },
        "a layer of an engine built without details",
    ],
    "Bindings": ["crops", "keypoints"],
}  # fmt: skip


def test_what_was_built_is_read_from_the_inspectors_json() -> None:
    layers = layers_in_json(json.dumps(INSPECTED))
    assert [layer.onnx for layer in layers] == [("conv_1", "relu_1"), ()]
    assert count_precisions(layers, ["conv_1", "conv_2"]) == {"half": 1, "float": 1}
    assert layers_in_json(json.dumps({"Layers": [], "I/O Tensors": []})) == []
    assert layers_in_json("[]") == []


class Inspector:
    """As TensorRT's: of an engine for any batch it tells types only of a context with a shape."""

    def __init__(self, text: str) -> None:
        self._text, self.execution_context = text, SimpleNamespace(shape=None)

    def get_engine_information(self, _: Any) -> str:
        if self.execution_context.shape == (1, 64, 48, 3):
            return self._text
        return re.sub(r'("Format/Datatype": )"[^"]*"', r'\1"N/A due to dynamic shapes"', self._text)


class Context:
    shape: Any = None

    def __init__(self, refused: str) -> None:
        self._is_refused = refused == "shape"

    def set_input_shape(self, name: str, shape: Any) -> bool:
        assert name == "crops"
        self.shape = shape
        return not self._is_refused


def asked(
    text: str, *, plan: bytes | None = b"plan", refused: str = "", version: str = "10.3",
    flavor: Any = "tensorrt",
) -> list[BuiltLayer]:  # fmt: skip
    """What an engine says of itself whose TensorRT is made up."""

    def context(*_: Any) -> Any:
        return None if refused == "context" else Context(refused)

    config = SimpleNamespace(set_execution_context_allocation_strategy=lambda _: None)
    engine = SimpleNamespace(
        create_engine_inspector=lambda: Inspector(text),
        create_runtime_config=lambda: config,
    )
    module = SimpleNamespace(
        Runtime=lambda _: SimpleNamespace(deserialize_cuda_engine=lambda plan: plan and engine),
        LayerInformationFormat=SimpleNamespace(JSON="json"),
    )
    if version.startswith("8."):
        engine.create_execution_context_without_device_memory = context
    else:
        engine.create_execution_context = context
        module.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="ours")
    log = SimpleNamespace(errors=[], logger=None)
    api = TensorRt(module, flavor, version, log)  # type: ignore[arg-type]
    return inspect_engine(api, plan, (1, 64, 48, 3))


@pytest.mark.parametrize(
    ("version", "flavor"),
    [("8.5.3", "tensorrt"), ("8.6.1", "tensorrt"), ("10.3", "tensorrt"), ("1.7", "tensorrt-rtx")],
)
def test_the_inspector_is_asked_with_a_shape_and_the_log_where_it_cannot_be(
    version: str, flavor: str
) -> None:
    text = json.dumps(INSPECTED)
    layers = asked(text, version=version, flavor=flavor)
    assert [layer.inputs for layer in layers] == [("Half",), ("Float",)]
    assert asked("no JSON", version=version, flavor=flavor) == []
    assert asked(text, plan=None, version=version, flavor=flavor) == []  # refused: no GPU here


@pytest.mark.parametrize("refused", ["context", "shape"])
def test_where_types_are_not_told_the_weights_tell_them(refused: str) -> None:
    layers = asked(json.dumps(INSPECTED), refused=refused)
    assert [layer.inputs for layer in layers] == [(), ()]
    assert count_precisions(layers, ["conv_1", "conv_2"]) == {"half": 1, "float": 1}


def test_what_is_not_told_at_all_is_not_taken_for_a_wrong_precision() -> None:
    pytest.importorskip("onnx")
    from steadypose.export.build_trt import check_built

    assert "is not proved" in check_built({"other": 24}, "fp16")
    assert check_built({"half": 23, "other": 1}, "fp16") == "layers with weights: 23 half, 1 other"
    with pytest.raises(EngineError, match="built as 24 float"):
        check_built({"float": 24}, "fp16")


@pytest.mark.rtx
@pytest.mark.parametrize(
    ("here", "asked", "targets"),
    [("7.5", [], ("7.5",)), ("8.9", [], ()), ("9.0", [], ()), ("7.5", ["8.6"], ("8.6",)),
     ("", [], ())],
)  # fmt: skip
def test_rtx_builds_for_the_gpu_that_is_here_where_its_list_lacks_it(
    here: str, asked: list[str], targets: tuple[str, ...]
) -> None:
    """Turing is not in TensorRT for RTX's default list, and an engine without it is refused."""
    pytest.importorskip("tensorrt_rtx")
    from steadypose.engines.backends.tensorrt.api import load_tensorrt
    from steadypose.export.build_trt import _capabilities, _targets

    api = load_tensorrt("tensorrt-rtx")
    device: Device | str = Device(0, "a GPU", here, "13.0") if here else "no GPU"
    arguments = argparse.Namespace(target=asked)
    assert _targets(arguments, api, device) == targets
    if here in {"7.5", "8.9"} and not asked:
        assert here in _capabilities(arguments, api, device)


@pytest.mark.export
def test_tensorrt_8_gets_int8_weights_as_floats_with_a_quantise_node_before_each() -> None:
    pytest.importorskip("onnxruntime")
    from steadypose.export.quantize import quantize

    model = onnx.load(MODELS / "pose_resnet18_224x192.onnx")
    crops = np.zeros((1, 224, 192, 3), np.uint8)
    stored = {
        has_float: {
            t.name: t.data_type
            for t in quantize(model, crops, has_float_weights=has_float).graph.initializer
        }
        for has_float in (False, True)
    }
    kinds = {k: list(v.values()).count(onnx.TensorProto.INT8) for k, v in stored.items()}
    weights = [n for n in stored[False] if n.endswith("_quantized")]
    assert len(weights) > 15
    assert not any(name.endswith("_quantized") for name in stored[True])
    assert kinds[True] < kinds[False]


def test_pycuda_that_does_not_start_lets_cuda_python_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one compiled for a newer driver."""
    cuda = FakeCuda()
    modules = {**fake_pycuda(cuda), **fake_cuda_python(cuda)}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    cuda.fails["stream"] = 2
    memory = open_memory()
    assert memory.name == "cuda-python"
    memory.close()
    assert cuda.contexts == 0
    del cuda.fails["stream"]
    memory = open_memory()
    assert isinstance(memory, PycudaMemory)
    memory.close()


def test_every_driver_has_its_requirements() -> None:
    older = (ROOT / "requirements-gpu-cu12.txt").read_text()
    assert "tensorrt-cu12>=10.3" in older
    assert "cuda-python>=12.6,<13" in older
    assert "cu12" in (ROOT / "requirements-gpu.txt").read_text()


def test_another_gpu_is_built_for_where_it_is_asked_for() -> None:
    assert build_command(None, "auto") == ["export/build_trt.py"]
    assert build_command(None, "fp16", device=1)[-2:] == ["--device", "1"]


def test_the_worst_crop_is_named_and_drawn(tmp_path: Path) -> None:
    from steadypose.engines.skeletons.people import COCO17
    from steadypose.export.checking.parity import worst_crop, write_worst

    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (5, 64, 48, 3), dtype=np.uint8)
    wanted = np.full((5, 17, 3), 20.0, np.float32)
    wanted[..., 2] = 0.9
    found = wanted.copy()
    found[3, COCO17.index("left_wrist"), 0] += 7
    found[1, 0, 1] += 2
    worst = worst_crop(crops, found, wanted, COCO17.keypoints)
    assert worst.told() == "crop 3, left_wrist"
    picture = write_worst(worst, tmp_path / "x.engine")
    assert picture.name == "x.engine.worst.png"
    assert picture.read_bytes()[:4] == b"\x89PNG"
    found[4] = np.nan
    assert worst_crop(crops, found, wanted, COCO17.keypoints).index == 4
    write_worst(worst_crop(crops, found, wanted, COCO17.keypoints), tmp_path / "y.engine")
