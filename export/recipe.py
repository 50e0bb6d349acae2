"""How weights become a network, and how its heatmaps are read."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engines.errors import ModelFileError
from engines.skeleton import COCO17, Skeleton
from export.graph import Cells, Decode, FlipTest, PoseModel, Preprocess, Refine
from export.models.pose_resnet import PoseResNet

STRIDE = 4


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a state dict does not say about itself.

    Attributes:
        depth: Of the ResNet.
        deconv: Channels of the deconvolutions.
        final_kernel: 1 or 3.
        input_hw: Crop size the weights were trained with, pixels.
        colour: Channel order they were trained with.
        refine: Sub-pixel decoding.
        cells: Where heatmap cells lie; ``corner`` for published weights.
        sigma: Of the training targets, cells.
        has_flip_test: Average with the mirror image: slower by two, a little better.
        padding: Box factor of the training.
        skeleton: Names and order of the keypoints.
    """

    depth: int = 18
    deconv: tuple[int, ...] = (128, 128, 128)
    final_kernel: int = 1
    input_hw: tuple[int, int] = (192, 160)
    colour: str = "rgb"
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
        for key in ("deconv", "input_hw"):
            raw[key] = tuple(int(v) for v in raw[key])
        return Origin(Recipe(**raw), str(data["name"]), str(data["source"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{path} is no recipe: {error!r}", fix="remove it and give the options instead"
        ) from error


def build_network(recipe: Recipe, state: dict[str, torch.Tensor]) -> PoseResNet:
    """The network with its weights.

    Raises:
        ModelFileError: The weights do not belong to this network.
    """
    network = PoseResNet(
        recipe.depth,
        keypoints=len(recipe.skeleton),
        deconv_filters=recipe.deconv,
        final_kernel=recipe.final_kernel,
    )
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise ModelFileError(
            f"the weights do not fit PoseResNet-{recipe.depth} with deconvolutions "
            f"{recipe.deconv} and {len(recipe.skeleton)} keypoints: {' '.join(lines)[:300]}",
            fix="give the right --depth, --deconv and --final-kernel",
        ) from error
    return network


def build_model(recipe: Recipe, network: torch.nn.Module) -> PoseModel:
    """Preprocessing, network and decoding as one module, ready to run or export."""
    if recipe.has_flip_test:
        order = recipe.skeleton.flip_order
        network = FlipTest(network, flip_order=order, cells=recipe.cells)
    height, width = recipe.input_hw
    decode = Decode(
        keypoints=len(recipe.skeleton),
        heatmap_hw=(height // STRIDE, width // STRIDE),
        stride=STRIDE,
        refine=recipe.refine,
        cells=recipe.cells,
        sigma=recipe.sigma,
    )
    colour = "bgr" if recipe.colour == "bgr" else "rgb"
    return PoseModel(Preprocess(colour=colour), network, decode).eval()  # type: ignore[arg-type]
