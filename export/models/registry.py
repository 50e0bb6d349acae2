"""Every network that can be exported and trained, by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from steadypose.engines.errors import UsageError

if TYPE_CHECKING:  # configs and recipes are also read without torch installed
    from torch import nn


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

PUBLISHED_SOFTNESS = 1.8
"""Softness of MoveNet's decoder, cells; see ``steadypose.export.models.center_decoding``."""


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """How a network is built and what it outputs.

    Attributes:
        module: Of ``steadypose.export.models``; imported on demand.
        factory: Its class.
        arguments: Arguments of the class, before ``keypoints``.
        paper: The publication.
        stride: Crop pixels per heatmap cell.
        multiple: Crop sizes must be multiples of this.
        gives: ``heatmaps`` (N, K, h, w); ``coordinates`` (N, K, 2) as fractions of the
            crop's width and height; or ``heads``, see ``steadypose.export.models.movenet.Heads``.
        mean: Channel means for training here, R, G, B in 0 to 1.
        std: Like ``mean``.
    """

    module: str
    factory: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""
    stride: int = 4
    multiple: int = 32
    gives: Literal["heatmaps", "coordinates", "heads"] = "heatmaps"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


_TOSHEV = "DeepPose: Toshev and Szegedy 2014, arXiv:1312.4659"
_XIAO = "SimpleBaseline: Xiao et al. 2018, arXiv:1804.06208"
_NEWELL = "Stacked Hourglass: Newell et al. 2016, arXiv:1603.06937"
_SUN = "HRNet: Sun et al. 2019, arXiv:1902.09212"
_GOOGLE = "MoveNet SinglePose v4: Google 2021; CenterNet: Zhou et al. 2019, arXiv:1904.07850"
_WEI = "Convolutional Pose Machines: Wei et al. 2016, arXiv:1602.00134"

NETWORKS: dict[str, NetworkKind] = {
    **{
        f"deeppose_resnet{depth}": NetworkKind(
            *("deeppose", "DeepPose", {"depth": depth}), paper=_TOSHEV, gives="coordinates"
        )
        for depth in (50, 101, 152)
    },
    "tompson": NetworkKind(
        *("tompson", "TompsonConvNet"),
        paper="heatmap ConvNet: Tompson et al. 2015, arXiv:1411.4280",
    ),
    **{
        f"cpm{stages}": NetworkKind(
            *("cpm", "ConvolutionalPoseMachine", {"stages": stages}), _WEI, stride=8, multiple=8
        )
        for stages in (3, 6)
    },
    **{
        f"hourglass{stacks}": NetworkKind(
            *("hourglass", "StackedHourglass", {"stacks": stacks}), paper=_NEWELL, multiple=64
        )
        for stacks in (1, 2, 8)
    },
    "hourglass52": NetworkKind(
        *("hourglass52", "Hourglass52"), paper=f"{_NEWELL}, as in OpenMMLab's zoo", multiple=128
    ),
    "cpn50": NetworkKind(
        *("cpn", "CascadedPyramidNetwork", {"depth": 50}),
        paper="Cascaded Pyramid Network: Chen et al. 2018, arXiv:1711.07319",
    ),
    **{
        f"pose_resnet{depth}": NetworkKind("pose_resnet", "PoseResNet", {"depth": depth}, _XIAO)
        for depth in (18, 34, 50, 101, 152)
    },
    **{
        f"hrnet_w{width}": NetworkKind("hrnet", "HRNet", {"width": width}, _SUN)
        for width in (32, 48)
    },
    **{
        f"movenet_{name}": NetworkKind(
            *("movenet", "MoveNet", {"stem": stem, "widths": widths}),
            paper=_GOOGLE,
            gives="heads",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        )
        for name, stem, widths in (
            ("lightning", 32, (16, 24, 32, 64, 96, 160, 320)),
            ("thunder", 56, (32, 40, 56, 112, 168, 280, 560)),
        )
    },
}


def kind_of(network: str) -> NetworkKind:
    """Look up a network.

    Raises:
        UsageError: There is no network of this name.
    """
    if network not in NETWORKS:
        raise UsageError(
            f"there is no network {network!r}", fix=f"choose one of {', '.join(NETWORKS)}"
        )
    return NETWORKS[network]


def make_network(
    network: str, *, keypoints: int, options: Mapping[str, Any] | None = None, seed: int = 0
) -> nn.Module:
    """Build a network with random weights, reproducible by seed.

    Args:
        network: A name of ``NETWORKS``.
        keypoints: K.
        options: Further arguments of its class, such as PoseResNet's ``deconv_filters``.
        seed: Of the weights. torch's own random state (of the CPU) is left unchanged.

    Raises:
        UsageError: There is no such network, or it does not accept the options.
    """
    import torch  # noqa: PLC0415, not needed to look a network up

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        made = _construct(network, keypoints, options or {})
    if hasattr(made, "init_weights"):
        made.init_weights(seed=seed)
    return made


def keypoint_keys(network: str, options: Mapping[str, Any] | None = None) -> set[str]:
    """The tensors whose shape depends on the number of keypoints."""
    import torch  # noqa: PLC0415, not needed to look a network up

    with torch.device("meta"):
        few, more = (_construct(network, k, options or {}).state_dict() for k in (17, 18))
    return {key for key in few if few[key].shape != more[key].shape}


def _construct(network: str, keypoints: int, options: Mapping[str, Any]) -> nn.Module:
    kind = kind_of(network)
    factory = getattr(
        importlib.import_module(f"steadypose.export.models.{kind.module}"), kind.factory
    )
    try:
        made: nn.Module = factory(**kind.arguments, keypoints=keypoints, **options)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{network} cannot be built: {error}", fix="see the class in export/models/"
        ) from error
    return made
