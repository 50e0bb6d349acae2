"""The published models as a table: what they cost, what they can, which are here."""

from __future__ import annotations

from pathlib import Path

from steadypose.engines.skeleton import SKELETONS
from steadypose.realtime.model.places import POSE_RESNET, QUALITIES
from steadypose.realtime.model.zoo import (
    MODELS,
    ZooModel,
    cache_folder,
    lies_here,
    model_file,
)

# (network, keypoints, crop height and width): parameters, 10^9 multiply-adds of the
# convolutions and matrix products for one crop. tests/export/test_published.py counts again.
COSTS: dict[tuple[str, int, tuple[int, int]], tuple[int, float]] = {
    ("cpm6", 16, (368, 368)): (31_225_568, 175.44),
    ("cpm6", 17, (256, 192)): (31_304_166, 63.74),
    ("cpm6", 17, (384, 288)): (31_304_166, 143.41),
    ("deeppose_resnet101", 16, (256, 256)): (42_565_728, 10.19),
    ("deeppose_resnet101", 17, (256, 192)): (42_569_826, 7.64),
    ("deeppose_resnet152", 16, (256, 256)): (58_209_376, 15.04),
    ("deeppose_resnet152", 17, (256, 192)): (58_213_474, 11.28),
    ("deeppose_resnet50", 16, (256, 256)): (23_573_600, 5.34),
    ("deeppose_resnet50", 17, (256, 192)): (23_577_698, 4.0),
    ("hourglass52", 16, (256, 256)): (93_666_960, 28.62),
    ("hourglass52", 16, (384, 384)): (93_666_960, 64.39),
    ("hourglass52", 17, (256, 256)): (93_667_217, 28.62),
    ("hourglass52", 17, (384, 384)): (93_667_217, 64.4),
    ("hrnet_w32", 16, (256, 256)): (28_536_080, 10.19),
    ("hrnet_w32", 17, (256, 192)): (28_536_113, 7.65),
    ("hrnet_w32", 17, (384, 288)): (28_536_113, 17.2),
    ("hrnet_w48", 16, (256, 256)): (63_595_696, 20.92),
    ("hrnet_w48", 17, (256, 192)): (63_595_745, 15.69),
    ("hrnet_w48", 17, (384, 288)): (63_595_745, 35.31),
    ("pose_resnet101", 16, (256, 256)): (52_991_568, 12.08),
    ("pose_resnet101", 17, (256, 192)): (52_991_825, 9.06),
    ("pose_resnet101", 17, (384, 288)): (52_991_825, 20.39),
    ("pose_resnet152", 16, (256, 256)): (68_635_216, 16.93),
    ("pose_resnet152", 17, (256, 192)): (68_635_473, 12.7),
    ("pose_resnet152", 17, (384, 288)): (68_635_473, 28.57),
    ("pose_resnet50", 16, (256, 256)): (33_999_440, 7.23),
    ("pose_resnet50", 17, (256, 192)): (33_999_697, 5.43),
    ("pose_resnet50", 17, (384, 288)): (33_999_697, 12.21),
}
_HEADS = ("name", "crop", "parameters", "GMACs", "accuracy", "here")


def cost_of(model: ZooModel) -> tuple[int, float] | None:
    """Parameters and GMACs of a model; None where the network is not defined here."""
    return COSTS.get((model.network, len(SKELETONS[model.skeleton]), model.input_hw))


def listing(folder: Path | None = None) -> str:
    """All published models, one a line, what ships, and where the figures come from.

    Args:
        folder: Where weights are looked for; None: the user's cache.
    """
    folder = folder or cache_folder()
    rows = [_HEADS, *(_row(model, folder) for model in MODELS.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(
        [
            *lines,
            "",
            "shipped, without a download: "
            + ", ".join(f"{path.stem} (--quality {name})" for name, path in QUALITIES.items())
            + f", {POSE_RESNET.stem}.",
            "accuracy: as OpenMMLab publishes it, with the flip test: AP on COCO val2017 with "
            "detected boxes, PCKh@0.5 on MPII val.",
            "licence: Apache-2.0 for all files; COCO, AI Challenger and MPII, from whose pictures "
            "they were learnt, have terms of their own (MPII: no commercial use).",
            "here: weights in " + str(folder) + ", model file in models/.",
            "To use one: run.py --model NAME --fetch (to wrap one: docs/foreign_models.md). "
            "DeepPose gives no scores, so it sees somebody in every picture.",
        ]
    )


def _row(model: ZooModel, folder: Path) -> tuple[str, ...]:
    cost = cost_of(model)
    height, width = model.input_hw
    return (
        model.name,
        f"{height}x{width}",
        f"{cost[0] / 1e6:.1f} M" if cost else "-",
        f"{cost[1]:.1f}" if cost else "-",
        model.accuracy,
        _here(model, folder),
    )


def _here(model: ZooModel, folder: Path) -> str:
    found = []
    if lies_here(folder / model.file_name):
        found.append("weights")
    if lies_here(model_file(model)):
        found.append("model file")
    if not found and not model.network:
        return "- (to be exported elsewhere and wrapped)"
    return " and ".join(found) or "-"
