"""MoveNet: MobileNetV2 with a feature pyramid and four heads, at a quarter of the resolution.

Source: Google's MoveNet SinglePose (model card "MoveNet.SinglePose", 2021): CenterNet's heads
(Zhou et al. 2019, arXiv:1904.07850) on MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)
with a feature pyramid (Lin et al. 2017, arXiv:1612.03144). Layers and widths are read from
the published graphs, whose batch norms are folded into the convolutions; nothing
depends on the input size, so any crop in multiples of 32 works.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Per stage of MobileNetV2 (Sandler et al., table 2): blocks, stride of the first.
_STAGES = ((1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1))
_EXPANSION = 6
_LAST = 1280
_TAPS = (9, 5, 2)  # blocks whose outputs feed the pyramid, coarse to fine
_PYRAMID = ((64, 32), (32, 24), (24, 24))
_HEAD = 96


class Heads(NamedTuple):
    """MoveNet's outputs for every cell of a crop.

    Attributes:
        heatmap: (N, K, h, w) logits: this keypoint, of any person, is here.
        center: (N, 1, h, w) logits: the centre of a person is here.
        regress: (N, 2K, h, w) cells: from a person's centre here to the keypoints; y of the
            first keypoint, x of the first, y of the second ...
        offset: (N, 2K, h, w) cells: from this cell's corner to the keypoint in it, likewise.
    """

    heatmap: Tensor
    center: Tensor
    regress: Tensor
    offset: Tensor

    def regress_at(self, cells: Tensor) -> Tensor:
        """(N, K, P, 2) y and x of the regressions in (N, P) cells, flat indices."""
        return _pairs(_pick(self.regress, cells))

    def offset_at(self, cells: Tensor) -> Tensor:
        """(N, K, 2) y and x of each keypoint's offset in its own cell, (N, K) flat indices."""
        return _own(_pairs(_pick(self.offset, cells)))


class SparseHeads(NamedTuple):
    """The same outputs, with regressions and offsets computed only in the requested cells.

    A pose needs one cell of the regressions and K of the offsets; computed everywhere, the
    two maps take a seventh of the network's time.

    Attributes:
        heatmap: As in ``Heads``.
        center: As in ``Heads``.
        features: (N, C, h, w) from which all four heads read.
        regress: The head.
        offset: The head.
    """

    heatmap: Tensor
    center: Tensor
    features: Tensor
    regress: _Head
    offset: _Head

    def regress_at(self, cells: Tensor) -> Tensor:
        """See ``Heads.regress_at``."""
        return _pairs(self.regress.at(self.features, cells))

    def offset_at(self, cells: Tensor) -> Tensor:
        """See ``Heads.offset_at``."""
        return _own(_pairs(self.offset.at(self.features, cells)))


def _pick(maps: Tensor, cells: Tensor) -> Tensor:
    """(N, C, P) values of (N, C, h, w) maps in (N, P) cells."""
    flat = maps.float().flatten(2)
    return flat.gather(2, cells[:, None].expand(-1, flat.shape[1], -1))


def _pairs(values: Tensor) -> Tensor:
    """(N, 2K, P) to (N, K, P, 2): y and x beside each other."""
    return values.unflatten(1, (-1, 2)).transpose(2, 3)


def _own(pairs: Tensor) -> Tensor:
    """(N, K, K, 2) to (N, K, 2): each keypoint's offset in its own cell."""
    k = pairs.shape[1]
    return (pairs * torch.eye(k, device=pairs.device)[None, :, :, None]).sum(2)


class MoveNet(nn.Module):
    """Computes MoveNet's four maps.

    Args:
        stem: Channels after the first convolution.
        widths: Channels of the seven stages.
        keypoints: K.

    Attributes:
        is_sparse: Regressions and offsets are computed only in the requested cells.
    """

    is_sparse = False

    def __init__(self, *, stem: int, widths: Sequence[int], keypoints: int = 17) -> None:
        super().__init__()
        self.stem = _Conv(3, stem, 3, stride=2, act="relu6")
        channels = [stem, *(w for w, (n, _) in zip(widths, _STAGES, strict=True) for _ in range(n))]
        strides = [s if n == 0 else 1 for count, s in _STAGES for n in range(count)]
        self.blocks = nn.ModuleList(
            _Block(into, out, stride=stride, expansion=_EXPANSION if n else 1)
            for n, (into, out, stride) in enumerate(
                zip(channels[:-1], channels[1:], strides, strict=True)
            )
        )
        self.last = _Conv(channels[-1], _LAST, 1, act="relu6")
        self.top = _Conv(_LAST, _PYRAMID[0][0], 1)
        self.laterals = nn.ModuleList(
            _Conv(channels[tap + 1], into, 1)
            for tap, (into, _) in zip(_TAPS, _PYRAMID, strict=True)
        )
        self.pyramid = nn.ModuleList(_Separable(into, out) for into, out in _PYRAMID)
        features = _PYRAMID[-1][1]
        self.heatmap = _Head(features, keypoints)
        self.center = _Head(features, 1)
        self.regress = _Head(features, 2 * keypoints)
        self.offset = _Head(features, 2 * keypoints)

    def forward(self, x: Tensor) -> Heads | SparseHeads:
        """(N, 3, H, W) floats in -1 to 1, RGB, to maps of H/4 by W/4 cells."""
        x = self.stem(x)
        taps = {}
        for n, block in enumerate(self.blocks):
            x = block(x)
            if n in _TAPS:
                taps[n] = x
        x = self.top(self.last(x))
        for tap, lateral, merge in zip(_TAPS, self.laterals, self.pyramid, strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = merge(x + lateral(taps[tap]))
        heatmap, center = self.heatmap(x), self.center(x)
        if self.is_sparse:
            return SparseHeads(heatmap, center, x, self.regress, self.offset)
        return Heads(heatmap, center, self.regress(x), self.offset(x))

    def freeze(self, blocks: int) -> None:
        """Freeze the first layers in training: the stem and this many blocks."""
        for module in (self.stem, *self.blocks[:blocks]):
            module.requires_grad_(requires_grad=False)

    def init_weights(self, *, seed: int) -> None:
        """Random weights with constant activation variance (He et al. 2015), reproducible."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class _Conv(nn.Module):
    """Convolution with TensorFlow's SAME padding: uneven at stride 2."""

    def __init__(
        self, into: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1,
        bias: bool = True, act: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self._is_uneven = stride == 2
        padding = 0 if self._is_uneven else kernel // 2
        self.conv = nn.Conv2d(into, out, kernel, stride, padding, groups=groups, bias=bias)
        self._act = act

    def forward(self, x: Tensor) -> Tensor:
        if self._is_uneven:
            x = functional.pad(x, (0, 1, 0, 1))
        x = self.conv(x)
        if self._act == "relu6":
            return functional.relu6(x)
        return functional.relu(x) if self._act else x


class _Block(nn.Module):
    """Inverted residual."""

    def __init__(self, into: int, out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        inner = into * expansion
        self._is_residual = stride == 1 and into == out
        self.expand = _Conv(into, inner, 1, act="relu6") if expansion > 1 else nn.Identity()
        self.depthwise = _Conv(inner, inner, 3, stride=stride, groups=inner, act="relu6")
        self.project = _Conv(inner, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self._is_residual else y  # type: ignore[no-any-return]


class _Separable(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.depthwise = _Conv(into, into, 3, groups=into, bias=False)
        self.pointwise = _Conv(into, out, 1, act="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))  # type: ignore[no-any-return]


class _Head(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.separable = _Separable(into, _HEAD)
        self.predict = _Conv(_HEAD, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.predict(self.separable(x))  # type: ignore[no-any-return]

    def at(self, features: Tensor, cells: Tensor) -> Tensor:
        """(N, out, P): outputs of ``forward`` in (N, P) cells only.

        Products and sums instead of convolutions, so that all backends treat it as decoding,
        which stays in float32; a table maps cells to indices in the padded map, because
        integer division differs between backends.
        """
        height, width = features.shape[2:]
        table = torch.arange(height * width).reshape(height, width)
        table = (table + 2 * torch.arange(height)[:, None]).flatten().to(features.device)
        taps = torch.tensor([dy * (width + 2) + dx for dy in range(3) for dx in range(3)])
        index = table[cells][..., None] + taps.to(features.device)
        padded = functional.pad(features.float(), (1, 1, 1, 1)).flatten(2)
        channels = padded.shape[1]
        index = index.flatten(1)[:, None].expand(-1, channels, -1)
        patch = padded.gather(2, index).unflatten(2, (-1, 9))
        x = (patch * self.separable.depthwise.conv.weight.view(1, channels, 1, 9)).sum(3)
        x = functional.relu(_product(x, self.separable.pointwise.conv))
        return _product(x, self.predict.conv)


def _product(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A convolution with a kernel of 1 on (N, C, P)."""
    out, into = layer.weight.shape[:2]
    found = (layer.weight.view(1, out, into, 1) * x[:, None]).sum(2)
    return found if layer.bias is None else found + layer.bias[None, :, None]
