"""DeepPose as OpenMMLab publishes it (deeppose_res50_coco_256x192 and others)."""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def resnet(depth: int) -> dict[str, tuple[int, ...]]:
    """A ResNet without its last layer, as torchvision names it (He et al. 2015, table 1)."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7), **batch_norm("bn1", 64)}
    wide = depth >= 50
    channels = 64
    for stage, count in enumerate(BLOCKS[depth], start=1):
        planes = (64, 128, 256, 512)[stage - 1]
        out = 4 * planes if wide else planes
        for block in range(count):
            name = f"layer{stage}.{block}"
            if wide:
                kernels = [(planes, channels, 1), (planes, planes, 3), (out, planes, 1)]
            else:
                kernels = [(planes, channels, 3), (planes, planes, 3)]
            for i, (after, before, kernel) in enumerate(kernels, start=1):
                shapes[f"{name}.conv{i}.weight"] = (after, before, kernel, kernel)
                shapes |= batch_norm(f"{name}.bn{i}", after)
            if channels != out:
                shapes[f"{name}.downsample.0.weight"] = (out, channels, 1, 1)
                shapes |= batch_norm(f"{name}.downsample.1", out)
            channels = out
    return shapes


def layout(depth: int = 50, keypoints: int = 17) -> dict[str, tuple[int, ...]]:
    """Key to shape, without the prefixes ``backbone.`` and ``keypoint_head.``/``head.``."""
    features = 2048 if depth >= 50 else 512
    return {
        **resnet(depth),
        "fc.weight": (2 * keypoints, features),
        "fc.bias": (2 * keypoints,),
    }
