"""How weights become a network, and how its heatmaps are read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.file_io import replace_text
from steadypose.engines.foreign.files import is_there
from steadypose.engines.foreign.names import RULE, is_name, shown
from steadypose.engines.foreign.texts import parse_json, read_json
from steadypose.engines.model_file import read_metadata
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted
from steadypose.export.models.center_decoding import OTHERS, PEAK_SCORE
from steadypose.export.models.decoding import (
    Cells,
    Refine,
)
from steadypose.export.models.registry import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PUBLISHED_SOFTNESS,
    keypoint_keys,
    kind_of,
    make_network,
)
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.movenet import MOVENET_SOURCE, is_movenet_graph
from steadypose.export.weights.state_dict import load_strictly, to_our_names

_BROKEN = (UsageError, OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)
_MOST = 2.0  # of a mean or deviation of pixels in 0 to 1
RECIPE_KEY = "steadypose.recipe"
"""Of a model file's metadata: how to train and export its weights again."""


def _are_numbers(values: Sequence[float]) -> bool:
    return len(values) == 3 and all(math.isfinite(value) for value in values)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a state dict does not say about itself.

    Attributes:
        network: A name of ``steadypose.export.models.registry.NETWORKS``.
        deconv: Channels of the deconvolutions; PoseResNet only.
        final_kernel: 1 or 3; PoseResNet only.
        input_hw: Crop size the weights were trained with, pixels.
        colour: Channel order they were trained with.
        mean: Of the channels in that order, pixels in 0 to 1.
        std: Like ``mean``.
        refine: Sub-pixel decoding.
        cells: Where heatmap cells lie; ``corner`` for published weights.
        sigma: Of the training targets, cells.
        has_flip_test: Average with the mirror image: slower by two, a little better.
        padding: Box factor of the training.
        softness: How much the distance from the rough place counts, see
            ``steadypose.export.models.center_decoding.DecodeCenter``; MoveNet only.
        score: Weights of heatmap, centre and constant in the score's logit, see
            ``steadypose.export.models.center_decoding.DecodeCenter``; MoveNet only.
        skeleton: Names and order of the keypoints.

    Raises:
        UsageError: A value cannot be used, or the network cannot take such crops.
    """

    network: str = "pose_resnet18"
    deconv: tuple[int, ...] = (128, 128, 128)
    final_kernel: int = 1
    input_hw: tuple[int, int] = (192, 160)
    colour: str = "rgb"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    refine: Refine = "dark"
    cells: Cells = "half"
    sigma: float = 1.75
    has_flip_test: bool = False
    padding: float = 1.25
    softness: float = PUBLISHED_SOFTNESS
    score: tuple[float, ...] = PEAK_SCORE
    skeleton: Skeleton = COCO17

    def __post_init__(self) -> None:
        checks = (
            (self.refine in {"quarter", "dark", "none"}, "refine", self.refine),
            (self.cells in {"half", "corner"}, "cells", self.cells),
            (self.colour in {"rgb", "bgr"}, "colour", self.colour),
            (0.1 < self.sigma < 20, "sigma", self.sigma),
            (1.0 <= self.padding <= 4.0, "padding", self.padding),
            (_are_numbers(self.mean), "mean", self.mean),
            (0.1 < self.softness < 1000, "softness", self.softness),
            (_are_numbers(self.score), "score", self.score),
            (_are_numbers(self.std) and min(self.std) > 0, "std", self.std),
        )
        if _are_numbers(self.mean) and max(map(abs, (*self.mean, *self.std))) > _MOST:
            raise UsageError(
                f"mean {self.mean} or std {self.std} is for pixels of 0 to 255",
                fix="divide both by 255: here pixels go from 0 to 1",
            )
        for is_good, name, value in checks:
            if not is_good:
                raise UsageError(
                    f"{name} cannot be {value!r}", fix=f"see {command('export-onnx')} --help"
                )
        kind = kind_of(self.network)
        if self.has_flip_test and kind.gives == "heads":
            raise UsageError(f"{self.network} has no flip test", fix="leave --flip-test out")
        if any(side % kind.multiple for side in self.input_hw):
            height, width = self.input_hw
            raise UsageError(
                f"{self.network} cannot take crops of {height}x{width}",
                fix=f"choose an --input in multiples of {kind.multiple}",
            )

    @property
    def decoder(self) -> str:
        """How keypoints are read, in words, for the model file."""
        if kind_of(self.network).gives == "heads":
            return "the most central person: centre, regression, heatmap, offset"
        if kind_of(self.network).gives == "coordinates":
            return "coordinates without scores" + (", flip test" if self.has_flip_test else "")
        return f"{self.refine}, {self.cells} cells" + (", flip test" if self.has_flip_test else "")

    @property
    def others(self) -> int:
        """Further people that a crop's answer holds."""
        return OTHERS if kind_of(self.network).gives == "heads" else 0

    @property
    def is_calibrated(self) -> bool:
        """Whether scores were fitted to be probabilities."""
        return kind_of(self.network).gives == "heads" and self.score != PEAK_SCORE

    @property
    def options(self) -> dict[str, Any]:
        """What the network's class must be told."""
        if not self.network.startswith("pose_resnet"):
            return {}
        return {"deconv_filters": self.deconv, "final_kernel": self.final_kernel}

    def save(self, path: Path, *, name: str, source: str, licence: str = "unknown") -> None:
        """Write the recipe as JSON beside the weights it belongs to.

        Args:
            path: The state dict's path; the recipe gets its name with ``.json``.
            name: Model id.
            source: Where the weights come from.
            licence: Of the weights.
        """
        text = Origin(self, name, source, licence).to_json()
        replace_text(path.with_suffix(".json"), text + "\n")


@dataclass(frozen=True, slots=True)
class Origin:
    """A recipe with the model's name and the weights' source.

    Raises:
        UsageError: The name is none: a file would be called so.
    """

    recipe: Recipe
    name: str = "pose_resnet18_192x160"
    source: str = "unknown"
    licence: str = "unknown"

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise UsageError(f"a model cannot be called {shown(self.name)}", fix=RULE)

    def to_json(self) -> str:
        """As it stands beside weights, and inside a model file."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Origin:
        """Read what ``to_json`` wrote.

        Raises:
            UsageError, ValueError, KeyError, TypeError, AttributeError: It is something else.
        """
        return cls.from_data(parse_json(text))

    @classmethod
    def from_data(cls, data: Any) -> Origin:
        """Read what ``to_json`` wrote, parsed already; raises as ``from_json``."""
        raw = dict(data["recipe"])
        raw["skeleton"] = Skeleton.from_dict(raw["skeleton"])
        for key in ("deconv", "input_hw", "mean", "std", "score"):
            if key in raw:
                raw[key] = tuple(raw[key])
        licence = str(data.get("licence", "unknown"))
        return cls(Recipe(**raw), str(data["name"]), str(data["source"]), licence)


def find_recipe(weights: Path) -> Origin | None:
    """What is known of how weights were trained; None where nothing is.

    A model file carries it, MoveNet's graphs are known, and beside a state dict lies what
    ``Recipe.save`` wrote.

    Raises:
        ModelFileError: The file is there and damaged.
        UsageError: It is another graph than Lightning's or Thunder's.
    """
    if is_movenet_graph(weights):
        fields = {**CONVENTIONS["movenet"], "network": weights.stem.replace("-", "_")}
        recipe = Recipe(**fields, input_hw=(256, 192))
        return Origin(recipe, f"{recipe.network}_256x192", MOVENET_SOURCE, "Apache-2.0")
    path = weights if weights.suffix == ".onnx" else weights.with_suffix(".json")
    if not is_there(path):
        return None
    try:
        if path is weights:
            text = read_metadata(path).get(RECIPE_KEY)
            return None if text is None else Origin.from_json(text)
        return Origin.from_data(read_json(path))
    except _BROKEN as error:
        fix = "remove it and give the options instead"
        if path is weights:
            fix = "export the model again, or copy it again"
        raise ModelFileError(f"{path} holds no usable recipe: {error!r}", fix=fix) from error


def build_network(
    recipe: Recipe, state: Mapping[str, torch.Tensor], *, notes: list[str] | None = None
) -> torch.nn.Module:
    """The network with its weights, whatever published layout their keys follow.

    Args:
        recipe: Says which network.
        state: Its weights.
        notes: A prefix that was taken off is appended.

    Raises:
        ModelFileError: The weights do not belong to this network, or find other keypoints.
    """
    network = make_network(recipe.network, keypoints=len(recipe.skeleton), options=recipe.options)
    _check_statistics(recipe, state)
    detail = f" with deconvolutions {recipe.deconv}" if recipe.options else ""
    named = to_our_names(network, state, notes=notes)
    _check_keypoints(recipe, network.state_dict(), named)
    load_strictly(
        network,
        named,
        name=f"{recipe.network}{detail} and {len(recipe.skeleton)} keypoints",
        fix="name the network, its keypoints and its layers as they were trained",
    )
    return network


def _check_keypoints(
    recipe: Recipe, wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> None:
    """Where nothing but the last layer differs, it is the number of keypoints."""
    differing = {k for k in wanted if k in state and state[k].shape != wanted[k].shape}
    if not differing or not differing <= keypoint_keys(recipe.network, recipe.options):
        return
    own, key = len(recipe.skeleton), min(differing, key=lambda k: wanted[k].dim())
    (theirs, *_), (ours, *_) = state[key].shape, wanted[key].shape
    if state.keys() >= {k for k in wanted if not k.endswith(".num_batches_tracked")}:
        raise ModelFileError(
            f"the weights find {theirs * own // ours} keypoints, {recipe.skeleton.name} has {own}",
            fix="name them in the [skeleton] table of a TOML file: --skeleton FILE.toml "
            "(docs/networks.md)",
        )


def _check_statistics(recipe: Recipe, state: Mapping[str, torch.Tensor]) -> None:
    """OpenMMLab 1.x writes its input's mean and deviation into some files."""
    for key, ours in (("mean", recipe.mean), ("std", recipe.std)):
        theirs = state.get(f"data_preprocessor.{key}")
        if theirs is None:
            continue
        found = (theirs.flatten() / 255).tolist() if theirs.numel() < 100 else []
        if len(found) != 3 or any(abs(a - b) > 1e-3 for a, b in zip(found, ours, strict=True)):
            text = ",".join(f"{value:.4f}" for value in found)
            raise ModelFileError(
                f"the weights were trained with {key} {text}, the recipe says {ours}",
                fix=f"--{key} {quoted(text)}",
            )
