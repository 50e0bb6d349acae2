"""DeepPose: a ResNet, averaged features, one layer that outputs coordinates.

Source: Toshev, Szegedy: DeepPose: Human Pose Estimation via Deep Neural Networks (CVPR
2014, arXiv:1312.4659), section 3.1. As OpenMMLab ships it (MMPose, Apache-2.0), the
paper's AlexNet is a ResNet (He et al., arXiv:1512.03385), coordinates count from the
crop's corner instead of the box's centre, and the cascade of section 3.2 is left out. Its
published state dicts load with ``strict=True`` once the prefixes are gone, which are
``backbone.`` and ``keypoint_head.`` in MMPose 0.x, ``backbone.`` and ``head.`` in 1.x.
"""

from __future__ import annotations

from torch import Tensor, nn

from steadypose.export.models.resnet import ResNet


class DeepPose(ResNet):
    """Computes keypoint coordinates directly, without heatmaps.

    Coordinates have no score. Crops of any size are accepted, since features are averaged,
    but the weights fit the size they were trained on.

    Args:
        depth: 18, 34, 50, 101 or 152; 50, 101 and 152 are published.
        keypoints: K, the number of keypoints.

    Raises:
        ValueError: An unknown depth.
    """

    def __init__(self, depth: int = 50, *, keypoints: int = 17) -> None:
        super().__init__(depth)
        self.fc = nn.Linear(self.feature_channels[-1], keypoints * 2)
        self._keypoints = keypoints

    def forward(self, x: Tensor) -> Tensor:
        """Find the keypoints of a batch of crops.

        Args:
            x: (N, 3, H, W) normalised floats.

        Returns:
            (N, K, 2): x as a fraction of the crop's width, y of its height. (0, 0) is the
            centre of the top-left pixel, so x in pixels is the fraction times W. Values
            beyond 0 to 1 lie outside the crop.
        """
        x = self.features(x)[-1]
        return self.fc(x.mean((2, 3))).reshape(-1, self._keypoints, 2)  # type: ignore[no-any-return]
