"""Stacked Hourglass: the same U-shaped network repeated, each refining the previous one.

Source: Newell, Yang, Deng: Stacked Hourglass Networks for Human Pose Estimation
(ECCV 2016, arXiv:1603.06937), section 3, figures 3 and 4. Module names are those of the
authors' own PyTorch code (princeton-vl/pytorch_stacked_hourglass, BSD-3-Clause), so its
checkpoints load with ``strict=True``. Their training used RGB divided by 255, without
mean and standard deviation, and crops of 256 x 256.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from steadypose.engines.errors import UsageError

FEATURES = 256
DEPTH = 4


class Conv(nn.Module):
    """A convolution with bias that keeps the size, or halves it with stride 2.

    Args:
        in_channels: Of the input.
        channels: Of the output.
        kernel: 1, 3 or 7.
        stride: 1 or 2.
        has_norm: Whether batch norm and ReLU follow.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        has_norm: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2)
        self.bn = nn.BatchNorm2d(channels) if has_norm else nn.Identity()
        self.relu = nn.ReLU(inplace=True) if has_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H/stride, W/stride)."""
        return self.relu(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """Figure 4, left: 1x1, 3x3 and 1x1 convolutions beside a shortcut.

    Batch norm and ReLU come before each convolution and nothing comes after the sum (the
    pre-activation of He et al. 2016, arXiv:1603.05027). The middle has half the channels.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.relu = nn.ReLU(inplace=True)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = Conv(in_channels, half, 1)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = Conv(half, half, 3)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv3 = Conv(half, channels, 1)
        self._has_skip = in_channels != channels
        if self._has_skip:
            self.skip_layer = Conv(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H, W)."""
        shortcut = self.skip_layer(x) if self._has_skip else x
        y = self.conv1(self.relu(self.bn1(x)))
        y = self.conv2(self.relu(self.bn2(y)))
        return self.conv3(self.relu(self.bn3(y))) + shortcut  # type: ignore[no-any-return]


class Hourglass(nn.Module):
    """Figure 3: halve the resolution ``depth`` times, and add each scale back going up."""

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.up1 = Residual(channels, channels)
        self.pool1 = nn.MaxPool2d(2, 2)
        self.low1 = Residual(channels, channels)
        self.low2 = Hourglass(depth - 1, channels) if depth > 1 else Residual(channels, channels)
        self.low3 = Residual(channels, channels)
        self.up2 = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; H and W are multiples of 2 ** depth."""
        low = self.low3(self.low2(self.low1(self.pool1(x))))
        return self.up1(x) + self.up2(low)  # type: ignore[no-any-return]


class Merge(nn.Module):
    """A 1x1 convolution on the way into the next stack (figure 4, right)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = Conv(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H, W)."""
        return self.conv(x)  # type: ignore[no-any-return]


class StackedHourglass(nn.Module):
    """Computes one heatmap per keypoint in every stack, at a quarter of the crop's size.

    Parameters, for K = 16: 3,426,448 in one stack, 6,570,400 in two, 25,434,112 in eight;
    layers that the published code builds but never uses are not counted.

    Args:
        stacks: 1 to 8; published are 2 and 8.
        keypoints: K, the number of heatmaps.

    Raises:
        UsageError: ``stacks`` or ``keypoints`` is out of range.
    """

    UNUSED: ClassVar[tuple[str, ...]] = (r"\.skip_layer\.",)
    """Keys of layers that the published code builds in every block but calls in few."""

    def __init__(self, stacks: int, *, keypoints: int = 16) -> None:
        if not 1 <= stacks <= 8 or keypoints < 1:
            raise UsageError(
                f"a Stacked Hourglass of {stacks} stacks for {keypoints} keypoints cannot be built",
                fix="choose 1 to 8 stacks (published: 2 and 8) and at least one keypoint",
            )
        super().__init__()
        width, between = FEATURES, range(stacks - 1)
        self.pre = nn.Sequential(
            Conv(3, 64, 7, stride=2, has_norm=True),
            Residual(64, 128),
            nn.MaxPool2d(2, 2),
            Residual(128, 128),
            Residual(128, width),
        )
        self.hgs = nn.ModuleList(nn.Sequential(Hourglass(DEPTH, width)) for _ in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(width, width), Conv(width, width, 1, has_norm=True))
            for _ in range(stacks)
        )
        self.outs = nn.ModuleList(Conv(width, keypoints, 1) for _ in range(stacks))
        self.merge_features = nn.ModuleList(Merge(width, width) for _ in between)
        self.merge_preds = nn.ModuleList(Merge(keypoints, width) for _ in between)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """(N, 3, H, W) normalised floats, H and W multiples of 64, to heatmaps.

        Returns:
            In training mode, and with more than one stack, the (N, K, H/4, W/4) heatmaps
            of every stack, first to last (section 3.3, intermediate supervision); else
            those of the last one.
        """
        x = self.pre(x)
        stages: list[Tensor] = []
        for i, (hourglass, head, out) in enumerate(
            zip(self.hgs, self.features, self.outs, strict=True)
        ):
            features = head(hourglass(x))
            stages.append(out(features))
            if i < len(self.merge_preds):
                x = x + self.merge_preds[i](stages[-1]) + self.merge_features[i](features)
        return stages if self.training and len(stages) > 1 else stages[-1]
