"""PoseResNet: a ResNet, three deconvolutions, one prediction layer.

Source: Xiao, Wu, Wei: Simple Baselines for Human Pose Estimation and Tracking
(ECCV 2018, arXiv:1804.06208), section 2; ResNet: He et al. (arXiv:1512.03385).
Module names follow the key names of the published checkpoints, so those state
dicts load with ``strict=True``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
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


class PoseResNet(nn.Module):
    """Picture in, one heatmap per keypoint out, at a quarter of the resolution.

    Args:
        depth: 18, 34, 50, 101 or 152.
        keypoints: K, the number of heatmaps.
        deconv_filters: Channels of each deconvolution (kernel 4, stride 2); the
            published networks use (256, 256, 256).
        final_kernel: 1 or 3, kernel of the prediction layer.

    Raises:
        ValueError: An unknown depth or final kernel.
    """

    def __init__(
        self,
        depth: int,
        *,
        keypoints: int = 17,
        deconv_filters: Sequence[int] = (256, 256, 256),
        final_kernel: int = 1,
    ) -> None:
        if depth not in RESNETS:
            raise ValueError(f"PoseResNet depth {depth} is not one of {sorted(RESNETS)}")
        if final_kernel not in {1, 3}:
            raise ValueError(f"final_kernel {final_kernel} is not 1 or 3")
        super().__init__()
        block, counts = RESNETS[depth]
        self._channels = 64
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(block, 64, counts[0], stride=1)
        self.layer2 = self._stage(block, 128, counts[1], stride=2)
        self.layer3 = self._stage(block, 256, counts[2], stride=2)
        self.layer4 = self._stage(block, 512, counts[3], stride=2)
        deconv: list[nn.Module] = []
        for filters in deconv_filters:
            deconv += [
                nn.ConvTranspose2d(self._channels, filters, 4, 2, 1, bias=False),
                nn.BatchNorm2d(filters),
                nn.ReLU(inplace=True),
            ]
            self._channels = filters
        self.deconv_layers = nn.Sequential(*deconv)
        self.final_layer = nn.Conv2d(
            self._channels, keypoints, final_kernel, padding=final_kernel // 2
        )

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, count: int, *, stride: int
    ) -> nn.Sequential:
        out_channels = planes * block.expansion
        downsample = None
        if stride != 1 or self._channels != out_channels:
            downsample = nn.Sequential(
                nn.Conv2d(self._channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        blocks = [block(self._channels, planes, stride=stride, downsample=downsample)]
        self._channels = out_channels
        blocks += [block(out_channels, planes, stride=1, downsample=None) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats to (N, K, H/4, W/4) heatmaps."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.final_layer(self.deconv_layers(x))  # type: ignore[no-any-return]

    def init_weights(self, *, seed: int) -> None:
        """Random weights as the paper's code starts from, reproducibly.

        Convolutions and deconvolutions: normal with standard deviation 0.001;
        batch norm: 1 and 0.
        """
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.001, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
