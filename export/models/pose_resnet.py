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

from steadypose.export.models.resnet import ResNet


class PoseResNet(ResNet):
    """Computes one heatmap per keypoint, at a quarter of the crop's resolution.

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
        if final_kernel not in {1, 3}:
            raise ValueError(f"final_kernel {final_kernel} is not 1 or 3")
        super().__init__(depth)
        channels = self.feature_channels[-1]
        deconv: list[nn.Module] = []
        for filters in deconv_filters:
            deconv += [
                nn.ConvTranspose2d(channels, filters, 4, 2, 1, bias=False),
                nn.BatchNorm2d(filters),
                nn.ReLU(inplace=True),
            ]
            channels = filters
        self.deconv_layers = nn.Sequential(*deconv)
        self.final_layer = nn.Conv2d(channels, keypoints, final_kernel, padding=final_kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised floats to (N, K, H/4, W/4) heatmaps."""
        return self.final_layer(self.deconv_layers(self.features(x)[-1]))  # type: ignore[no-any-return]

    def init_weights(self, *, seed: int) -> None:
        """Random initial weights as in the paper's code, reproducible.

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
