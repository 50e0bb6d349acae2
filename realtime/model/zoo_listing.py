"""List the published models with their costs, accuracies and local files."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from steadypose.engines.skeletons.named import SKELETONS
from steadypose.engines.wording.advice import command, install, typed_here
from steadypose.realtime.model.places import POSE_RESNET, QUALITIES
from steadypose.realtime.model.zoo import (
    DATA,
    MODELS,
    ZooModel,
    cache_folder,
    lies_here,
    model_file,
)

_HEADS = ("name", "crop", "parameters", "GMACs", "accuracy", "here")


Costs = dict[tuple[str, int, tuple[int, int]], tuple[int, float]]


@functools.cache
def costs() -> Costs:
    """Parameters, and 10^9 multiply-adds of the convolutions and matrix products for one crop.

    By network, keypoints and crop height and width; tests/export/test_published.py verifies them.
    """
    rows = json.loads(DATA.read_text(encoding="utf-8"))["costs"]
    return {(name, count, tuple(hw)): (weights, gmacs) for name, count, hw, weights, gmacs in rows}


def cost_of(model: ZooModel) -> tuple[int, float] | None:
    """Parameters and GMACs of a model; None if the network is not defined here."""
    return costs().get((model.network, len(SKELETONS[model.skeleton]), model.input_hw))


def listing(folder: Path | None = None) -> list[str]:
    """List all published models, one per line, the shipped ones, and the source of the figures.

    Args:
        folder: Folder to search for weights; None: the user's cache.
    """
    folder = folder or cache_folder()
    rows = [_HEADS, *(_row(model, folder) for model in MODELS.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [
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
        typed_here(
            f"To use one: {command('run')} --model NAME --fetch, which needs torch: "
            f"{install('requirements-export.txt')} (to wrap one: docs/foreign_models.md). "
        )
        + "DeepPose outputs no scores, so every frame appears to contain a person.",
    ]


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
