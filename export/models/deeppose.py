"""DeepPose: a ResNet, its features averaged, one layer that gives coordinates.

Source: Toshev, Szegedy: DeepPose: Human Pose Estimation via Deep Neural Networks (CVPR
2014, arXiv:1312.4659), section 3.1. As OpenMMLab ships it (MMPose, Apache-2.0), the
paper's AlexNet is a ResNet (He et al., arXiv:1512.03385), coordinates count from the
crop's corner instead of the box's centre, and the cascade of section 3.2 is left out. Its
published state dicts load with ``strict=True`` once the prefixes are gone, which are
``backbone.`` and ``keypoint_head.`` in MMPose 0.x, ``backbone.`` and ``head.`` in 1.x.
"""

from __future__ import annotations

from torch import Tensor, nn

from export.models.resnet import resnet_channels, resnet_stages


class DeepPose(nn.Module):
    """Picture in, places of the keypoints out, without heatmaps.

    Places carry no score: the network says where, not how sure it is. A crop of any size
    can go in, since features are averaged, but the weights know the size of their training.

    Args:
        depth: 18, 34, 50, 101 or 152; 50, 101 and 152 are published.
        keypoints: K, the number of places.

    Raises:
        ValueError: An unknown depth.
    """

    def __init__(self, depth: int = 50, *, keypoints: int = 17) -> None:
        channels = resnet_channels(depth)
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet_stages(depth)
        self.fc = nn.Linear(channels[-1], keypoints * 2)
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
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3))).reshape(-1, self._keypoints, 2)  # type: ignore[no-any-return]
