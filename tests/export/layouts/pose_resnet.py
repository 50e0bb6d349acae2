"""Keys and shapes of PoseResNet's published state dicts, from its layer table.

Source: Xiao et al. 2018 (arXiv:1804.06208), section 2, and the ResNet's table 1.
"""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm
from tests.export.layouts.deeppose import resnet


def layout(
    depth: int = 50, keypoints: int = 17, *, filters: int = 256
) -> dict[str, tuple[int, ...]]:
    """Key to shape, bare."""
    shapes = resnet(depth)
    channels = 2048 if depth >= 50 else 512
    for i in (0, 3, 6):
        shapes[f"deconv_layers.{i}.weight"] = (channels, filters, 4, 4)
        shapes.update(batch_norm(f"deconv_layers.{i + 1}", filters))
        channels = filters
    shapes["final_layer.weight"] = (keypoints, filters, 1, 1)
    shapes["final_layer.bias"] = (keypoints,)
    return shapes
