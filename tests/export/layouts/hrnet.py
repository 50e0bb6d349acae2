"""HRNet-W32 and -W48: Sun et al. 2019, section 3.2, in the authors' key names.

Checked against lib/models/pose_hrnet.py of leoxiaobin/deep-high-resolution-net.pytorch and
its w32 and w48 experiment files, and against hrnet.py of MMPose, which has the same names.
"""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm

Shapes = dict[str, tuple[int, ...]]


def layout(width: int, *, keypoints: int = 17) -> Shapes:
    """Key to shape of a checkpoint; ``width`` is 32 or 48."""
    shapes: Shapes = {}

    def conv(name: str, out: int, before: int, kernel: int) -> None:
        shapes[f"{name}.weight"] = (out, before, kernel, kernel)

    def bn(name: str, channels: int) -> None:
        shapes.update(batch_norm(name, channels))

    conv("conv1", 64, 3, 3)
    bn("bn1", 64)
    conv("conv2", 64, 64, 3)
    bn("bn2", 64)
    for block in range(4):
        before = 64 if block == 0 else 256
        for i, (out, have, kernel) in enumerate(((64, before, 1), (64, 64, 3), (256, 64, 1)), 1):
            conv(f"layer1.{block}.conv{i}", out, have, kernel)
            bn(f"layer1.{block}.bn{i}", out)
        if block == 0:
            conv("layer1.0.downsample.0", 256, 64, 1)
            bn("layer1.0.downsample.1", 256)

    # After stage 1 both branches are new; later only the coarsest, from the one above it.
    conv("transition1.0.0", width, 256, 3)
    bn("transition1.0.1", width)
    conv("transition1.1.0.0", 2 * width, 256, 3)
    bn("transition1.1.0.1", 2 * width)
    conv("transition2.2.0.0", 4 * width, 2 * width, 3)
    bn("transition2.2.0.1", 4 * width)
    conv("transition3.3.0.0", 8 * width, 4 * width, 3)
    bn("transition3.3.0.1", 8 * width)

    for stage, modules, branches in ((2, 1, 2), (3, 4, 3), (4, 3, 4)):
        for module in range(modules):
            name = f"stage{stage}.{module}"
            for branch in range(branches):
                channels = width * 2**branch
                for block in range(4):
                    for i in (1, 2):
                        conv(f"{name}.branches.{branch}.{block}.conv{i}", channels, channels, 3)
                        bn(f"{name}.branches.{branch}.{block}.bn{i}", channels)
            is_last = stage == 4 and module == modules - 1
            for i in range(1 if is_last else branches):
                for j in range(branches):
                    fuse = f"{name}.fuse_layers.{i}.{j}"
                    have, want = width * 2**j, width * 2**i
                    if j > i:
                        conv(f"{fuse}.0", want, have, 1)
                        bn(f"{fuse}.1", want)
                    for k in range(i - j):
                        out = want if k == i - j - 1 else have
                        conv(f"{fuse}.{k}.0", out, have, 3)
                        bn(f"{fuse}.{k}.1", out)
    conv("final_layer", keypoints, width, 1)
    shapes["final_layer.bias"] = (keypoints,)
    return shapes
