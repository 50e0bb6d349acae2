"""Cascaded Pyramid Network: a pyramid for easy keypoints, a second network for hard ones.

Source: Chen, Wang, Peng, Zhang, Yu, Sun: Cascaded Pyramid Network for Multi-Person Pose
Estimation (CVPR 2018, arXiv:1711.07319), section 3.2 and figure 1. Where the paper does not
specify them, the layers follow its first author's code (tf-cpn, MIT), which is written for
TensorFlow; the names here are ours, except that the ResNet's are torchvision's, so that
ImageNet weights load. Three things differ from that code: up-sampling puts cells where
their centres are; a 1x1 convolution beside an up-sampling runs before it, which gives the
same numbers (one mixes channels, the other cells) for a quarter of the work; and that
convolution has no bias, which the finest level's batch norms would take away again.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steadypose.export.models.resnet import ResNet

_FEATURES = 256


def _unit(in_channels: int, out_channels: int, kernel: int = 1) -> list[nn.Module]:
    """Convolution of stride 1 and batch norm; height and width unchanged."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(out_channels)]


def _upsample(factor: int) -> nn.Module:
    """Bilinear up-sampling; identity for a factor of 1."""
    if factor == 1:
        return nn.Identity()
    return nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)


class RefineBlock(nn.Module):
    """A bottleneck that halves the features inside: 1x1, 3x3, 1x1 and a shortcut.

    Args:
        in_channels: If not 256, the shortcut is a 1x1 convolution.
    """

    def __init__(self, in_channels: int = _FEATURES) -> None:
        super().__init__()
        inside = _FEATURES // 2
        self.body = nn.Sequential(
            *_unit(in_channels, inside),
            nn.ReLU(inplace=True),
            *_unit(inside, inside, 3),
            nn.ReLU(inplace=True),
            *_unit(inside, _FEATURES),
        )
        self.shortcut = (
            nn.Identity()
            if in_channels == _FEATURES
            else nn.Sequential(*_unit(in_channels, _FEATURES))
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 256, H, W)."""
        return self.relu(self.body(x) + self.shortcut(x))  # type: ignore[no-any-return]


class GlobalNet(nn.Module):
    """A feature pyramid with heatmaps at each of its four levels (section 3.2.1)."""

    def __init__(self, channels: tuple[int, ...], *, keypoints: int) -> None:
        super().__init__()
        deepest = len(channels) - 1
        self.lateral = nn.ModuleList(
            nn.Sequential(*_unit(count, _FEATURES), nn.ReLU(inplace=True)) for count in channels
        )
        self.merge = nn.ModuleList(
            nn.Sequential(nn.Conv2d(_FEATURES, _FEATURES, 1, bias=False), _upsample(2))
            for _ in range(deepest)
        )
        self.predict = nn.ModuleList(
            nn.Sequential(
                *_unit(_FEATURES, _FEATURES),
                nn.ReLU(inplace=True),
                *_unit(_FEATURES, keypoints, 3),
                _upsample(2**level),
            )
            for level in range(deepest + 1)
        )

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Propagate the deepest features to all levels.

        Args:
            features: Four times (N, C, h, w), the finest first, each half the size of the
                one before it.

        Returns:
            The pyramid, (N, 256, h, w) each, and the heatmaps of its levels, all
            (N, K, h, w) of the finest level; both the finest first.
        """
        pyramid = [self.lateral[-1](features[-1])]
        for level in reversed(range(len(features) - 1)):
            pyramid.insert(0, self.merge[level](pyramid[0]) + self.lateral[level](features[level]))
        return pyramid, [p(x) for p, x in zip(self.predict, pyramid, strict=True)]


class RefineNet(nn.Module):
    """Heatmaps from all levels at once; deeper levels get more layers (section 3.2.2)."""

    def __init__(self, levels: int, *, keypoints: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(RefineBlock() for _ in range(level)), _upsample(2**level))
            for level in range(levels)
        )
        self.fuse = RefineBlock(levels * _FEATURES)
        self.predict = nn.Sequential(*_unit(_FEATURES, keypoints, 3))

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """(N, 256, h, w) per level, the finest first, to (N, K, h, w) of the finest."""
        branches = [b(x) for b, x in zip(self.branches, pyramid, strict=True)]
        return self.predict(self.fuse(torch.cat(branches, 1)))  # type: ignore[no-any-return]


class CascadedPyramidNetwork(ResNet):
    """Computes heatmaps at a quarter of the crop's resolution.

    Args:
        depth: Of the ResNet: 18, 34, 50, 101 or 152; the paper has 50, 101 and others.
        keypoints: K, the number of heatmaps.

    Raises:
        ValueError: An unknown depth.
    """

    def __init__(self, depth: int = 50, *, keypoints: int = 17) -> None:
        super().__init__(depth)
        channels = self.feature_channels
        self.global_net = GlobalNet(channels, keypoints=keypoints)
        self.refine_net = RefineNet(len(channels), keypoints=keypoints)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Find the heatmaps of a batch of crops.

        Args:
            x: (N, 3, H, W) normalised floats, H and W multiples of 32.

        Returns:
            (N, K, H/4, W/4) refined heatmaps. In training mode a list of five: the
            GlobalNet's from the deepest level to the finest, then the refined ones, whose
            loss mines hard keypoints (``hard = 8`` in a training's stage).
        """
        pyramid, heatmaps = self.global_net(self.features(x))
        refined: Tensor = self.refine_net(pyramid)
        return [*reversed(heatmaps), refined] if self.training else refined
