"""Tompson's heatmap ConvNet: banks of convolutions on three scales of the image, summed.

Source: Tompson, Goroshin, Jain, LeCun, Bregler: Efficient Object Localization Using
Convolutional Networks (CVPR 2015, arXiv:1411.4280), section 3 and figure 2: the coarse
heatmap model. Its first author's earlier network (arXiv:1406.2984, section 3.1) is the
same with two scales.

From the paper: a Gaussian pyramid of three levels goes through local contrast
normalisation, with the same window at each level, then through seven stages of
convolutions (the model for FLIC; eleven for MPII), of which the last four act as a fully
connected network on every window. SpatialDropout, which leaves out whole feature maps,
comes before the first 1x1 convolution. Poolings make the heatmaps 4, 8 or 16 times smaller
than the image; 4 is the most exact.

Left open by the paper, and chosen here: no table lists kernels, widths or the
dropout rate. As drawn for the earlier network, three stages of 5x5 with 128 features, the
first two with a 2x2 pooling, one of 9x9 with 512 and three of 1x1 (256, 256, K) make the
seven; levels join by addition before the 1x1 stages, after up-sampling that repeats cells.
The rate is 0.5. Convolutions are padded, so that the heatmaps cover the whole crop. The
paper predates batch norm; here it follows every convolution before the dropout, or
training would need a special recipe. It does not follow later ones, whose inputs vary
less without dropout than with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 3
_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
_WINDOW_RADIUS = 4
_WINDOW_SIGMA = 2.0


class HalveSize(nn.Module):
    """One step of a Gaussian pyramid: blur, then every second pixel."""

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor(_BINOMIAL) / sum(_BINOMIAL)
        kernel = torch.outer(line, line).repeat(3, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H/2, W/2)."""
        return functional.conv2d(x, self.kernel, stride=2, padding=2, groups=3)


class ContrastNorm(nn.Module):
    """Local contrast normalisation: evens out light and shade.

    Subtract from every pixel the mean of the 9x9 window around it, over all colours, and
    divide by the window's standard deviation, or by the image's average deviation if that
    is larger, so that noise in flat areas is not amplified. Windows at the border count
    only what lies inside. Source: Jarrett et al. 2009, What is the Best Multi-Stage
    Architecture for Object Recognition? (local contrast normalisation layer).
    """

    def __init__(self) -> None:
        super().__init__()
        axis = torch.arange(-_WINDOW_RADIUS, _WINDOW_RADIUS + 1, dtype=torch.float32)
        line = torch.exp(-(axis**2) / (2 * _WINDOW_SIGMA**2))
        line /= line.sum()
        self.register_buffer("rows", line.view(1, 1, -1, 1), persistent=False)
        self.register_buffer("columns", line.view(1, 1, 1, -1), persistent=False)

    def _blur(self, x: Tensor) -> Tensor:
        x = functional.conv2d(x, self.rows, padding=(_WINDOW_RADIUS, 0))
        return functional.conv2d(x, self.columns, padding=(0, _WINDOW_RADIUS))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the same shape."""
        covered = self._blur(torch.ones_like(x[:, :1]))
        x = x - self._blur(x.mean(1, keepdim=True)) / covered
        spread = torch.sqrt(self._blur((x * x).mean(1, keepdim=True)) / covered)
        floor = torch.clamp(spread.mean((2, 3), keepdim=True), min=1e-3)
        return x / torch.maximum(spread, floor)


def _unit(in_channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    """Convolution of stride 1, batch norm, ReLU; height and width unchanged."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


def _bank(level: int) -> nn.Sequential:
    """The convolutions of one level of the pyramid, up to the size of the finest."""
    layers = [
        *_unit(3, 128, 5),
        nn.MaxPool2d(2),
        *_unit(128, 128, 5),
        nn.MaxPool2d(2),
        *_unit(128, 128, 5),
        *_unit(128, 512, 9),
    ]
    if level:
        layers.append(nn.Upsample(scale_factor=2**level, mode="nearest"))
    return nn.Sequential(*layers)


class TompsonConvNet(nn.Module):
    """Computes one heatmap per keypoint, at a quarter of the crop's resolution.

    Args:
        keypoints: K, the number of heatmaps.
        dropout: Share of the 512 feature maps that a training step leaves out, 0 to 1.

    Raises:
        ValueError: ``dropout`` lies outside.
    """

    def __init__(self, *, keypoints: int = 17, dropout: float = 0.5) -> None:
        super().__init__()
        self.halve = HalveSize()
        self.normalise = ContrastNorm()
        self.banks = nn.ModuleList(_bank(level) for level in range(_LEVELS))
        self.spatial_dropout = nn.Dropout2d(dropout)
        self.predict = nn.Sequential(
            nn.Conv2d(512, 256, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, keypoints, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats, multiples of 16, to (N, K, H/4, W/4) heatmaps."""
        features = self.banks[0](self.normalise(x))
        for bank in self.banks[1:]:
            x = self.halve(x)
            features = features + bank(self.normalise(x))
        return self.predict(self.spatial_dropout(features))  # type: ignore[no-any-return]
