"""Convolutional Pose Machines as OpenMMLab publishes them (cpm_coco_256x192 and others)."""

from __future__ import annotations

# What follows the name of a convolution with batch norm, and whether it counts channels.
PARTS = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")


def layout(stages: int = 6, keypoints: int = 17) -> dict[str, tuple[int, ...]]:
    """Key to shape, without the prefix ``backbone.``; the head has no weights.

    Numbers in a name count poolings too, so the stem's convolutions are 0, 2, 4, 6 to 9.
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def unit(name: str, out: int, before: int, kernel: int) -> None:
        shapes[f"{name}.conv.weight"] = (out, before, kernel, kernel)
        for part in PARTS:
            shapes[f"{name}.{part}"] = (out,)
        shapes[f"{name}.bn.num_batches_tracked"] = ()

    def prediction(name: str, before: int) -> None:
        shapes[f"{name}.conv.weight"] = (keypoints, before, 1, 1)
        shapes[f"{name}.conv.bias"] = (keypoints,)

    for column in ("stem", "middle"):
        unit(f"{column}.0", 128, 3, 9)
        unit(f"{column}.2", 128, 128, 9)
        unit(f"{column}.4", 128, 128, 9)
    unit("stem.6", 32, 128, 5)
    unit("stem.7", 512, 32, 9)
    unit("stem.8", 512, 512, 1)
    prediction("stem.9", 512)
    for later in range(stages - 1):
        unit(f"cpm_stages.{later}.model.0", 128, 32 + keypoints, 11)
        unit(f"cpm_stages.{later}.model.1", 128, 128, 11)
        unit(f"cpm_stages.{later}.model.2", 128, 128, 11)
        unit(f"middle_conv.{later}.0", 32, 128, 5)
        unit(f"out_convs.{later}.0", 128, 128, 1)
        prediction(f"out_convs.{later}.1", 128)
    return shapes
