"""Every network in the registry: published weights in, a model file out, engines, the loop."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadypose.engines.engine_file import read_info
from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
from steadypose.realtime.model.places import ROOT
from tests.export.layouts import (
    cpm,
    cpn,
    deeppose,
    hourglass,
    hourglass52,
    hrnet,
    pose_resnet,
)

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from tests.export.random_weights import WRAPPINGS, is_head, random_state  # noqa: E402

# Tables of keys for 17 keypoints; Tompson's and CPN's were never published for torch.
LAYOUTS: dict[str, Callable[[], dict[str, tuple[int, ...]]]] = {
    **{f"pose_resnet{d}": functools.partial(pose_resnet.layout, d) for d in (18, 34, 50, 101, 152)},
    **{f"deeppose_resnet{d}": functools.partial(deeppose.layout, d) for d in (50, 101, 152)},
    **{f"hrnet_w{w}": functools.partial(hrnet.layout, w) for w in (32, 48)},
    **{
        f"hourglass{s}": functools.partial(hourglass.layout, s, keypoints=17, has_unused=True)
        for s in (1, 2, 8)
    },
    "hourglass52": functools.partial(hourglass52.layout, has_unused=True),
    **{f"cpm{s}": functools.partial(cpm.layout, s) for s in (3, 6)},
    "cpn50": cpn.layout,
}
# Exported, built and run here. The others take long: make test-networks runs all of them, and
# benchmarks/loop/networks.py at the size of their published weights.
QUICK = ("deeppose_resnet50", "tompson", "cpm3", "hourglass1")
CHOSEN = (*LAYOUTS, "tompson") if os.environ.get("POSE_TEST_NETWORKS") == "all" else QUICK
SIDES = {"hourglass52": 128}


def shapes_of(network: str) -> dict[str, tuple[int, ...]]:
    if network in LAYOUTS:
        return LAYOUTS[network]()
    from steadypose.export.models.registry import make_network

    made = make_network(network, keypoints=17)
    return {key: tuple(value.shape) for key, value in made.state_dict().items()}


def test_every_network_has_a_layout_or_was_never_published() -> None:
    from steadypose.export.models.registry import NETWORKS

    assert set(NETWORKS) - set(LAYOUTS) == {
        "tompson",
        "movenet_lightning",
        "movenet_thunder",
    }  # see test_movenet.py


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("network", LAYOUTS)
def test_published_weights_load_strictly_in_every_layout(
    network: str, wrapping: str, tmp_path: Path
) -> None:
    """On torch's meta device, so that the largest costs no memory."""
    from steadypose.export.models.registry import NETWORKS, make_network
    from steadypose.export.weights.state_dict import load_strictly, to_our_names

    with torch.device("meta"):
        made = make_network(network, keypoints=17)
        state = {key: torch.empty(shape) for key, shape in shapes_of(network).items()}
        wrapped = WRAPPINGS[wrapping](state)
        found = to_our_names(made, wrapped.get("state_dict", wrapped))
    load_strictly(made, found, name=network, fix="-")
    assert set(found) == set(made.state_dict())
    assert NETWORKS[network].paper


@pytest.mark.parametrize("network", ["hrnet_w32", "hourglass52", "deeppose_resnet50"])
def test_weights_that_do_not_fit_are_listed(network: str) -> None:
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.state_dict import load_strictly, to_our_names

    with torch.device("meta"):
        made = make_network(network, keypoints=17)
        state = {key: torch.empty(shape) for key, shape in shapes_of(network).items()}
        first, second, *_ = [key for key in made.state_dict() if key in state]
        del state[first]
        state[second] = torch.empty(3, 3)
        state["backbone.stranger.weight"] = torch.empty(1)
        found = to_our_names(made, state)
    with pytest.raises(ModelFileError) as caught:
        load_strictly(made, found, name=network, fix="-")
    said = caught.value.what
    assert f"{first} is missing" in said
    assert "stranger.weight is left over" in said
    assert f"{second} (3, 3) instead of" in said
    assert "is of another shape" in said


def test_two_keys_that_become_one_are_refused() -> None:
    from steadypose.export.models.registry import make_network
    from steadypose.export.weights.state_dict import to_our_names

    made = make_network("pose_resnet18", keypoints=17)
    both = {"conv1.weight": torch.empty(1), "backbone.conv1.weight": torch.empty(1)}
    with pytest.raises(ModelFileError, match=r"would become 'conv1\.weight'"):
        to_our_names(made, both)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the model file of a network with random weights, once."""
    folder = tmp_path_factory.mktemp("networks")
    names = list(WRAPPINGS)

    @functools.cache
    def make(network: str) -> Path:
        from steadypose.export.export_onnx import main as export

        wrapping = names[len(network) % len(names)]
        side = SIDES.get(network, 64)
        weights, output = folder / f"{network}.pth", folder / f"{network}.onnx"
        torch.save(WRAPPINGS[wrapping](random_state(shapes_of(network))), weights)
        done = export(
            [
                *("--weights", str(weights), "--network", network, "--convention", "openmmlab"),
                *("--input", f"{side}x{side}", "--store", "fp32", "--check-crops", "2"),
                *("--name", network, "--output", str(output)),
            ]
        )
        assert done == 0
        return output

    return make


def torch_keypoints(network: str, model: Path, crops: Any) -> Any:
    from steadypose.export.weights.building import build_model
    from steadypose.export.weights.recipe import Recipe, build_network
    from steadypose.export.weights.state_dict import load_weights

    side = SIDES.get(network, 64)
    recipe = Recipe(
        network=network,
        deconv=(256, 256, 256),
        input_hw=(side, side),
        refine="quarter",
        cells="corner",
        sigma=2.0,
    )
    built = build_model(recipe, build_network(recipe, load_weights(model.with_suffix(".pth"))))
    with torch.inference_mode():
        return built(torch.from_numpy(crops)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("network", CHOSEN)
def test_torch_and_onnxruntime_agree(exported: Callable[[str], Path], network: str) -> None:
    model = exported(network)
    side = SIDES.get(network, 64)
    crops = np.random.default_rng(3).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    wanted = torch_keypoints(network, model, crops)
    opened = open_engine(model, backend="onnxruntime", options=EngineOptions("fp32", threads=1))
    found = opened.engine.infer(crops)
    opened.engine.close()
    assert np.ptp(wanted[..., :2]) > side / 4  # the keypoints are spread, so this can fail
    assert np.abs(found[..., :2] - wanted[..., :2]).max() < 1e-3
    assert np.abs(found[..., 2] - wanted[..., 2]).max() < 1e-3


@pytest.mark.slow
@pytest.mark.rtx
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("network", CHOSEN)
def test_tensorrt_builds_it(
    exported: Callable[[str], Path], network: str, precision: str, tmp_path: Path
) -> None:
    pytest.importorskip("tensorrt_rtx")
    from steadypose.export.build_trt import main as build

    output = tmp_path / "x.engine"
    given = ["--onnx", str(exported(network)), "--precision", precision, "--output", str(output)]
    assert build(["--flavor", "tensorrt-rtx", *given]) == 0
    built = read_info(output).built
    wanted = {"fp32": "float", "fp16": "half"}[precision]
    assert built.get(wanted, 0) >= 10, built


@pytest.mark.slow
@pytest.mark.parametrize("network", CHOSEN)
def test_it_runs_the_loop(
    exported: Callable[[str], Path], network: str, tmp_path: Path, capsys: Any
) -> None:
    from steadypose.realtime.cli import main

    table = tmp_path / "out.csv"
    given = ["--source", "demo", "--headless", "--max-frames", "4", "--csv", str(table)]
    assert main(["--model", str(exported(network)), "--precision", "fp32", *given]) == 0
    assert "4 frames" in capsys.readouterr().out
    assert table.read_text().startswith("frame")


def test_the_committed_comparison_has_every_network() -> None:
    """``python -m benchmarks.loop.networks`` fails where one differs or does not build."""
    from steadypose.export.models.registry import NETWORKS

    path = ROOT / "benchmarks" / "results" / "networks.md"
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    columns = {name: i for i, name in enumerate(rows[0])}
    found = {row[0]: row for row in rows[1:]}
    assert set(found) == set(NETWORKS)
    for row in found.values():
        assert float(row[columns["torch - ORT, px"]]) < 1e-3
        assert row[columns["RTX fp32 / fp16"]] == "built / built"
        assert row[columns["demo loop"]] == "runs"


def test_the_model_file_says_what_its_input_was(exported: Callable[[str], Path]) -> None:
    spec = read_spec(exported("deeppose_resnet50"))
    assert spec.colour == "rgb"
    assert spec.mean == (0.485, 0.456, 0.406)
    assert spec.std == (0.229, 0.224, 0.225)
    assert spec.decoder == "coordinates without scores"


@pytest.mark.parametrize(("network", "side"), [("hourglass2", 96), ("hourglass52", 192)])
def test_a_crop_that_cannot_be_halved_often_enough_is_refused(network: str, side: int) -> None:
    from steadypose.export.weights.recipe import Recipe

    with pytest.raises(UsageError, match=f"cannot take crops of {side}x{side}"):
        Recipe(network=network, input_hw=(side, side))


def test_coordinates_become_pixels_and_are_unsure_outside() -> None:
    from steadypose.export.models.decoding import Coordinates

    found = Coordinates(input_hw=(64, 48))(torch.tensor([[[0.5, 0.25], [-0.1, 0.5]]]))
    np.testing.assert_allclose(found.numpy()[0], np.array([[24, 16, 1], [-4.8, 32, 0]]), rtol=1e-6)


def test_coordinates_are_averaged_with_their_mirror_images() -> None:
    """A network that finds the same in any picture: mirrored, left and right change places."""
    from steadypose.engines.skeletons.people import COCO17
    from steadypose.export.models.decoding import FlipTest

    class Fixed(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return places.repeat(len(x), 1, 1)

    places = torch.rand(1, 17, 2, generator=torch.Generator().manual_seed(1))
    order = COCO17.flip_order
    tested = FlipTest(Fixed(), flip_order=order, cells="corner", gives="coordinates")
    found = tested(torch.zeros(2, 3, 8, 8))
    swapped = places[:, list(order)]
    wanted_x = (places[..., 0] + 1 - swapped[..., 0]) / 2
    torch.testing.assert_close(found[:1, :, 0], wanted_x)
    torch.testing.assert_close(found[:1, :, 1], (places[..., 1] + swapped[..., 1]) / 2)


def test_heads_are_told_from_backbones() -> None:
    assert is_head("final_layer.bias")
    assert not is_head("layer1.0.conv1.weight")


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_the_colour_order_reaches_the_network(colour: Any) -> None:
    """A pure blue crop: the network must see blue where its own order has it."""
    from steadypose.export.weights.building import build_model
    from steadypose.export.weights.recipe import Recipe

    class Means(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            self.seen = x.mean((2, 3))
            return torch.zeros(len(x), 17, 16, 16)

    blue = np.zeros((1, 64, 64, 3), np.uint8)
    blue[..., 0] = 255  # crops are BGR
    network = Means()
    recipe = Recipe(input_hw=(64, 64), colour=colour, mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.5))
    with torch.inference_mode():
        build_model(recipe, network)(torch.from_numpy(blue))
    channels = [1.0, 0.0, 0.0] if colour == "bgr" else [0.0, 0.0, 1.0]
    wanted = (np.array(channels) - (0.1, 0.2, 0.3)) / 0.5
    np.testing.assert_allclose(network.seen.numpy()[0], wanted, atol=1e-5)
