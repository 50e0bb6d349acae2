"""Put preprocessing, network and decoding together, as a recipe says."""

from __future__ import annotations

import copy
from typing import Literal

import torch

from steadypose.export.models.center_decoding import DecodeCenter
from steadypose.export.models.decoding import Coordinates, Decode, FlipTest, PoseModel, Preprocess
from steadypose.export.models.movenet import MoveNet
from steadypose.export.models.registry import kind_of
from steadypose.export.weights.recipe import Recipe


def build_model(recipe: Recipe, network: torch.nn.Module) -> PoseModel:
    """Preprocessing, network and decoding as one module, ready to run or export."""
    kind = kind_of(recipe.network)
    if recipe.has_flip_test:
        network = FlipTest(
            network,
            flip_order=recipe.skeleton.flip_order,
            cells=recipe.cells,
            gives="coordinates" if kind.gives == "coordinates" else "heatmaps",
        )
    height, width = recipe.input_hw
    decode: torch.nn.Module
    grid_hw = (height // kind.stride, width // kind.stride)
    if kind.gives == "coordinates":
        decode = Coordinates(input_hw=recipe.input_hw)
    elif kind.gives == "heads":
        if isinstance(network, MoveNet):
            network = copy.copy(network)  # training goes on with the dense one, of the same weights
            network.is_sparse = True
        of_heatmap, of_center, constant = recipe.score
        decode = DecodeCenter(
            keypoints=len(recipe.skeleton),
            grid_hw=grid_hw,
            stride=kind.stride,
            softness=recipe.softness,
            score=(of_heatmap, of_center, constant),
            others=recipe.others,
        )
    else:
        decode = Decode(
            keypoints=len(recipe.skeleton),
            heatmap_hw=grid_hw,
            stride=kind.stride,
            refine=recipe.refine,
            cells=recipe.cells,
            sigma=recipe.sigma,
        )
    colour: Literal["rgb", "bgr"] = "bgr" if recipe.colour == "bgr" else "rgb"
    preprocess = Preprocess(colour=colour, mean=recipe.mean, std=recipe.std)
    return PoseModel(preprocess, network, decode).eval()  # type: ignore[no-any-return]
