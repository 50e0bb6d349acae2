"""Stacked Hourglass: Newell et al. 2016, section 3, in the key names of the authors' lab.

Checked against models/posenet.py and models/layers.py of the first public version of
princeton-vl/pytorch_stacked_hourglass, and the layers against src/models/hg.lua of
princeton-vl/pose-hg-train (the paper's own code, nModules = 1, nFeats = 256).
"""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm

Shapes = dict[str, tuple[int, ...]]


def layout(stacks: int, *, keypoints: int = 16, has_unused: bool = False) -> Shapes:
    """Key to shape of a checkpoint.

    ``has_unused`` adds what lies in the published files and takes no part: the shortcut
    convolutions (``skip_layer``) of blocks that do not change the number of channels.
    """
    shapes: Shapes = {}

    def conv(name: str, out: int, before: int, kernel: int) -> None:
        shapes[f"{name}.weight"] = (out, before, kernel, kernel)
        shapes[f"{name}.bias"] = (out,)

    def bn(name: str, channels: int) -> None:
        shapes.update(batch_norm(name, channels))

    def residual(name: str, before: int, out: int) -> None:
        half = out // 2
        for i, (have, want, kernel) in enumerate(
            ((before, half, 1), (half, half, 3), (half, out, 1)), 1
        ):
            bn(f"{name}.bn{i}", have)
            conv(f"{name}.conv{i}.conv", want, have, kernel)
        if before != out or has_unused:
            conv(f"{name}.skip_layer.conv", out, before, 1)

    conv("pre.0.conv", 64, 3, 7)
    bn("pre.0.bn", 64)
    residual("pre.1", 64, 128)
    residual("pre.3", 128, 128)
    residual("pre.4", 128, 256)
    for stack in range(stacks):
        name = f"hgs.{stack}.0"
        for _ in range(4):
            for part in ("up1", "low1", "low3"):
                residual(f"{name}.{part}", 256, 256)
            name += ".low2"
        residual(name, 256, 256)
        residual(f"features.{stack}.0", 256, 256)
        conv(f"features.{stack}.1.conv", 256, 256, 1)
        bn(f"features.{stack}.1.bn", 256)
        conv(f"outs.{stack}.conv", keypoints, 256, 1)
        if stack < stacks - 1:
            conv(f"merge_features.{stack}.conv.conv", 256, 256, 1)
            conv(f"merge_preds.{stack}.conv.conv", 256, keypoints, 1)
    return shapes
