"""What a run writes after an epoch: the averaged weights with their recipe, and pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from steadypose.engines.errors import SteadyposeError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.spec import ModelSpec
from steadypose.export.checking.torch_engine import TorchEngine
from steadypose.export.weights.building import build_model
from steadypose.export.weights.recipe import Recipe, build_network, find_recipe
from steadypose.export.weights.state_dict import load_weights
from training.config import TrainConfig
from training.examples.sample import PoseDataset
from training.measures.measure import find_evenly
from training.runs.checkpoints import save_weights, writing
from training.runs.from_config import recipe_of
from training.runs.progress import draw_curve, draw_grid, write_picture
from training.runs.trainer import Trainer

_GRID = 24


def write_weights(
    trainer: Trainer, config: TrainConfig, skeleton: Skeleton, file: Path
) -> TorchEngine:
    """Write the averaged weights with their recipe.

    Returns:
        The network as it is now on the disk.

    Raises:
        RecordError: The disk is full, or refuses.
    """
    recipe = _recipe(trainer, config, skeleton)
    save_weights(trainer.average, file)
    with writing(file.with_suffix(".json")):
        recipe.save(file, name=config.name, source="trained by steadypose")
    network = build_network(recipe, load_weights(file))
    spec = ModelSpec(config.name, skeleton, recipe.input_hw, recipe.padding, others=recipe.others)
    return TorchEngine(build_model(recipe, network), spec)


def _recipe(trainer: Trainer, config: TrainConfig, skeleton: Skeleton) -> Recipe:
    stage, padding = trainer.stage, config.padding_of(trainer.stage)
    recipe = recipe_of(config, skeleton)
    return replace(recipe, input_hw=stage.input, sigma=stage.sigma, padding=padding)


def is_complete(trainer: Trainer, config: TrainConfig, skeleton: Skeleton, out: Path) -> bool:
    """Whether all that a run promises lies there: weights, their recipe as it is now, pictures."""
    file = out / "weights.pt"
    with contextlib.suppress(SteadyposeError):
        origin = find_recipe(file)
        is_same = origin is not None and origin.recipe == _recipe(trainer, config, skeleton)
        has_name = origin is not None and origin.name == config.name
        return is_same and has_name and (out / "grid.png").is_file() and bool(load_weights(file))
    return False


def draw_pictures(
    engine: TorchEngine,
    dataset: PoseDataset,
    rows: Sequence[Mapping[str, str]],
    out: Path,
) -> None:
    """Draw the curve so far, and predictions on evenly spaced people.

    Raises:
        RecordError: The disk is full, or refuses.
    """
    with writing(out / "curve.png"):
        draw_curve(rows, out / "curve.png", title=engine.spec.name)
        (out / "grids").mkdir(exist_ok=True)
    crops, points = find_evenly(engine, dataset, count=_GRID)
    grid = draw_grid(crops, points, engine.spec.skeleton)
    write_picture(grid, out / "grids" / f"{len(rows):03d}.jpg")
    write_picture(grid, out / "grid.png")
