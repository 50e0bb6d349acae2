"""HRNet: a high-resolution branch that repeatedly exchanges features with coarser ones.

Source: Sun, Xiao, Liu, Wang: Deep High-Resolution Representation Learning for Human Pose
Estimation (CVPR 2019, arXiv:1902.09212), section 3 and figure 1. Module names are those of
the authors' code (leoxiaobin/deep-high-resolution-net.pytorch, MIT), which MMPose keeps
behind the prefixes ``backbone.`` and ``keypoint_head.`` or ``head.``; both kinds of state
dicts load with ``strict=True``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from steadypose.engines.errors import UsageError
from steadypose.export.models.resnet import BasicBlock, Bottleneck

WIDTHS = (32, 48)
BLOCKS = 4
"""Residual blocks of every branch of every module."""


def _conv(in_channels: int, channels: int, *, stride: int, has_relu: bool) -> nn.Sequential:
    """A 3x3 convolution, batch norm and optionally ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]
    if has_relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _exchange(widths: Sequence[int], *, source: int, target: int) -> nn.Module:
    """Connection from one branch to another: section 3, "repeated multi-scale fusion".

    To a finer branch a 1x1 convolution and nearest up-sampling; to a coarser one a 3x3
    convolution of stride 2 per halving, the last one without ReLU; to itself unchanged.
    """
    if source == target:
        return nn.Identity()
    have, want = widths[source], widths[target]
    if source > target:
        return nn.Sequential(
            nn.Conv2d(have, want, 1, bias=False),
            nn.BatchNorm2d(want),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    between = [_conv(have, have, stride=2, has_relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*between, _conv(have, want, stride=2, has_relu=False))


class HighResolutionModule(nn.Module):
    """Residual blocks in every branch, then every output is a sum over all branches.

    Args:
        widths: Channels of each branch, finest first.
        outputs: Number of branches computed at the end, finest first.
    """

    def __init__(self, widths: Sequence[int], *, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                *(BasicBlock(width, width, stride=1, downsample=None) for _ in range(BLOCKS))
            )
            for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(
                _exchange(widths, source=source, target=target) for source in range(len(widths))
            )
            for target in range(outputs)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """One (N, widths[i], H / 2 ** i, W / 2 ** i) per branch to the same of each output."""
        ys = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for row in self.fuse_layers:
            terms = [layer(y) for layer, y in zip(row, ys, strict=True)]
            fused.append(self.relu(sum(terms[1:], terms[0])))
        return fused


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """Transition from one stage's branches to those of the next, which has one more.

    Branches keep their tensor, or get new channels if the widths differ (after the
    first stage); the additional one is the coarsest, halved.
    """
    steps: list[nn.Module] = [
        nn.Identity() if have == want else _conv(have, want, stride=1, has_relu=True)
        for have, want in zip(before, after[:-1], strict=True)
    ]
    steps.append(nn.Sequential(_conv(before[-1], after[-1], stride=2, has_relu=True)))
    return nn.ModuleList(steps)


def _stage(widths: Sequence[int], *, modules: int, outputs: int) -> nn.Sequential:
    """``modules`` exchange modules; only the last may leave out coarse outputs."""
    inner = [HighResolutionModule(widths, outputs=len(widths)) for _ in range(modules - 1)]
    return nn.Sequential(*inner, HighResolutionModule(widths, outputs=outputs))


class HRNet(nn.Module):
    """Computes one heatmap per keypoint, at a quarter of the crop's resolution.

    28,536,113 parameters with width 32 and 63,595,745 with width 48 for K = 17 (the paper's
    table 1 has 28.5 and 63.6 million).

    Args:
        width: Channels of the finest branch, 32 or 48; each coarser one has twice as many.
        keypoints: K, the number of heatmaps.

    Raises:
        UsageError: ``width`` is not published, or ``keypoints`` is below 1.
    """

    def __init__(self, width: int, *, keypoints: int = 17) -> None:
        if width not in WIDTHS or keypoints < 1:
            raise UsageError(
                f"an HRNet of width {width} for {keypoints} keypoints cannot be built",
                fix=f"choose a width of {WIDTHS} and at least one keypoint",
            )
        super().__init__()
        widths = [width * 2**i for i in range(4)]
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        widen = nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.BatchNorm2d(256))
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64, stride=1, downsample=widen),
            *(Bottleneck(256, 64, stride=1, downsample=None) for _ in range(1, BLOCKS)),
        )
        self.transition1 = _transition([256], widths[:2])
        self.stage2 = _stage(widths[:2], modules=1, outputs=2)
        self.transition2 = _transition(widths[:2], widths[:3])
        self.stage3 = _stage(widths[:3], modules=4, outputs=3)
        self.transition3 = _transition(widths[:3], widths)
        self.stage4 = _stage(widths, modules=3, outputs=1)
        self.final_layer = nn.Conv2d(width, keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats, multiples of 32, to (N, K, H/4, W/4) heatmaps."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        ys = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            coarsest = len(ys) - 1
            ys = stage([step(ys[min(i, coarsest)]) for i, step in enumerate(transition)])
        return self.final_layer(ys[0])  # type: ignore[no-any-return]
