"""Cascaded Pyramid Network: names of our own, shapes of the authors' code (tf-cpn, MIT)."""

from __future__ import annotations

from tests.export.layouts.batch_norm import batch_norm
from tests.export.layouts.deeppose import resnet

LEVELS = 4  # res2 to res5, the finest first


def layout(depth: int = 50, keypoints: int = 17) -> dict[str, tuple[int, ...]]:
    """Key to shape. Numbers inside a sequence count the layers without weights too."""
    shapes = resnet(depth)

    def unit(name: str, at: int, out: int, before: int, kernel: int = 1) -> None:
        shapes[f"{name}.{at}.weight"] = (out, before, kernel, kernel)
        shapes.update(batch_norm(f"{name}.{at + 1}", out))

    def bottleneck(name: str, before: int) -> None:
        unit(f"{name}.body", 0, 128, before)
        unit(f"{name}.body", 3, 128, 128, 3)
        unit(f"{name}.body", 6, 256, 128)
        if before != 256:
            unit(f"{name}.shortcut", 0, 256, before)

    for level in range(LEVELS):
        features = (256, 512, 1024, 2048)[level] if depth >= 50 else (64, 128, 256, 512)[level]
        unit(f"global_net.lateral.{level}", 0, 256, features)
        unit(f"global_net.predict.{level}", 0, 256, 256)
        unit(f"global_net.predict.{level}", 3, keypoints, 256, 3)
        for block in range(level):
            bottleneck(f"refine_net.branches.{level}.{block}", 256)
    for level in range(LEVELS - 1):
        shapes[f"global_net.merge.{level}.0.weight"] = (256, 256, 1, 1)
    bottleneck("refine_net.fuse", LEVELS * 256)
    unit("refine_net.predict", 0, keypoints, 256, 3)
    return shapes
