"""Hourglass-52 of MMPose, one stack, without the prefixes of backbone and head.

Checked against mmpose/models/backbones/hourglass.py and resnet.py (BasicBlock, ResLayer),
mmcv/cnn/bricks/conv_module.py, the two multi-stage heads (0.x and 1.x have the same names)
and the configuration hourglass52_coco_256x256.py.
"""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm

Shapes = dict[str, tuple[int, ...]]


def layout(*, keypoints: int = 17, has_unused: bool = False) -> Shapes:
    """Key to shape of a checkpoint.

    ``has_unused`` adds what lies in the published files and takes no part: ``inters.0``, a
    block between this stack and a second one that is not there.
    """
    shapes: Shapes = {}

    def conv(name: str, out: int, before: int, kernel: int) -> None:
        shapes[f"{name}.weight"] = (out, before, kernel, kernel)

    def bn(name: str, channels: int) -> None:
        shapes.update(batch_norm(name, channels))

    def block(name: str, before: int, out: int, *, has_downsample: bool) -> None:
        for i, have in ((1, before), (2, out)):
            conv(f"{name}.conv{i}", out, have, 3)
            bn(f"{name}.bn{i}", out)
        if has_downsample:
            conv(f"{name}.downsample.0", out, before, 1)
            bn(f"{name}.downsample.1", out)

    conv("stem.0.conv", 128, 3, 7)
    bn("stem.0.bn", 128)
    block("stem.1.0", 128, 256, has_downsample=True)

    name = "hourglass_modules.0"
    for here, below in ((256, 256), (256, 384), (384, 384), (384, 384), (384, 512)):
        block(f"{name}.up1.0", here, here, has_downsample=False)
        block(f"{name}.up1.1", here, here, has_downsample=False)
        # Down: the first of the two blocks has the stride, so always a downsample.
        block(f"{name}.low1.0", here, below, has_downsample=True)
        block(f"{name}.low1.1", below, below, has_downsample=False)
        # Up: the last of the two changes the channels, where there is a change.
        block(f"{name}.low3.0", below, below, has_downsample=False)
        block(f"{name}.low3.1", below, here, has_downsample=below != here)
        name += ".low2"
    for i in range(4):
        block(f"{name}.{i}", 512, 512, has_downsample=False)

    if has_unused:
        block("inters.0", 256, 256, has_downsample=False)
    conv("out_convs.0.conv", 256, 256, 3)
    bn("out_convs.0.bn", 256)
    conv("multi_final_layers.0", keypoints, 256, 1)
    shapes["multi_final_layers.0.bias"] = (keypoints,)
    return shapes
