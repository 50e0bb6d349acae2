"""From weights to a model file: key names, decoding, and agreement with torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.errors import ModelFileError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.engines.skeletons.people import COCO17

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")


def gaussian(x: float, y: float, *, hw: tuple[int, int], sigma: float) -> Any:
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    heat = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2)).astype(np.float32)
    return torch.from_numpy(heat)


@pytest.mark.parametrize(
    ("depth", "count"),
    # Counted from the layer tables of He et al. 2015 and Xiao et al. 2018; the paper's code
    # reports 34.0, 53.0 and 68.6 million for 50, 101 and 152.
    [(18, 15_376_721), (34, 25_484_881), (50, 33_999_697), (101, 52_991_825), (152, 68_635_473)],
)
def test_parameter_counts_are_the_published_ones(depth: int, count: int) -> None:
    from steadypose.export.models.pose_resnet import PoseResNet

    network = PoseResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
@pytest.mark.parametrize("final_kernel", [1, 3])
def test_heatmaps_are_a_quarter_of_the_input(depth: int, final_kernel: int) -> None:
    from steadypose.export.models.pose_resnet import PoseResNet

    network = PoseResNet(depth, deconv_filters=(32, 32, 32), final_kernel=final_kernel).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 17, 16, 24)


def test_the_stride_of_a_bottleneck_is_in_its_3x3() -> None:
    from steadypose.export.models.pose_resnet import PoseResNet

    block = PoseResNet(50).layer2[0]
    assert block.conv1.stride == (1, 1)
    assert block.conv2.stride == (2, 2)


@pytest.mark.parametrize(
    ("refine", "tolerance"), [("none", 0.51), ("quarter", 0.26), ("dark", 0.05)]
)
@pytest.mark.parametrize("cells", ["half", "corner"])
def test_a_gaussian_decodes_to_its_centre(refine: Any, tolerance: float, cells: Any) -> None:
    from steadypose.export.models.decoding import Decode

    hw, rng = (32, 24), np.random.default_rng(0)
    centers = np.stack((rng.uniform(4, 19, 17), rng.uniform(4, 27, 17)), 1)
    heat = torch.stack([gaussian(x, y, hw=hw, sigma=1.5) for x, y in centers])[None]
    decode = Decode(keypoints=17, heatmap_hw=hw, stride=4, refine=refine, cells=cells, sigma=1.5)
    found = decode(heat)[0].numpy()
    offset = 1.5 if cells == "half" else 0.0
    error = np.abs((found[:, :2] - offset) / 4 - centers)
    assert error.max() <= tolerance
    assert (found[:, 2] <= 1.0).all()


def published_quarter(heat: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The published decoding, keypoint by keypoint in plain Python."""
    places = np.zeros((len(heat), 2))
    height, width = heat.shape[1:]
    for k, one in enumerate(heat):
        y, x = np.unravel_index(int(one.argmax()), one.shape)
        places[k] = (x, y)
        if 1 < x < width - 1 and 1 < y < height - 1:
            places[k, 0] += 0.25 * np.sign(one[y, x + 1] - one[y, x - 1])
            places[k, 1] += 0.25 * np.sign(one[y + 1, x] - one[y - 1, x])
    return places


def test_the_quarter_offset_is_the_published_one() -> None:
    from steadypose.export.models.decoding import Decode

    heat = np.random.default_rng(4).random((60, 17, 16, 12), dtype=np.float32)
    decode = Decode(keypoints=17, heatmap_hw=(16, 12), stride=4, refine="quarter", cells="corner")
    found = decode(torch.from_numpy(heat)).numpy()[..., :2] / 4
    wanted = np.stack([published_quarter(one) for one in heat])
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("refine", ["quarter", "dark", "none"])
def test_decoding_keeps_its_invariants(refine: Any) -> None:
    from steadypose.export.models.decoding import Decode

    rng = np.random.default_rng(2)
    heat = torch.from_numpy(rng.random((2, 17, 16, 12), dtype=np.float32))
    before = heat.clone()
    decode = Decode(keypoints=17, heatmap_hw=(16, 12), stride=4, refine=refine, cells="half")
    found = decode(heat)
    assert torch.equal(heat, before)
    order = torch.from_numpy(rng.permutation(17))
    assert torch.allclose(decode(heat[:, order]), found[:, order])
    if refine != "dark":  # the log of the fit is not shift invariant, its arg-max is
        assert torch.allclose(decode(heat * 0.5 + 0.25)[..., :2], found[..., :2])


@pytest.mark.parametrize("corner", [(0, 0), (0, 11), (15, 0), (15, 11)])
def test_a_peak_in_a_corner_stays_there(corner: tuple[int, int]) -> None:
    from steadypose.export.models.decoding import Decode

    heat = torch.zeros(1, 17, 16, 12)
    heat[:, :, corner[0], corner[1]] = 1.0
    for refine in ("quarter", "dark", "none"):
        decode = Decode(
            keypoints=17,
            heatmap_hw=(16, 12),
            stride=4,
            refine=refine,
            cells="corner",
        )
        found = decode(heat)[0].numpy()
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[:, 0], corner[1] * 4, atol=1.1)
        np.testing.assert_allclose(found[:, 1], corner[0] * 4, atol=1.1)


def test_preprocessing_puts_colours_where_the_network_wants_them() -> None:
    from steadypose.export.models.decoding import Preprocess

    crop = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    crop[..., 0] = 255  # blue, as OpenCV orders it
    rgb = Preprocess(colour="rgb")(crop)[0, :, 0, 0].numpy()
    bgr = Preprocess(colour="bgr")(crop)[0, :, 0, 0].numpy()
    np.testing.assert_allclose(rgb[2], (1 - 0.406) / 0.225, rtol=1e-5)
    np.testing.assert_allclose(rgb[0], -0.485 / 0.229, rtol=1e-5)
    np.testing.assert_allclose(bgr[0], (1 - 0.485) / 0.229, rtol=1e-5)


def test_the_flip_test_of_a_symmetric_network_changes_nothing() -> None:
    from steadypose.export.models.decoding import FlipTest

    class Symmetric(torch.nn.Module):  # type: ignore[misc]
        """Left and right heatmaps are mirror images of each other by construction."""

        def forward(self, x: Any) -> Any:
            base = x.mean(1, keepdim=True)
            return torch.cat((base, torch.flip(torch.flip(base, (3,)), (3,)), base), 1)

    network = Symmetric()
    flip = FlipTest(network, flip_order=(0, 2, 1), cells="half")
    x = torch.rand(2, 3, 8, 8)
    assert torch.allclose(flip(x), network(x), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--opset", "18"],
        ["--opset", "17", "--refine", "quarter", "--cells", "corner", "--colour", "bgr"],
        ["--opset", "18", "--flip-test", "--store", "fp32", "--final-kernel", "3"],
    ],
    ids=["default", "published", "flip"],
)
def test_a_state_dict_becomes_a_model_file_that_every_backend_runs(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.export.export_onnx import main
    from steadypose.export.models.pose_resnet import PoseResNet

    kernel = 3 if "--final-kernel" in options else 1
    network = PoseResNet(18, deconv_filters=(32, 32, 32), final_kernel=kernel)
    network.init_weights(seed=1)
    for module in network.modules():  # so that heatmaps are not flat
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.kaiming_normal_(module.weight, generator=torch.Generator().manual_seed(1))
    weights, output = tmp_path / "w.pt", tmp_path / "m.onnx"
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, weights)
    done = main(
        [
            *("--weights", str(weights), "--output", str(output), "--deconv", "32,32,32"),
            *("--convention", "steadypose", "--input", "64x64", "--name", "try"),
            *("--check-crops", "6"),
            *options,
        ]
    )
    said = capsys.readouterr()
    assert done == 0, said.err
    assert "agrees with torch within" in said.out
    spec = read_spec(output)
    assert (spec.name, spec.input_hw, spec.skeleton) == ("try", (64, 64), COCO17)
    crops = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    results = []
    for backend in ("onnxruntime", "openvino"):
        opened = open_engine(output, backend=backend, options=EngineOptions("fp32", 1))
        results.append(opened.engine.infer(crops).copy())
        opened.engine.close()
    np.testing.assert_allclose(results[0][..., 2], results[1][..., 2], atol=1e-3)
    distance = np.linalg.norm(results[0][..., :2] - results[1][..., :2], axis=-1)
    assert np.median(distance) < 0.05


def test_weights_for_another_network_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadypose.export.export_onnx import main

    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pt")
    given = ["--weights", str(tmp_path / "w.pt"), "--convention", "steadypose"]
    done = main([*given, "--input", "64x64", "--output", str(tmp_path / "m.onnx")])
    assert done == 2
    said = capsys.readouterr().err
    assert "do not fit pose_resnet18" in said
    assert "  fix: " in said
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: bytes | None) -> None:
    from steadypose.export.weights.state_dict import load_weights

    path = tmp_path / "w.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError):
        load_weights(path)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    from steadypose.export.weights.state_dict import load_weights

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save(Evil(), tmp_path / "w.pt")
    with pytest.raises(ModelFileError, match="cannot be read safely"):
        load_weights(tmp_path / "w.pt")
    assert not (tmp_path / "ran").exists()
