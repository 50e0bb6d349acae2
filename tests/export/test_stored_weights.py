"""A model file gives back the weights it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from steadypose.engines.errors import ModelFileError
from steadypose.realtime.model.places import SHIPPED
from tests.conftest import tiny_model
from tests.export.layouts import pose_resnet

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from tests.export.random_weights import random_state  # noqa: E402


def made_of(state: dict[str, Any], output: Path, *options: str) -> Path:
    """The model file of a small PoseResNet-18."""
    from steadypose.export.export_onnx import main

    weights = output.with_suffix(".pt")
    torch.save(state, weights)
    given = ["--weights", str(weights), "--convention", "steadypose", "--deconv", "16,16,16"]
    given += ["--input", "64x64", "--check-crops", "2", "--output", str(output)]
    assert main([*given, *options]) == 0
    return output


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = random_state(pose_resnet.layout(18, filters=16))
    return made_of(state, tmp_path_factory.mktemp("small") / "small.onnx", "--name", "small")


def loaded(state: dict[str, Any], network: str = "pose_resnet18") -> Any:
    from steadypose.export.models.registry import make_network

    options = {"deconv_filters": (16, 16, 16)} if network == "pose_resnet18" else {}
    made = make_network(network, keypoints=17, options=options)
    made.load_state_dict(state, strict=True)
    return made.eval()


def test_a_network_with_batch_norms_comes_back(small: Path) -> None:
    from steadypose.export.weights.recipe import find_recipe
    from steadypose.export.weights.state_dict import load_weights

    wanted, found = load_weights(small.with_suffix(".pt")), load_weights(small)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if value.dim() == 1:  # of batch norms, and biases: not rounded
            assert torch.equal(found[key], value), key
        elif value.dim() > 1:
            torch.testing.assert_close(found[key], value, rtol=1e-3, atol=1e-6)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        a, b = loaded(wanted)(x), loaded(found)(x)
    assert float((a - b).abs().max()) < 5e-3 * float(a.abs().max())
    origin = find_recipe(small)
    assert origin is not None
    assert origin.name == "small"
    assert origin.recipe.deconv == (16, 16, 16)


def test_a_model_file_is_exported_again_as_it_was(small: Path, tmp_path: Path) -> None:
    from steadypose.export.export_onnx import main
    from steadypose.export.weights.state_dict import load_weights

    again = tmp_path / "again.onnx"
    given = ["--weights", str(small), "--output", str(again), "--flip-test", "--check-crops", "2"]
    assert main(given) == 0
    wanted, found = load_weights(small), load_weights(again)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["movenet_lightning", "tompson", "cpn50"])
def test_every_weight_comes_back_from_other_networks(network: str, tmp_path: Path) -> None:
    """Fresh ones: equal vectors, fixed filters, and heads that only training needs."""
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.building import build_model
    from steadypose.export.weights.recipe import Recipe
    from steadypose.export.weights.state_dict import load_weights
    from steadypose.export.weights.stored import keep_weights, store_half
    from steadypose.export.weights.to_onnx import to_onnx

    recipe = Recipe(network=network, input_hw=(64, 64))
    made = make_network(network, keypoints=17, seed=2)
    model = to_onnx(build_model(recipe, made), recipe, opset=18)
    keep_weights(model, made.state_dict())
    onnx.save(model, tmp_path / "whole.onnx")
    store_half(model)
    onnx.save(model, tmp_path / "half.onnx")
    found = load_weights(tmp_path / "whole.onnx")
    assert found.keys() == made.state_dict().keys()
    assert all(torch.equal(found[key], value) for key, value in made.state_dict().items())
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    rounded = loaded(load_weights(tmp_path / "half.onnx"), network)
    with torch.inference_mode():
        a, b = (n(x)[0] if network.startswith("movenet") else n(x) for n in (made.eval(), rounded))
    assert float((a - b).abs().max()) < 5e-3 * float(a.abs().max())


@pytest.mark.parametrize("path", sorted(SHIPPED), ids=lambda path: path.stem)
def test_training_and_export_can_start_from_what_ships(path: Path) -> None:
    from steadypose.export.weights.recipe import build_network, find_recipe
    from steadypose.export.weights.state_dict import load_weights

    origin = find_recipe(path)
    assert origin is not None
    assert origin.licence == "Apache-2.0"
    assert build_network(origin.recipe, load_weights(path)) is not None


def test_batch_norms_stay_in_the_file_and_are_folded_before_precision_changes(small: Path) -> None:
    onnxruntime: Any = pytest.importorskip("onnxruntime")
    from steadypose.export.trt.precision import network_nodes, to_float, to_half

    model = onnx.load(small)
    assert sum(node.op_type == "BatchNormalization" for node in model.graph.node) == 23
    folded = to_float(model)
    assert not any(node.op_type == "BatchNormalization" for node in folded.graph.node)
    onnx.checker.check_model(folded, full_check=True)
    onnx.checker.check_model(to_half(model))
    assert len(network_nodes(folded)) < len(network_nodes(model))
    crops = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    a, b = (
        onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
        .run(None, {"crops": crops})[0]
        for m in (model, folded)
    )  # fmt: skip
    np.testing.assert_allclose(a, b, atol=1e-3)


def damaged(data: bytes) -> bytes:
    """One whose outermost message is whole, and a tensor in it is not."""
    model = onnx.load_from_string(data)
    tensor = next(t for t in model.graph.initializer if t.name.startswith("network.conv1"))
    tensor.raw_data = tensor.raw_data[:-2]
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[: len(data) // 2], "is not an ONNX file, or is damaged"),
        (damaged, "are damaged"),
        (lambda _: b"", "is not an ONNX file, or is damaged"),
        (lambda _: tiny_model().SerializeToString(), "carries no weights of a network of ours"),
    ],
    ids=["cut short", "damaged", "empty", "foreign"],
)
def test_a_file_that_cannot_give_weights_says_so(
    small: Path, tmp_path: Path, change: Any, sentence: str
) -> None:
    from steadypose.export.weights.state_dict import load_weights

    path = tmp_path / "x.onnx"
    path.write_bytes(change(small.read_bytes()))
    with pytest.raises(ModelFileError, match=sentence):
        load_weights(path)


def test_missing_files_say_so(tmp_path: Path) -> None:
    from steadypose.export.weights.state_dict import load_weights

    with pytest.raises(ModelFileError, match="cannot read model file"):
        load_weights(tmp_path / "none.onnx")


@pytest.mark.slow
def test_weights_that_were_made_int8_are_not_taken_for_ours(small: Path, tmp_path: Path) -> None:
    from steadypose.export.quantize import quantize
    from steadypose.export.weights.state_dict import load_weights

    crops = np.random.default_rng(1).integers(0, 256, (4, 64, 64, 3), np.uint8)
    onnx.save(quantize(onnx.load(small), crops), tmp_path / "int8.onnx")
    with pytest.raises(ModelFileError, match="carries no weights"):
        load_weights(tmp_path / "int8.onnx")
