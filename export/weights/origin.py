"""How the weights on the command line were trained."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.engines.foreign.files import is_there
from steadypose.engines.foreign.names import as_name
from steadypose.export.models.registry import kind_of
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.published import published_origin, published_weights
from steadypose.export.weights.recipe import Origin, Recipe, find_recipe
from steadypose.realtime.model import zoo


def find_origin(arguments: argparse.Namespace) -> tuple[Path, Origin]:
    """Where the weights are, and how they were trained.

    Raises:
        UsageError: Nothing tells.
        ModelFileError: They are not there, or not what they are said to be.
    """
    weights: Path | None = arguments.weights
    if arguments.model:
        if arguments.convention:
            raise UsageError("--model says its convention itself", fix="leave --convention out")
        published = zoo.find(arguments.model)
        origin = published_origin(published)
        return published_weights(published, weights), origin
    if weights is None:
        raise UsageError("there is nothing to export", fix="give --weights FILE or --model NAME")
    if not is_there(weights):
        raise UsageError(f"{weights} does not exist", fix="check --weights")
    found = find_recipe(weights)
    if found is not None and not arguments.convention:
        return weights, found
    if not arguments.convention:
        raise UsageError(
            f"nothing says how {weights} was trained: it has no {weights.stem}.json beside it",
            fix=f"give --convention {'|'.join(CONVENTIONS)} with --network and --input",
        )
    unsaid = [] if "input_hw" in arguments else ["--input HxW"]
    unsaid += [] if arguments.name or arguments.output else ["--name NAME"]
    if unsaid:
        raise UsageError(
            "--convention does not say everything", fix=f"give {' and '.join(unsaid)} as well"
        )
    fields = {**CONVENTIONS[arguments.convention], "input_hw": arguments.input_hw}
    if "network" in arguments:
        fields["network"] = arguments.network
    name = arguments.name or as_name(arguments.output.stem)
    return weights, Origin(Recipe(**fields), name, f"{weights.name}, {arguments.convention} layout")


def files_of(weights: Path) -> list[Path]:
    """What is read with weights: themselves, their recipe, and the shards of a graph."""
    beside = weights.parent.glob("*.bin") if weights.suffix == ".json" else ()
    return [weights, weights.with_suffix(".json"), *beside]


def refuse_unused(recipe: Recipe, chosen: Collection[str]) -> None:
    """Options that this network has no use for would be believed to work.

    Raises:
        UsageError: One was given.
    """
    unused = set() if recipe.options else {"deconv", "final_kernel"}
    if kind_of(recipe.network).gives != "heads":
        unused |= {"softness", "score"}
    if kind_of(recipe.network).gives != "heatmaps":
        unused |= {"refine", "cells", "sigma"}
    elif recipe.refine != "dark":
        unused.add("sigma")
    given = [f"--{name.replace('_', '-')}" for name in sorted(unused & set(chosen))]
    if given:
        decoding = (
            "" if "--sigma" not in given or len(given) > 1 else f" decoded by {recipe.refine}"
        )
        raise UsageError(
            f"{recipe.network}{decoding} has no use for {', '.join(given)}", fix="leave it out"
        )
