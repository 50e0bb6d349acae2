"""The parts of a model file around the network: preprocessing, flip test, decoding.

Everything is written with operators that ONNX Runtime, OpenVINO and TensorRT 8.5 to
11 all accept: the first node is a Cast, indices stay floats, and TopK replaces
ArgMax, so no integer division appears.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from steadypose.export.models.registry import IMAGENET_MEAN, IMAGENET_STD

Refine = Literal["quarter", "dark", "none"]
Cells = Literal["half", "corner"]


class Preprocess(nn.Module):
    """Normalise camera crops as in the network's training.

    Args:
        colour: Channel order of the network's input.
        mean: Per channel, in the network's own order, for values in 0 to 1.
        std: Like ``mean``.
    """

    def __init__(
        self,
        *,
        colour: Literal["rgb", "bgr"] = "rgb",
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self._is_rgb = colour == "rgb"
        scale = torch.tensor([1.0 / (255.0 * s) for s in std])
        shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)])
        self.register_buffer("scale", scale.view(1, 3, 1, 1))
        self.register_buffer("shift", shift.view(1, 3, 1, 1))

    def forward(self, crops: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 BGR to (N, 3, H, W) float32."""
        x = crops.to(torch.float32).permute(0, 3, 1, 2)
        if self._is_rgb:
            x = torch.flip(x, (1,))
        return x * self.scale + self.shift


class FlipTest(nn.Module):
    """Average the heatmaps of a crop and of its mirror image.

    Args:
        network: (N, 3, H, W) to (N, K, h, w).
        flip_order: For each keypoint, the index of its mirror counterpart.
        cells: With ``corner`` cells the mirrored heatmap lies one cell off and is
            shifted back, as in the published evaluation code.
        gives: Kind of output; ``coordinates`` are averaged after mirroring about the
            middle, as OpenMMLab evaluates DeepPose.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        flip_order: Sequence[int],
        cells: Cells,
        gives: Literal["heatmaps", "coordinates"] = "heatmaps",
    ) -> None:
        super().__init__()
        self._gives = gives
        self.network = network
        self._shift = cells == "corner"
        self.register_buffer("order", torch.tensor(flip_order, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the network's output."""
        both = self.network(torch.cat((x, torch.flip(x, (3,))), 0))
        count = x.shape[0]
        straight, mirrored = both[:count], both[count:]
        if self._gives == "coordinates":
            mirrored = mirrored[:, self.order]
            mirrored = torch.cat((1.0 - mirrored[..., :1], mirrored[..., 1:]), 2)
            return (straight + mirrored) * 0.5
        mirrored = torch.flip(mirrored, (3,))[:, self.order]
        if self._shift:
            mirrored = torch.cat((mirrored[..., :1], mirrored[..., :-1]), 3)
        return (straight + mirrored) * 0.5


class Decode(nn.Module):
    """Convert heatmaps to keypoints in crop pixels, with the peak as score.

    Args:
        keypoints: K.
        heatmap_hw: Height and width of the heatmaps, cells.
        stride: Crop pixels per cell.
        refine: ``quarter`` moves the arg-max a quarter cell towards its higher
            neighbour (Xiao et al. 2018); ``dark`` fits a Gaussian around it (Zhang
            et al. 2020, arXiv:1910.06278, equations 4 to 8); ``none`` leaves it.
        cells: Where cell i lies: ``half`` at (i + 0.5) * stride - 0.5 crop pixels,
            ``corner`` at i * stride, as the published code has it.
        sigma: Standard deviation of the training targets, cells (``dark`` blurs by it).
    """

    def __init__(
        self,
        *,
        keypoints: int,
        heatmap_hw: tuple[int, int],
        stride: int,
        refine: Refine,
        cells: Cells,
        sigma: float = 2.0,
    ) -> None:
        super().__init__()
        self._hw = heatmap_hw
        self._stride = stride
        self._refine = refine
        self._offset = (stride - 1) / 2 if cells == "half" else 0.0
        self._keypoints = keypoints
        radius = math.ceil(2 * sigma)
        axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
        line = torch.exp(-(axis**2) / (2 * sigma**2))
        line /= line.sum()
        self._radius = radius
        self.register_buffer("blur_v", line.view(1, 1, -1, 1).repeat(keypoints, 1, 1, 1))
        self.register_buffer("blur_h", line.view(1, 1, 1, -1).repeat(keypoints, 1, 1, 1))

    def forward(self, heatmaps: Tensor) -> Tensor:
        """(N, K, h, w) to (N, K, 3): x, y in crop pixels, score in [0, 1]."""
        width = self._hw[1]
        flat = heatmaps.to(torch.float32).flatten(2)
        peak, index = torch.topk(flat, 1, dim=2)
        cell = index.to(torch.float32)
        y = torch.floor((cell + 0.5) / width)
        x = cell - y * width
        if self._refine == "quarter":
            x, y = self._quarter(flat, x, y)
        elif self._refine == "dark":
            x, y = self._dark(heatmaps.to(torch.float32), x, y)
        score = torch.clamp(peak, 0.0, 1.0)
        return torch.cat(
            (x * self._stride + self._offset, y * self._stride + self._offset, score), 2
        )

    def _quarter(self, flat: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        height, width = self._hw
        left, right = torch.clamp(x - 1, min=0), torch.clamp(x + 1, max=width - 1)
        up, down = torch.clamp(y - 1, min=0), torch.clamp(y + 1, max=height - 1)
        cells = torch.cat(
            (y * width + right, y * width + left, down * width + x, up * width + x), 2
        )
        near = flat.gather(2, cells.to(torch.int64))
        # As published: only if both axes are inside, by two cells low and one cell high.
        inside = ((x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)).to(torch.float32)
        dx = torch.sign(near[..., 0:1] - near[..., 1:2]) * inside
        dy = torch.sign(near[..., 2:3] - near[..., 3:4]) * inside
        return x + 0.25 * dx, y + 0.25 * dy

    def _dark(self, heatmaps: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        height, width = self._hw
        r, k = self._radius, self._keypoints
        smooth = functional.conv2d(heatmaps, self.blur_v, padding=(r, 0), groups=k)
        smooth = functional.conv2d(smooth, self.blur_h, padding=(0, r), groups=k)
        flat = torch.log(torch.clamp(smooth, min=1e-6)).flatten(2)
        cx, cy = torch.clamp(x, 2, width - 3), torch.clamp(y, 2, height - 3)
        steps = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (-2, 0), (0, 2), (0, -2))
        corners = ((1, 1), (-1, -1), (1, -1), (-1, 1))
        cells = torch.cat([(cy + dy) * width + cx + dx for dx, dy in (*steps, *corners)], 2)
        near = flat.gather(2, cells.to(torch.int64))
        v = [near[..., i : i + 1] for i in range(13)]  # not split: it differs before opset 18
        gx, gy = 0.5 * (v[1] - v[2]), 0.5 * (v[3] - v[4])
        hxx = 0.25 * (v[5] - 2 * v[0] + v[6])
        hyy = 0.25 * (v[7] - 2 * v[0] + v[8])
        hxy = 0.25 * (v[9] + v[10] - v[11] - v[12])
        det = hxx * hyy - hxy * hxy
        # Only a true maximum (negative definite Hessian) well inside the map is refined.
        good = (det > 1e-6) & (hxx < 0) & (x == cx) & (y == cy)
        safe = torch.where(good, det, torch.ones_like(det))
        dx = torch.clamp((hxy * gy - hyy * gx) / safe, -1.0, 1.0)
        dy = torch.clamp((hxy * gx - hxx * gy) / safe, -1.0, 1.0)
        used = good.to(torch.float32)
        return x + dx * used, y + dy * used


class Coordinates(nn.Module):
    """Convert coordinates from a network without heatmaps to keypoints in crop pixels.

    Such a network outputs no confidence: the score is 1 inside the crop and 0
    outside it.

    Args:
        input_hw: Crop height and width, pixels.
    """

    def __init__(self, *, input_hw: tuple[int, int]) -> None:
        super().__init__()
        height, width = input_hw
        self.register_buffer("size_xy", torch.tensor([float(width), float(height)]))

    def forward(self, found: Tensor) -> Tensor:
        """(N, K, 2) fractions of width and height to (N, K, 3): x, y in pixels, score."""
        found = found.to(torch.float32)
        off = (found - 0.5).abs().amax(dim=2, keepdim=True)
        score = (off <= 0.5).to(torch.float32)
        return torch.cat((found * self.size_xy, score), 2)


class PoseModel(nn.Module):
    """Everything between uint8 crops and keypoints, as one module to export."""

    def __init__(self, preprocess: Preprocess, network: nn.Module, decode: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network
        self.decode = decode

    def forward(self, crops: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 BGR to (N, K, 3) float32, or K rows more for each further person."""
        return self.decode(self.network(self.preprocess(crops)))  # type: ignore[no-any-return]
