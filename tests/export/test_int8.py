"""int8 by both methods: what is quantised, what it moves, and transformers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("torch")

from steadypose.engines.model_file import read_spec
from steadypose.engines.spec import METADATA_KEY
from steadypose.export.checking.pck import demo_truth, told_moves
from steadypose.export.quantize import main, quantize
from steadypose.export.trt.precision import network_nodes, to_float
from steadypose.realtime.model.places import QUALITIES
from tests.export.test_wrap_onnx import ours, wrap

pytestmark = pytest.mark.export
SHIPPED = QUALITIES["fast"]


def moving(dx: float, score: float) -> onnx.ModelProto:
    """Two keypoints that lie at the mean brightness, and dx beside it."""
    f = TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=f),
        helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "sides"], ["places"]),
        helper.make_node("Add", ["places", "more"], ["keypoints"]),
    ]
    more = np.array([[[dx, 0, score], [0, dx, score]]], np.float32)
    graph = helper.make_graph(
        nodes,
        "moving",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 40, 30, 3])],
        [helper.make_tensor_value_info("keypoints", f, ["n", 2, 3])],
        [
            numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
            numpy_helper.from_array(np.array([-1, 1, 1]), "sides"),
            numpy_helper.from_array(more, "more"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_what_a_precision_moves_is_told_without_any_truth() -> None:
    black = np.zeros((6, 40, 30, 3), np.uint8)
    said = told_moves(moving(0, 0.9), moving(1.5, 0.9), black, keypoints=2)
    assert said == (
        "on them half of 12 seen keypoints move by at most 1.50 px, 95 in 100 by at most 1.50 px "
        "of 40"
    )
    assert "of 6 seen keypoints" in told_moves(
        moving(0, 0.9), moving(1.5, 0.9), black, keypoints=1
    )  # further rows are other people
    nobody = told_moves(moving(0, 0.0), moving(1.5, 0.9), black, keypoints=2)
    assert nobody == "no keypoint is seen on them: take pictures of people"


def test_without_nncf_its_method_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    output = tmp_path / "int8.onnx"
    words = ["--onnx", str(SHIPPED), "--method", "nncf", "--count", "4", "--output", str(output)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "--method nncf needs nncf, which is not installed" in said
    assert "pip install nncf" in said
    assert not output.exists()


@pytest.mark.slow
def test_nncf_leaves_what_is_no_network_alone_and_stays_near(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    output = tmp_path / "int8.onnx"
    words = ["--onnx", str(SHIPPED), "--method", "nncf", "--count", "48", "--output", str(output)]
    assert main(words) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "seen keypoints move by at most" in said
    assert "loss" in said
    made = onnx.load(output)
    inside = {name for node in network_nodes(to_float(onnx.load(SHIPPED))) for name in node.output}
    makers = {name: node for node in made.graph.node for name in node.output}
    for node in made.graph.node:  # what is quantised is a weight, a picture or the network's own
        if node.op_type == "QuantizeLinear":
            source = node.input[0]
            assert source in inside or source not in makers or _feeds(source, makers), source
    assert {e.key for e in made.metadata_props} >= {METADATA_KEY}
    crops = demo_truth(read_spec(SHIPPED), count=8)[0]
    before, after = ours(SHIPPED, crops), ours(output, crops)
    moved = np.linalg.norm(after[:, :17, :2] - before[:, :17, :2], axis=2)
    assert np.median(moved) < 1.0


def _feeds(name: str, makers: dict[str, onnx.NodeProto]) -> bool:
    """Whether a value comes from the crops without any convolution."""
    while name in makers:
        if makers[name].op_type == "Conv":
            return False
        name = makers[name].input[0]
    return name == "crops"


def _vit() -> Any:
    """ViTPose's parts: patches, an embedding of places, attention, a head of deconvolutions."""
    import torch

    class Vit(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.patches = torch.nn.Conv2d(3, 32, 8, stride=8)
            self.places = torch.nn.Parameter(torch.randn(1, 48, 32) / 8)
            self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(32) for _ in range(4))
            self.qkv = torch.nn.ModuleList(torch.nn.Linear(32, 96) for _ in range(2))
            self.out = torch.nn.ModuleList(torch.nn.Linear(32, 32) for _ in range(2))
            wide, narrow = torch.nn.Linear(32, 64), torch.nn.Linear(64, 32)
            self.mlp = torch.nn.Sequential(wide, torch.nn.GELU(), narrow)
            self.deconv = torch.nn.ConvTranspose2d(32, 32, 4, stride=2, padding=1)
            self.norm = torch.nn.BatchNorm2d(32)
            self.final = torch.nn.Conv2d(32, 17, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.patches(x).flatten(2).transpose(1, 2) + self.places
            for n in range(2):
                q, k, v = self.qkv[n](self.norms[2 * n](x)).reshape(-1, 48, 3, 4, 8).unbind(2)
                q, k, v = (t.transpose(1, 2) for t in (q, k, v))
                weight = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1)
                x = x + self.out[n]((weight @ v).transpose(1, 2).reshape(-1, 48, 32))
                x = x + self.mlp(self.norms[2 * n + 1](x))
            x = x.transpose(1, 2).reshape(-1, 32, 8, 6)
            return self.final(self.norm(self.deconv(x)).relu())

    torch.manual_seed(0)
    return Vit().eval()


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer as a model file."""
    import warnings

    import torch

    folder = tmp_path_factory.mktemp("vit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _vit(),
            (torch.randn(2, 3, 64, 48),),
            str(folder / "f.onnx"),
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["heatmaps"],
            dynamic_axes={"image": {0: "n"}, "heatmaps": {0: "n"}},
        )
    words = ("--cells", "udp", "--refine", "none", "--activation", "sigmoid")
    assert wrap("--onnx", folder / "f.onnx", "--output", folder / "vit.onnx", *words) == 0
    return folder / "vit.onnx"


def _crops(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (count, 8, 6, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, axis=1).repeat(8, axis=2))


def _scores_apart(one: Path, other: onnx.ModelProto, tmp_path: Path) -> float:
    """The largest difference of peaks: places of random heatmaps decide themselves by chance."""
    onnx.save(other, tmp_path / "int8.onnx")
    crops = _crops(4)
    return float(
        np.abs(ours(one, crops)[..., 2] - ours(tmp_path / "int8.onnx", crops)[..., 2]).max()
    )


def test_a_transformer_keeps_its_sums_and_its_attention_in_float(vit: Path, tmp_path: Path) -> None:
    model = onnx.load(vit)
    made = quantize(model, _crops(8))
    makers = {name: node for node in made.graph.node for name in node.output}
    weights = {t.name for t in to_float(model).graph.initializer}
    projected = 0
    for node in made.graph.node:
        given = [makers[n].op_type for n in node.input if n in makers]
        is_product = node.op_type == "MatMul" and "DequantizeLinear" in given
        if is_product:  # both sides, and the second is a weight
            assert given == ["DequantizeLinear"] * 2, node.name
            stored = makers[node.input[1]].input[0].removesuffix("_quantized")
            assert stored in weights, node.name
            projected += 1
        elif node.op_type in {"Softmax", "LayerNormalization", "MatMul"}:
            assert "DequantizeLinear" not in given, node.name
        elif node.op_type == "Add":
            sources = {makers[makers[n].input[0]].input[0] for n in node.input
                       if n in makers and makers[n].op_type == "DequantizeLinear"}  # fmt: skip
            assert all(makers[name].op_type == "MatMul" for name in sources), node.name
    assert projected >= 6
    assert _scores_apart(vit, made, tmp_path) < 0.05


@pytest.mark.rtx
@pytest.mark.slow
def test_tensorrt_builds_a_transformer_in_int8(
    vit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.export.build_trt import main as build

    words = ["--flavor", "tensorrt-rtx", "--target", "8.6", "--onnx", str(vit)]
    more = ["--precision", "int8", "--calibration-crops", "8"]
    assert build([*words, *more, "--output", str(tmp_path / "vit.engine")]) == 0
    assert "6 int8" in capsys.readouterr().out
    assert (tmp_path / "vit.engine").exists()


@pytest.mark.slow
def test_nncf_takes_a_transformer(vit: Path, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    from steadypose.export.nncf_int8 import quantize_with_nncf

    made = quantize_with_nncf(onnx.load(vit), _crops(8))
    makers = {name: node for node in made.graph.node for name in node.output}
    projected = [n for n in made.graph.node if n.op_type in {"MatMul", "Gemm"}]
    assert any(makers[n.input[0]].op_type == "DequantizeLinear" for n in projected)
    assert _scores_apart(vit, made, tmp_path) < 0.05
