"""Stacked Hourglass, Hourglass-52 and HRNet: published keys, counts and computations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steadypose.engines.errors import UsageError
from tests.export.layouts import hourglass as hourglass_layouts
from tests.export.layouts import hourglass52 as hourglass52_layouts
from tests.export.layouts import hrnet as hrnet_layouts

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")

from tests.export.random_weights import State, random_state  # noqa: E402

Shapes = dict[str, tuple[int, ...]]
NAMES = ("hrnet32", "hrnet48", "hg1", "hg2", "hg8", "hourglass52")
# The smallest input of each family; everything here computes on one or two of them.
SIDES = {"hrnet32": 32, "hg1": 64, "hg2": 64, "hourglass52": 128}


def build(name: str) -> Any:
    from steadypose.export.models.hourglass import StackedHourglass
    from steadypose.export.models.hourglass52 import Hourglass52
    from steadypose.export.models.hrnet import HRNet

    if name == "hourglass52":
        return Hourglass52()
    if name.startswith("hrnet"):
        return HRNet(int(name.removeprefix("hrnet")))
    return StackedHourglass(int(name.removeprefix("hg")))


def layout(name: str) -> Shapes:
    if name == "hourglass52":
        return hourglass52_layouts.layout()
    if name.startswith("hrnet"):
        return hrnet_layouts.layout(int(name.removeprefix("hrnet")))
    return hourglass_layouts.layout(int(name.removeprefix("hg")))


def loaded(name: str) -> Any:
    network = build(name)
    network.load_state_dict(random_state(layout(name)), strict=True)
    return network.eval()


def on_no_device(name: str) -> Any:
    with torch.device("meta"):
        return build(name)


# The published forward passes, once more, with nothing but functions and key names.
class Published:
    def __init__(self, state: State) -> None:
        self.state = state

    def conv(self, name: str, x: Any, *, stride: int = 1) -> Any:
        weight = self.state[f"{name}.weight"]
        padding = weight.shape[2] // 2
        bias = self.state.get(f"{name}.bias")
        return torch.nn.functional.conv2d(x, weight, bias, stride, padding)

    def bn(self, name: str, x: Any) -> Any:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"].view(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def has(self, name: str) -> bool:
        return any(key.startswith(f"{name}.") for key in self.state)

    def twice(self, x: Any, *, times: int = 1) -> Any:
        return x.repeat_interleave(2**times, 2).repeat_interleave(2**times, 3)

    def res_block(self, name: str, x: Any, *, stride: int = 1, convs: int = 2) -> Any:
        """He et al. 2015: the stride is in the 3x3 (of two: the first)."""
        y = x
        for i in range(1, convs + 1):
            y = self.bn(f"{name}.bn{i}", self.conv(f"{name}.conv{i}", y, stride=stride))
            y, stride = (y if i == convs else y.relu()), 1
        if self.has(f"{name}.downsample"):
            step = x.shape[2] // y.shape[2]
            x = self.conv(f"{name}.downsample.0", x, stride=step)
            x = self.bn(f"{name}.downsample.1", x)
        return (x + y).relu()

    def res_blocks(self, name: str, x: Any, *, stride: int = 1) -> Any:
        i = 0
        while self.has(f"{name}.{i}"):
            x, stride, i = self.res_block(f"{name}.{i}", x, stride=stride), 1, i + 1
        return x


def published_hourglass(state: State, x: Any) -> Any:
    net = Published(state)

    def residual(name: str, x: Any) -> Any:
        y = x
        for i in (1, 2, 3):
            y = net.conv(f"{name}.conv{i}.conv", net.bn(f"{name}.bn{i}", y).relu())
        return y + (net.conv(f"{name}.skip_layer.conv", x) if net.has(f"{name}.skip_layer") else x)

    def pool(x: Any) -> Any:
        return torch.maximum(
            torch.maximum(x[..., ::2, ::2], x[..., 1::2, ::2]),
            torch.maximum(x[..., ::2, 1::2], x[..., 1::2, 1::2]),
        )

    def hourglass(name: str, x: Any) -> Any:
        if not net.has(f"{name}.up1"):
            return residual(name, x)
        low = hourglass(f"{name}.low2", residual(f"{name}.low1", pool(x)))
        return residual(f"{name}.up1", x) + net.twice(residual(f"{name}.low3", low))

    x = net.bn("pre.0.bn", net.conv("pre.0.conv", x, stride=2)).relu()
    x = residual("pre.4", residual("pre.3", pool(residual("pre.1", x))))
    i, heatmaps = 0, None
    while net.has(f"hgs.{i}"):
        features = residual(f"features.{i}.0", hourglass(f"hgs.{i}.0", x))
        features = net.conv(f"features.{i}.1.conv", features)
        features = net.bn(f"features.{i}.1.bn", features).relu()
        heatmaps = net.conv(f"outs.{i}.conv", features)
        if net.has(f"merge_preds.{i}"):
            x = x + net.conv(f"merge_preds.{i}.conv.conv", heatmaps)
            x = x + net.conv(f"merge_features.{i}.conv.conv", features)
        i += 1
    return heatmaps


def published_hourglass52(state: State, x: Any) -> Any:
    net = Published(state)

    def hourglass(name: str, x: Any) -> Any:
        if not net.has(f"{name}.up1"):
            return net.res_blocks(name, x)
        low = hourglass(f"{name}.low2", net.res_blocks(f"{name}.low1", x, stride=2))
        return net.res_blocks(f"{name}.up1", x) + net.twice(net.res_blocks(f"{name}.low3", low))

    x = net.bn("stem.0.bn", net.conv("stem.0.conv", x, stride=2)).relu()
    x = hourglass("hourglass_modules.0", net.res_blocks("stem.1", x, stride=2))
    x = net.bn("out_convs.0.bn", net.conv("out_convs.0.conv", x)).relu()
    return net.conv("multi_final_layers.0", x)


def published_hrnet(state: State, x: Any) -> Any:
    net = Published(state)

    def send(name: str, y: Any, *, source: int, target: int) -> Any:
        if source == target:
            return y
        if source > target:
            return net.twice(net.bn(f"{name}.1", net.conv(f"{name}.0", y)), times=source - target)
        for k in range(target - source):
            y = net.bn(f"{name}.{k}.1", net.conv(f"{name}.{k}.0", y, stride=2))
            y = y if k == target - source - 1 else y.relu()
        return y

    def exchange(name: str, xs: list[Any]) -> list[Any]:
        ys = [net.res_blocks(f"{name}.branches.{i}", x) for i, x in enumerate(xs)]
        outputs = [i for i in range(len(ys)) if net.has(f"{name}.fuse_layers.{i}")]
        fused = []
        for i in outputs:
            terms = [
                send(f"{name}.fuse_layers.{i}.{j}", y, source=j, target=i) for j, y in enumerate(ys)
            ]
            fused.append(torch.stack(terms).sum(0).relu())
        return fused

    for i in (1, 2):
        x = net.bn(f"bn{i}", net.conv(f"conv{i}", x, stride=2)).relu()
    for i in range(4):
        x = net.res_block(f"layer1.{i}", x, convs=3)
    xs = [x]
    for stage in (2, 3, 4):
        before, name = xs, f"transition{stage - 1}"
        xs = (
            list(before)
            if stage > 2
            else [net.bn(f"{name}.0.1", net.conv(f"{name}.0.0", before[0])).relu()]
        )
        coarse = f"{name}.{stage - 1}.0"
        y = net.bn(f"{coarse}.1", net.conv(f"{coarse}.0", before[-1], stride=2))
        xs.append(y.relu())
        module = 0
        while net.has(f"stage{stage}.{module}"):
            xs, module = exchange(f"stage{stage}.{module}", xs), module + 1
    return net.conv("final_layer", xs[0])


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    state = on_no_device(name).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == layout(name)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # Sun et al. 2019, table 1: 28.5 and 63.6 million; MMPose: 28.54 and 63.6.
        ("hrnet32", 28_536_113),
        ("hrnet48", 63_595_745),
        # A block of 256 channels has 512 + 32,896 + 256 + 147,584 + 256 + 33,024 = 214,528.
        # Before the stacks 352,640; a stack: 14 blocks, 66,304 and 4,112, together 3,073,808;
        # from one to the next 65,792 + 4,352.
        ("hg1", 352_640 + 3_073_808),
        ("hg2", 352_640 + 2 * 3_073_808 + 70_144),
        ("hg8", 352_640 + 8 * 3_073_808 + 7 * 70_144),
        # MMPose: 94.85 million, with the 2 * (256 * 256 * 9 + 512) of its unused inters.0.
        ("hourglass52", 94_847_889 - 1_180_672),
    ],
)
def test_parameter_counts_are_the_published_ones(name: str, count: int) -> None:
    assert sum(p.numel() for p in on_no_device(name).parameters()) == count


@pytest.mark.parametrize(
    ("name", "first", "count"),
    [
        ("hg2", "pre.0.conv.", 7 * 7 * 3 * 64 + 64),  # 9,472: the only one with a bias
        ("hourglass52", "stem.0.conv.", 7 * 7 * 3 * 128),
        ("hrnet32", "conv1.", 3 * 3 * 3 * 64),
        ("hg2", "hgs.0.0.up1.", 214_528),
    ],
)
def test_the_first_layers_have_the_published_size(name: str, first: str, count: int) -> None:
    parameters = on_no_device(name).named_parameters()
    assert sum(p.numel() for key, p in parameters if key.startswith(first)) == count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("hg1", published_hourglass),
        ("hg2", published_hourglass),
        ("hourglass52", published_hourglass52),
        ("hrnet32", published_hrnet),
    ],
)
def test_the_network_computes_what_the_published_one_does(
    name: str, published: Callable[[State, Any], Any]
) -> None:
    network = loaded(name)
    x = torch.randn(1, 3, SIDES[name], 2 * SIDES[name])
    with torch.inference_mode():
        found, wanted = network(x), published(network.state_dict(), x)
    assert wanted.std() > 1e-2
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


@pytest.mark.slow
@pytest.mark.parametrize("name", SIDES)
def test_pictures_of_a_batch_do_not_touch_each_other(name: str) -> None:
    network, side = loaded(name), SIDES[name]
    x = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        both, alone = network(x), torch.cat([network(x[:1]), network(x[1:])])
    assert both.shape == (2, 16 if name.startswith("hg") else 17, side // 4, side // 4)
    assert (both[0] - both[1]).abs().max() > 1e-2
    # Sums run in another order, so float32 differs by more than rounding on some processors.
    torch.testing.assert_close(both, alone, rtol=1e-2, atol=1e-3 * float(alone.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "stages"), [("hg1", 1), ("hg2", 2), ("hourglass52", 1)])
def test_training_returns_every_stage_and_evaluation_the_last(name: str, stages: int) -> None:
    network, side = loaded(name), SIDES[name]
    x = torch.randn(1, 3, side, side)
    with torch.inference_mode():
        last = network(x)
        network.training = True  # of the network alone: its batch norms stay as they are
        trained = network(x)
    assert isinstance(trained, list) == (stages > 1)
    every = trained if stages > 1 else [trained]
    assert len(every) == stages
    assert all(heatmaps.shape == last.shape for heatmaps in every)
    assert torch.equal(every[-1], last)
    assert stages == 1 or not torch.allclose(every[0], last)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIDES)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = loaded(name).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # with batch statistics, a bias before it has no gradient
    stages = network(torch.randn(1, 3, SIDES[name], SIDES[name]))
    sum(s.square().mean() for s in (stages if isinstance(stages, list) else [stages])).backward()
    without = [
        key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0
    ]
    assert without == []


@pytest.mark.parametrize(
    ("name", "shapes", "stray"),
    [
        ("hg1", hourglass_layouts.layout(1, has_unused=True), "pre.3.skip_layers.weight"),
        ("hourglass52", hourglass52_layouts.layout(has_unused=True), "inters2.weight"),
    ],
)
def test_unused_layers_of_published_files_are_dropped_and_nothing_else(
    name: str, shapes: Shapes, stray: str
) -> None:
    from steadypose.export.weights.state_dict import to_our_names

    network = on_no_device(name)
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    assert set(state) > set(network.state_dict())
    assert set(to_our_names(network, state)) == set(network.state_dict())
    assert stray in to_our_names(network, {**state, stray: torch.empty(1)})


def test_networks_that_do_not_exist_are_refused() -> None:
    from steadypose.export.models.hourglass import StackedHourglass
    from steadypose.export.models.hourglass52 import Hourglass52
    from steadypose.export.models.hrnet import HRNet

    makers: list[Callable[[], Any]] = [
        lambda: HRNet(40),
        lambda: HRNet(32, keypoints=0),
        lambda: StackedHourglass(0),
        lambda: StackedHourglass(9),
        lambda: Hourglass52(keypoints=0),
    ]
    for make in makers:
        with pytest.raises(UsageError, match="cannot be built"):
            make()
