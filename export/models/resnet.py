"""ResNet: the blocks and stages that most pose networks use as backbone.

Source: He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition (CVPR 2016,
arXiv:1512.03385), table 1 and figures 2 and 5. Keys are those of torchvision's weights.
"""

from __future__ import annotations

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet-18 and -34)."""

    expansion = 1

    def __init__(
        self, in_channels: int, planes: int, *, stride: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, planes, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut (ResNet-50 and deeper); the 3x3 carries the stride."""

    expansion = 4

    def __init__(
        self, in_channels: int, planes: int, *, stride: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 4 planes, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)  # type: ignore[no-any-return]


RESNETS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
_PLANES = (64, 128, 256, 512)


def _stage(
    block: type[BasicBlock] | type[Bottleneck], channels: int, planes: int, *, count: int
) -> nn.Sequential:
    out_channels = planes * block.expansion
    stride = 1 if planes == _PLANES[0] else 2
    downsample = None
    if stride != 1 or channels != out_channels:
        downsample = nn.Sequential(
            nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
        )
    blocks = [block(channels, planes, stride=stride, downsample=downsample)]
    blocks += [block(out_channels, planes, stride=1, downsample=None) for _ in range(1, count)]
    return nn.Sequential(*blocks)


def resnet_channels(depth: int) -> tuple[int, ...]:
    """Number of features of each of a ResNet's four stages.

    Args:
        depth: 18, 34, 50, 101 or 152.

    Raises:
        ValueError: An unknown depth.
    """
    if depth not in RESNETS:
        raise ValueError(f"ResNet depth {depth} is not one of {sorted(RESNETS)}")
    return tuple(planes * RESNETS[depth][0].expansion for planes in _PLANES)


def resnet_stages(depth: int) -> tuple[nn.Sequential, ...]:
    """The four stages of a ResNet, which follow its stem.

    Args:
        depth: 18, 34, 50, 101 or 152.

    Returns:
        Modules that map (N, C, H, W) to (N, C', H, W) for the first, and to
        (N, C', H/2, W/2) for the other three. Their keys are those of torchvision's weights
        if they are named layer1 to layer4.

    Raises:
        ValueError: An unknown depth.
    """
    channels = (64, *resnet_channels(depth))
    block, counts = RESNETS[depth]
    return tuple(
        _stage(block, before, planes, count=count)
        for before, planes, count in zip(channels[:-1], _PLANES, counts, strict=True)
    )


class ResNet(nn.Module):
    """A ResNet without its classifier; pose networks add their heads.

    Args:
        depth: 18, 34, 50, 101 or 152.

    Raises:
        ValueError: An unknown depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.feature_channels = resnet_channels(depth)
        """Of the four stages."""
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet_stages(depth)

    def features(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) to (N, C, h, w) of every stage, strides 4, 8, 16 and 32."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        found = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found
