"""Convolutional Pose Machines: stages of large kernels, each refining the heatmaps before it.

Source: Wei, Ramakrishna, Kanade, Sheikh: Convolutional Pose Machines (CVPR 2016,
arXiv:1602.00134), section 3 and figure 2. The layers and key names are those of
OpenMMLab's network (MMPose, Apache-2.0), so its published state dicts load with
``strict=True`` once the prefix ``backbone.`` is gone; its head has no weights. That
network differs from the paper's: batch norm follows every hidden convolution, pooling is
3x3, and neither a background heatmap nor the centre map of figure 2 exists, since the
crop already determines the person.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

_FEATURES = 128
_IMAGE_FEATURES = 32


def _unit(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Convolution of stride 1, batch norm, ReLU; height and width unchanged."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    parts = [("conv", conv), ("bn", nn.BatchNorm2d(out_channels)), ("activate", nn.ReLU())]
    return nn.Sequential(OrderedDict(parts))


def _predict(in_channels: int, keypoints: int) -> nn.Sequential:
    """The 1x1 convolution that outputs heatmaps."""
    return nn.Sequential(OrderedDict([("conv", nn.Conv2d(in_channels, keypoints, 1))]))


def _downsample() -> list[nn.Module]:
    """Three 9x9 convolutions with a pooling after each: an image to an eighth of its size."""
    layers: list[nn.Module] = []
    for channels in (3, _FEATURES, _FEATURES):
        layers += [_unit(channels, _FEATURES, 9), nn.MaxPool2d(3, 2, 1)]
    return layers


def _context(keypoints: int) -> nn.Sequential:
    """Three 11x11 convolutions, which see most of the person around a cell."""
    channels = (_IMAGE_FEATURES + keypoints, _FEATURES, _FEATURES)
    units = nn.Sequential(*(_unit(before, _FEATURES, 11) for before in channels))
    return nn.Sequential(OrderedDict([("model", units)]))


class ConvolutionalPoseMachine(nn.Module):
    """Computes heatmaps in every stage, at an eighth of the crop's resolution.

    The first stage sees the image only. Each later one sees features of the image
    (which all later stages share up to their last convolution) and the heatmaps of the
    stage before it. Training supervises all of them (section 3.3), because gradients would not
    otherwise reach the first.

    Args:
        stages: 2 or more. The paper and the published weights use 6; 3 are faster.
        keypoints: K, the number of heatmaps.

    Raises:
        ValueError: Fewer than two stages.
    """

    def __init__(self, stages: int, *, keypoints: int = 17) -> None:
        if stages < 2:
            raise ValueError(
                f"a pose machine of {stages} stages has nothing to refine; give 2 or more"
            )
        super().__init__()
        self.stem = nn.Sequential(
            *_downsample(),
            _unit(_FEATURES, 32, 5),
            _unit(32, 512, 9),
            _unit(512, 512, 1),
            _predict(512, keypoints),
        )
        self.middle = nn.Sequential(*_downsample())
        later = range(stages - 1)
        self.cpm_stages = nn.ModuleList(_context(keypoints) for _ in later)
        self.middle_conv = nn.ModuleList(
            nn.Sequential(_unit(_FEATURES, _IMAGE_FEATURES, 5)) for _ in later
        )
        self.out_convs = nn.ModuleList(
            nn.Sequential(_unit(_FEATURES, _FEATURES, 1), _predict(_FEATURES, keypoints))
            for _ in later
        )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Find the heatmaps of a batch of crops.

        Args:
            x: (N, 3, H, W) normalised floats, H and W multiples of 8.

        Returns:
            (N, K, H/8, W/8) heatmaps of the last stage; in training mode a list of them,
            one per stage in order.
        """
        picture = self.middle(x)
        heatmaps = [self.stem(x)]
        for features, context, predict in zip(
            self.middle_conv, self.cpm_stages, self.out_convs, strict=True
        ):
            seen = torch.cat((heatmaps[-1], features(picture)), 1)
            heatmaps.append(predict(context(seen)))
        return heatmaps if self.training else heatmaps[-1]
