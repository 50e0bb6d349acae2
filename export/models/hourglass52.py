"""Hourglass-52: OpenMMLab's hourglass of plain residual blocks, in one stack.

Source: the idea is Newell, Yang, Deng 2016 (arXiv:1603.06937); these layers are CornerNet's
(Law, Deng 2018, arXiv:1808.01244, section 3.5: strides instead of pooling, five halvings,
channels 256, 384, 384, 384, 512) as MMPose has them (open-mmlab/mmpose, Apache-2.0:
HourglassNet with num_stacks=1 and a head without deconvolutions). Module names are theirs
without the prefixes ``backbone.`` and ``keypoint_head.`` or ``head.``, so those state dicts
load with ``strict=True``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from steadypose.engines.errors import UsageError
from steadypose.export.models.resnet import BasicBlock

CHANNELS = (256, 256, 384, 384, 384, 512)
BLOCKS = (2, 2, 2, 2, 2, 4)


class ConvModule(nn.Module):
    """A convolution without bias, batch norm, ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.activate = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        return self.activate(self.bn(self.conv(x)))  # type: ignore[no-any-return]


def _blocks(in_channels: int, channels: int, *, count: int, stride: int = 1) -> nn.Sequential:
    """``count`` residual blocks; the first one changes channels and resolution."""
    first = _changing_block(in_channels, channels, stride=stride)
    rest = (BasicBlock(channels, channels, stride=1, downsample=None) for _ in range(1, count))
    return nn.Sequential(first, *rest)


def _blocks_then_change(in_channels: int, channels: int, *, count: int) -> nn.Sequential:
    """``count`` residual blocks; the last one changes the channels."""
    before = (
        BasicBlock(in_channels, in_channels, stride=1, downsample=None) for _ in range(1, count)
    )
    return nn.Sequential(*before, _changing_block(in_channels, channels, stride=1))


def _changing_block(in_channels: int, channels: int, *, stride: int) -> BasicBlock:
    downsample = None
    if stride != 1 or in_channels != channels:
        downsample = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
        )
    return BasicBlock(in_channels, channels, stride=stride, downsample=downsample)


class HourglassModule(nn.Module):
    """One scale and, nested in it, all coarser ones.

    Args:
        channels: Of this scale and of each coarser one; two or more.
        blocks: Residual blocks of each scale.
    """

    def __init__(self, channels: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        here, below = channels[0], channels[1]
        self.up1 = _blocks(here, here, count=blocks[0])
        self.low1 = _blocks(here, below, count=blocks[0], stride=2)
        self.low2: nn.Module
        if len(channels) > 2:
            self.low2 = HourglassModule(channels[1:], blocks[1:])
        else:
            self.low2 = _blocks(below, below, count=blocks[1])
        self.low3 = _blocks_then_change(below, here, count=blocks[0])
        self.up2 = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; H, W are multiples of 2 ** (len(channels) - 1)."""
        low = self.low3(self.low2(self.low1(x)))
        return self.up1(x) + self.up2(low)  # type: ignore[no-any-return]


class Hourglass52(nn.Module):
    """Computes one heatmap per keypoint, at a quarter of the crop's resolution.

    93,667,217 parameters for K = 17. MMPose counts 94.85 million because its file also holds
    a residual block (``inters.0``, 1,180,672 parameters) that only a second stack would use;
    it is dropped when such a file is loaded.

    Args:
        keypoints: K, the number of heatmaps.

    Raises:
        UsageError: ``keypoints`` is below 1.
    """

    UNUSED: ClassVar[tuple[str, ...]] = (r"^inters\.",)
    """Keys of published layers between this stack and a second one that does not exist here."""

    def __init__(self, *, keypoints: int = 17) -> None:
        if keypoints < 1:
            raise UsageError(
                f"Hourglass52 for {keypoints} keypoints cannot be built",
                fix="ask for at least one keypoint",
            )
        super().__init__()
        self.stem = nn.Sequential(
            ConvModule(3, 128, 7, stride=2), _blocks(128, CHANNELS[0], count=1, stride=2)
        )
        self.hourglass_modules = nn.ModuleList([HourglassModule(CHANNELS, BLOCKS)])
        self.out_convs = nn.ModuleList([ConvModule(CHANNELS[0], 256, 3)])
        self.multi_final_layers = nn.ModuleList([nn.Conv2d(256, keypoints, 1)])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats, H and W multiples of 128, to (N, K, H/4, W/4)."""
        features = self.out_convs[0](self.hourglass_modules[0](self.stem(x)))
        return self.multi_final_layers[0](features)  # type: ignore[no-any-return]
