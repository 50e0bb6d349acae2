"""Four older families: their published keys and sizes, their stages, their export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.export.layouts import cpm, cpn, deeppose

pytestmark = pytest.mark.export
torch: Any = pytest.importorskip("torch")


def machine(stages: int = 3, **options: Any) -> Any:
    from steadypose.export.models.cpm import ConvolutionalPoseMachine

    return ConvolutionalPoseMachine(stages, **options)


def regression(depth: int = 18, **options: Any) -> Any:
    from steadypose.export.models.deeppose import DeepPose

    return DeepPose(depth, **options)


def pyramid(depth: int = 18, **options: Any) -> Any:
    from steadypose.export.models.cpn import CascadedPyramidNetwork

    return CascadedPyramidNetwork(depth, **options)


def tompson(**options: Any) -> Any:
    from steadypose.export.models.tompson import TompsonConvNet

    return TompsonConvNet(**options)


MAKERS: dict[str, Callable[..., Any]] = {
    "cpm": machine,
    "deeppose": regression,
    "cpn": pyramid,
    "tompson": tompson,
}
families = pytest.mark.parametrize("family", MAKERS)


def without_memory(make: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A network of shapes only, so that large ones cost nothing."""
    with torch.device("meta"):
        return make(*arguments, **options).eval()


def random_network(family: str) -> Any:
    """A small network in float64 whose batch norms have seen something."""
    torch.manual_seed(7)
    network = MAKERS[family](keypoints=5).double()
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0.0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return network.eval()


def random_crops(count: int, *, size: int = 64) -> Any:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(count, 3, size, size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "layout", "size", "keypoints"),
    [
        *((machine, cpm.layout, size, k) for size in (3, 6) for k in (16, 17)),
        *((regression, deeppose.layout, size, k) for size in (50, 101, 152) for k in (16, 17)),
        *((regression, deeppose.layout, size, 17) for size in (18, 34)),
        *((pyramid, cpn.layout, size, 17) for size in (18, 50, 101)),
    ],
)
def test_keys_and_shapes_are_those_of_the_layer_table(
    make: Any, layout: Any, size: int, keypoints: int
) -> None:
    network = without_memory(make, size, keypoints=keypoints)
    found = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert found == layout(size, keypoints)


@pytest.mark.parametrize(
    ("make", "arguments", "count"),
    [
        # Counted from the layer table; MMPose's table of costs says 31.3 million for six stages.
        (machine, (6,), 31_304_166),
        (machine, (3,), 16_766_451),
        # ResNet without its classifier (torchvision's 25 557 032 - 2 049 000 for 50) and
        # 2048 x 34 + 34; MMPose's table says 23.58 and 42.57 million for 50 and 101.
        (regression, (50,), 23_577_698),
        (regression, (101,), 42_569_826),
        (regression, (152,), 58_213_474),
        # Sun et al. 2019 (arXiv:1902.09212), table 1, report 27.0 million.
        (pyramid, (50,), 27_009_002),
        # By hand: three banks of 6 139 008, then 131 328 + 65 792 + 4 369.
        (tompson, (), 18_618_513),
    ],
)
def test_parameter_counts_are_the_published_ones(make: Any, arguments: Any, count: int) -> None:
    network = without_memory(make, *arguments)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    ("make", "size", "billions"),
    # MMPose's table of costs, multiply-adds for one 256x192 crop; it counts batch norm too.
    [(machine, 6, 63.81), (regression, 50, 4.04), (regression, 101, 7.69)],
)
def test_a_crop_costs_what_is_published(make: Any, size: int, billions: float) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network = without_memory(make, size)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 256, 192, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(billions, rel=0.015)


@pytest.mark.parametrize(
    ("make", "stride"), [(machine, 8), (pyramid, 4), (tompson, 4)], ids=["cpm", "cpn", "tompson"]
)
@pytest.mark.parametrize("hw", [(256, 192), (192, 160), (64, 96)])
def test_heatmaps_are_a_stride_smaller_than_the_crop(
    make: Any, stride: int, hw: tuple[int, int]
) -> None:
    network = without_memory(make, keypoints=16)
    found = network(torch.zeros(2, 3, *hw, device="meta"))
    assert found.shape == (2, 16, hw[0] // stride, hw[1] // stride)


def test_coordinates_are_two_per_keypoint_for_any_crop() -> None:
    network = without_memory(regression, 50, keypoints=16)
    for hw in ((256, 192), (256, 256), (96, 64)):
        assert network(torch.zeros(3, 3, *hw, device="meta")).shape == (3, 16, 2)


@pytest.mark.parametrize(
    ("family", "stages"), [("cpm", 3), ("cpn", 5), ("deeppose", None), ("tompson", None)]
)
def test_training_gives_every_stage_and_reaches_every_parameter(
    family: str, stages: int | None
) -> None:
    network = random_network(family).train()
    found = network(random_crops(2))
    if stages is not None:
        assert isinstance(found, list)
        assert len(found) == stages
        assert len({one.shape for one in found}) == 1
    heatmaps = found if isinstance(found, list) else [found]
    # Uneven weights: a batch norm's output has a fixed sum, whatever its input.
    sum((one * torch.randn_like(one)).sum() for one in heatmaps).backward()
    # float64 leaves about 1e-13 where a gradient is truly zero.
    dead = [n for n, p in network.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9]
    assert dead == []


@pytest.mark.parametrize("family", ["cpm", "cpn"])
def test_evaluation_gives_the_last_stage(family: str) -> None:
    network = random_network(family)
    crops = random_crops(2)
    with torch.inference_mode():
        last = network(crops)
        network.training = True  # the batch norms inside stay as they are
        stages = network(crops)
    assert torch.equal(stages[-1], last)
    assert not any(torch.allclose(one, last, rtol=0.1) for one in stages[:-1])


@families
def test_a_crop_does_not_depend_on_its_batch(family: str) -> None:
    network = random_network(family)
    crops = random_crops(3)
    with torch.inference_mode():
        together = network(crops)
        alone = torch.cat([network(crops[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(alone[0], alone[1], rtol=1e-3)


def test_the_last_layer_gives_x_and_y_in_turn() -> None:
    network = regression(keypoints=3).eval()
    torch.nn.init.zeros_(network.fc.weight)
    network.fc.bias.data = torch.arange(6.0)
    with torch.inference_mode():
        found = network(torch.rand(2, 3, 64, 64))
    assert found[0].tolist() == found[1].tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


def test_each_later_stage_of_a_pose_machine_reads_the_heatmaps_before_it() -> None:
    network = random_network("cpm")
    network.training = True
    crops = random_crops(1)
    with torch.inference_mode():
        before = network(crops)
        network.stem[-1].conv.bias += 5.0
        after = network(crops)
    torch.testing.assert_close(after[0], before[0] + 5.0)
    # Two stages of small random weights leave little of it, far above float64 noise.
    assert all((a - b).abs().max() > 1e-7 for a, b in zip(after[1:], before[1:], strict=True))


def test_convolving_before_up_sampling_gives_what_convolving_after_does() -> None:
    convolution, upsample = random_network("cpn").global_net.merge[0]
    x = torch.randn(2, 256, 3, 4, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(upsample(convolution(x)), convolution(upsample(x)))


def test_up_sampled_heatmaps_stay_where_they_were() -> None:
    from steadypose.export.models.cpn import _upsample

    def centre(heat: Any) -> float:
        """Along x, in parts of the width, of cells' middles."""
        column = heat.sum((0, 1, 2)) / heat.sum()
        places = (torch.arange(len(column)) + 0.5) / len(column)
        return float((column * places).sum())

    heat = torch.zeros(1, 1, 8, 8)
    heat[..., 4, 3] = 1.0
    for factor in (1, 2, 4, 8):
        large = _upsample(factor)(heat)
        assert large.shape[-1] == 8 * factor
        assert centre(large) == pytest.approx(3.5 / 8, abs=1e-6)


def test_spatial_dropout_leaves_out_whole_feature_maps_and_only_while_training() -> None:
    network = random_network("tompson")
    seen: list[Any] = []
    network.predict.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.inference_mode():
        whole = network(random_crops(1))
        network.spatial_dropout.train()
        torch.manual_seed(0)
        network(random_crops(1))
        network.spatial_dropout.eval()
        assert torch.equal(network(random_crops(1)), whole)
    full, dropped = seen[0][0], seen[1][0]
    is_out = (dropped == 0).all((1, 2)) & (full != 0).any((1, 2))
    assert 200 < int(is_out.sum()) < 312  # of 512, half of them expected
    torch.testing.assert_close(dropped[~is_out], 2 * full[~is_out])


def test_contrast_norm_undoes_brightness_and_contrast() -> None:
    normalise = tompson().normalise.double()
    crops = random_crops(1)
    torch.testing.assert_close(normalise(0.3 * crops + 2.0), normalise(crops))
    flat = normalise(torch.full((1, 3, 16, 16), 4.0, dtype=torch.float64))
    assert flat.abs().max() < 1e-9


def test_the_pyramid_halves_the_picture_without_moving_or_dimming_it() -> None:
    halve = tompson().halve
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    small = halve(ramp)
    assert small.shape == (1, 3, 16, 16)
    assert torch.allclose(small[..., 2:-2, 2:-2], ramp[..., :16, ::2][..., 2:-2, 2:-2])


def test_every_size_of_the_picture_is_looked_at() -> None:
    network = random_network("tompson")
    crops = random_crops(1)
    with torch.inference_mode():
        whole = network(crops)
        for bank in network.banks:
            weight = bank[0].weight
            kept = weight.clone()
            weight.zero_()
            assert (network(crops) - whole).abs().max() > 1e-4
            weight.copy_(kept)


def test_sizes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="1 stages"):
        machine(1)
    for make in (regression, pyramid):
        with pytest.raises(ValueError, match="51"):
            make(51)
