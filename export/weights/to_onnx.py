"""A network with its decoding as an ONNX graph."""

from __future__ import annotations

import logging
import warnings

import onnx
import torch
from onnxscript import optimizer

from steadypose.engines.errors import ModelFileError
from steadypose.export.models.decoding import PoseModel
from steadypose.export.weights.recipe import Recipe

_NORM = "BatchNormalization"
_HIDDEN = "steadypose"  # the domain of an operator that no optimiser knows


def to_onnx(model: PoseModel, recipe: Recipe, *, opset: int) -> onnx.ModelProto:
    """Export with a dynamic batch and names that every backend relies on.

    Raises:
        ModelFileError: The exporter changed the opset (it can, silently).
    """
    example = torch.zeros((2, *recipe.input_hw, 3), dtype=torch.uint8)
    # It says at length that torchvision is not installed, which nothing here needs.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["crops"],
            output_names=["keypoints"],
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=256)},),
            optimize=False,
            verbose=False,
        )
        exported = _simplify(program.model_proto)
    got = {entry.domain: entry.version for entry in exported.opset_import}
    if got.get("") != opset:
        raise ModelFileError(
            f"asked for opset {opset}, the exporter wrote {got.get('')}", fix="use --opset 18"
        )
    exported.producer_name = "steadypose"
    del exported.graph.value_info[:]
    for node in exported.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return exported


def _simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fold constants and remove what does nothing, but leave batch norms alone.

    Folded into the convolutions they could not be trained any further, and backends fold
    them anyway. The optimiser offers no such choice, so it sees operators it does not know.

    Args:
        model: As exported without optimisation; changed.
    """
    for node in model.graph.node:
        if node.op_type == _NORM:
            node.domain = _HIDDEN
    model.opset_import.add(domain=_HIDDEN, version=1)
    made: onnx.ModelProto = optimizer.optimize(model)
    for node in made.graph.node:
        if node.domain == _HIDDEN:
            node.domain = ""
    kept = [entry for entry in made.opset_import if entry.domain != _HIDDEN]
    del made.opset_import[:]
    made.opset_import.extend(kept)
    return made
