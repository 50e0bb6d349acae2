"""Load a teacher: a trained network whose heatmaps a student also learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.models.registry import kind_of
from steadypose.export.weights.recipe import Recipe, build_network, find_recipe
from steadypose.export.weights.state_dict import load_weights
from training.config import TeacherConfig


def open_teacher(
    config: TeacherConfig, *, root: Path, input_hw: tuple[int, int], skeleton: Skeleton
) -> nn.Module:
    """Load a teacher with the same input as its student and the same output grid.

    A recipe beside the weights must agree with the preprocessing here; for weights
    without one the config is trusted.

    Args:
        config: Its weights and their network.
        root: Relative paths start here.
        input_hw: Crop size of the stage, pixels.
        skeleton: Of the student.

    Raises:
        UsageError: Teacher and student differ in preprocessing or keypoints.
        ModelFileError: The weights cannot be read or are for another network.
    """
    path = root / config.weights
    kind = kind_of(config.kind)
    ours = Recipe(
        network=config.kind,
        input_hw=input_hw,
        deconv=config.deconv,
        mean=kind.mean,
        std=kind.std,
        skeleton=skeleton,
    )
    origin = find_recipe(path)
    if origin is not None:
        theirs = origin.recipe
        for field in ("network", "colour", "mean", "std", "cells"):
            found, wanted = getattr(theirs, field), getattr(ours, field)
            if found != wanted:
                raise UsageError(
                    f"the teacher {path} was trained with {field} {found!r}, here it is {wanted!r}",
                    fix="correct [teacher], or take a teacher that was trained here",
                )
        if theirs.skeleton.keypoints != skeleton.keypoints:
            raise UsageError(
                f"the teacher {path} knows {theirs.skeleton.name}, the student {skeleton.name}",
                fix="take a teacher with the same keypoints",
            )
        ours = replace(ours, deconv=theirs.deconv, final_kernel=theirs.final_kernel)
    return build_network(ours, load_weights(path))
