"""How weights become a network, and how its heatmaps are read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from engines.errors import ModelFileError, UsageError
from engines.skeleton import COCO17, Skeleton
from export.graph import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Cells,
    Coordinates,
    Decode,
    FlipTest,
    PoseModel,
    Preprocess,
    Refine,
)
from export.models.registry import kind_of, make_network
from export.weights import load_strictly, to_our_names


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a state dict does not say about itself.

    Attributes:
        network: A name of ``export.models.registry.NETWORKS``.
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
        skeleton: Names and order of the keypoints.
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
    skeleton: Skeleton = COCO17

    def __post_init__(self) -> None:
        if self.refine not in {"quarter", "dark", "none"} or self.cells not in {"half", "corner"}:
            raise ValueError(f"decoding {self.refine!r} with {self.cells!r} cells is not known")
        if self.colour not in {"rgb", "bgr"} or not 0.1 < float(self.sigma) < 20:
            raise ValueError(f"colour {self.colour!r} or sigma {self.sigma!r} cannot be used")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(s > 0 for s in self.std):
            raise ValueError(f"mean {self.mean} or std {self.std} is not three numbers above 0")
        kind = kind_of(self.network)
        if any(side % kind.multiple for side in self.input_hw):
            height, width = self.input_hw
            raise UsageError(
                f"{self.network} cannot take crops of {height}x{width}",
                fix=f"choose an --input in multiples of {kind.multiple}",
            )
        if self.has_flip_test and kind.gives == "coordinates":
            raise UsageError(
                f"{self.network} gives coordinates, whose mirror images cannot be averaged",
                fix="leave --flip-test out",
            )

    @property
    def options(self) -> dict[str, Any]:
        """What the network's class must be told."""
        if not self.network.startswith("pose_resnet"):
            return {}
        return {"deconv_filters": self.deconv, "final_kernel": self.final_kernel}

    def save(self, path: Path, *, name: str, source: str) -> None:
        """Write the recipe as JSON beside the weights it belongs to.

        Args:
            path: The state dict's path; the recipe gets its name with ``.json``.
            name: Model id.
            source: Where the weights come from.
        """
        text = json.dumps(
            {"name": name, "source": source, "recipe": dataclasses.asdict(self)}, indent=1
        )
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Origin:
    """A recipe with the model's name and the weights' source."""

    recipe: Recipe
    name: str = "pose_resnet18_192x160"
    source: str = "unknown"
    licence: str = "unknown"


def find_recipe(weights: Path) -> Origin | None:
    """What ``Recipe.save`` wrote beside these weights; None where there is nothing.

    Raises:
        ModelFileError: The file is there and damaged.
    """
    path = weights.with_suffix(".json")
    if not path.exists():
        return None
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        raw = dict(data["recipe"])
        raw["skeleton"] = Skeleton.from_dict(raw["skeleton"])
        for key in ("deconv", "input_hw", "mean", "std"):
            if key in raw:
                raw[key] = tuple(raw[key])
        return Origin(Recipe(**raw), str(data["name"]), str(data["source"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{path} is no recipe: {error!r}", fix="remove it and give the options instead"
        ) from error


def build_network(recipe: Recipe, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The network with its weights, whatever published layout their keys follow.

    Raises:
        ModelFileError: The weights do not belong to this network.
    """
    network = make_network(recipe.network, keypoints=len(recipe.skeleton), options=recipe.options)
    detail = f" with deconvolutions {recipe.deconv}" if recipe.options else ""
    load_strictly(
        network,
        to_our_names(network, state),
        name=f"{recipe.network}{detail} and {len(recipe.skeleton)} keypoints",
        fix="give the right --network, --deconv and --final-kernel",
    )
    return network


def build_model(recipe: Recipe, network: torch.nn.Module) -> PoseModel:
    """Preprocessing, network and decoding as one module, ready to run or export."""
    if recipe.has_flip_test:
        order = recipe.skeleton.flip_order
        network = FlipTest(network, flip_order=order, cells=recipe.cells)
    kind = kind_of(recipe.network)
    height, width = recipe.input_hw
    decode: torch.nn.Module
    if kind.gives == "coordinates":
        decode = Coordinates(input_hw=recipe.input_hw)
    else:
        decode = Decode(
            keypoints=len(recipe.skeleton),
            heatmap_hw=(height // kind.stride, width // kind.stride),
            stride=kind.stride,
            refine=recipe.refine,
            cells=recipe.cells,
            sigma=recipe.sigma,
        )
    colour: Literal["rgb", "bgr"] = "bgr" if recipe.colour == "bgr" else "rgb"
    preprocess = Preprocess(colour=colour, mean=recipe.mean, std=recipe.std)
    return PoseModel(preprocess, network, decode).eval()  # type: ignore[no-any-return]
