"""Build a config's network, and the trainer of each stage."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from steadypose.engines.errors import ModelFileError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.export.models.registry import keypoint_keys, kind_of, make_network
from steadypose.export.weights.recipe import Recipe, build_network
from steadypose.export.weights.state_dict import (
    load_weights,
    to_our_names,
    with_fresh_head,
    with_other_keypoints,
)
from training.config import TrainConfig
from training.datasets.skeletons import twin_notes
from training.examples.batches import Batches
from training.runs.objectives import heads_objective, heatmap_objective
from training.runs.teacher import open_teacher
from training.runs.trainer import Trainer

_FEW_STEPS = 500


def learns_heads(config: TrainConfig) -> bool:
    """Whether the network outputs MoveNet's heads, not heatmaps."""
    return kind_of(config.network.kind).gives == "heads"


def recipe_of(config: TrainConfig, skeleton: Skeleton) -> Recipe:
    """The network of a run, with the input size of its last stage."""
    shape = config.network
    return Recipe(
        network=shape.kind,
        input_hw=config.stage[-1].input,
        deconv=shape.deconv,
        final_kernel=shape.final_kernel,
        softness=shape.softness,
        mean=kind_of(shape.kind).mean,
        std=kind_of(shape.kind).std,
        padding=config.padding_of(config.stage[-1]),
        skeleton=skeleton,
    )


def notes_on(config: TrainConfig, skeleton: Skeleton, steps: Sequence[int]) -> list[str]:
    """What should be known of a config before a run of hours.

    Args:
        config: Of the run.
        skeleton: Of the run.
        steps: Of each stage.
    """
    notes = []
    if importlib.util.find_spec("matplotlib") is None:
        notes.append("matplotlib is not installed: no curve.png; log.csv has the same numbers")
    if config.augment.flip > 0 and not skeleton.flip_pairs:
        notes.append(
            f"skeleton {skeleton.name} has no mirror pairs: pictures are mirrored and "
            "every keypoint keeps its name (docs/training.md, Left and right)"
        )
    if config.augment.flip > 0:
        notes += twin_notes(skeleton)
    return notes + [
        f"stage {number} has only {count} steps: take a smaller batch or more epochs"
        for number, count in enumerate(steps, start=1)
        if count < _FEW_STEPS
    ]


def first_network(
    config: TrainConfig,
    skeleton: Skeleton,
    weights: Path | None,
    *,
    key: str = "",
    notes: list[str],
) -> nn.Module:
    """Build the network a run starts with.

    Args:
        config: Of the run.
        skeleton: Other keypoints than the weights' get a new last layer.
        weights: State dict or model file, of the network or of its backbone; None: random.
        key: Which state dict of several.
        notes: What was chosen is appended.

    Raises:
        SteadyposeError: The weights cannot be used.
    """
    recipe = recipe_of(config, skeleton)
    fresh: nn.Module = make_network(
        recipe.network, keypoints=len(skeleton), options=recipe.options, seed=config.seed
    )
    if weights is None:
        return fresh
    state = to_our_names(fresh, load_weights(weights, key=key, notes=notes), notes=notes)
    bad = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise ModelFileError(
            f"{weights} holds numbers that are not finite, in {bad[0]}",
            fix="begin with weights from before the training went wrong",
        )
    keys = keypoint_keys(recipe.network, recipe.options)
    state = with_other_keypoints(state, fresh.state_dict(), keys)
    return build_network(recipe, with_fresh_head(state, fresh.state_dict(), notes=notes))


def make_trainer(
    network: nn.Module,
    config: TrainConfig,
    number: int,
    batches: Batches,
    skeleton: Skeleton,
    root: Path,
    device: torch.device,
) -> Trainer:
    """Build a stage's trainer, with its teacher if the config has one.

    Args:
        network: The network to train.
        config: Of the run.
        number: Of the stage, from 0.
        batches: Of the stage.
        skeleton: Of the run.
        root: Where the teacher's relative path starts.
        device: ``cpu`` or ``cuda``.
    """
    stage, kind = config.stage[number], kind_of(config.network.kind)
    teacher, share = None, 0.0
    if config.teacher is not None:
        teacher = open_teacher(config.teacher, root=root, input_hw=stage.input, skeleton=skeleton)
        teacher, share = teacher.to(device).eval(), config.teacher.share
    if learns_heads(config):
        network.freeze(config.network.frozen)
        objective = heads_objective(skeleton, stride=kind.stride)
    else:
        objective = heatmap_objective(stage, stride=kind.stride, teacher_share=share)
    return Trainer(
        network,
        stage=stage,
        steps=max(1, round(stage.epochs * batches.steps_per_epoch)),
        device=device,
        objective=objective,
        statistics=(kind.mean, kind.std),
        teacher=teacher,
        seed=config.seed * 1000 + number,
    )
