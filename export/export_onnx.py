"""Weights to a self-contained model file: uint8 crops in, keypoints out.

    python export/export_onnx.py --model res50-coco-256x192
    python export/export_onnx.py --weights weights.pt --name my_model --output my_model.onnx

    python export/export_onnx.py --weights FILE --convention microsoft --input 256x192 --name res50

The first takes published weights that export/download_weights.py has fetched, the second uses
the recipe that training writes beside its weights (weights.json). Single options override
either. The file is written only after ONNX Runtime agreed with torch on real crops.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.realtime.command.parser import Parser, require, run_command

if __name__ == "__main__":
    require("torch", "onnx", "onnxscript", "onnxruntime", requirements="requirements-export.txt")

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxscript import optimizer

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.engines.file_io import sha256_of, write_model_file
from steadypose.engines.skeleton import SKELETONS
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.export.checking.real_crops import gather_crops
from steadypose.export.models.decoding import PoseModel
from steadypose.export.models.registry import NETWORKS, kind_of
from steadypose.export.option_values import channels, size, skeleton, triple
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.origin import find_origin, refuse_unused
from steadypose.export.weights.recipe import (
    RECIPE_KEY,
    Origin,
    Recipe,
    build_model,
    build_network,
)
from steadypose.export.weights.state_dict import load_weights
from steadypose.export.weights.stored import keep_weights, store_half
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.model.places import MODELS, SHIPPED

TOLERANCE_PX = 0.25
TOLERANCE_SCORE = 0.02

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


def keypoints_of(model: PoseModel, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What torch finds, before anything is exported.

    Raises:
        ModelFileError: It gives numbers that are not finite.
    """
    with torch.inference_mode():
        found: NDArray[np.float32] = model(torch.from_numpy(crops)).numpy()
    _require_finite(found)
    return found


def _require_finite(keypoints: NDArray[np.float32]) -> None:
    if not np.isfinite(keypoints).all():
        raise ModelFileError(
            "the network gives numbers that are not finite", fix="check the weights: damaged?"
        )


def check_against_torch(
    wanted: NDArray[np.float32],
    data: bytes,
    crops: NDArray[np.uint8],
    *,
    is_score_peak: bool = True,
) -> tuple[float, float, int]:
    """Compare the finished file with torch.

    Args:
        wanted: (N, K * (1 + others), 3) keypoints that torch found.
        data: The file.
        crops: (N, H, W, 3) uint8.
        is_score_peak: A score is its heatmap's maximum. Otherwise (MoveNet) rounding can tip
            the choice between two cells whose scores differ, and 99 in a hundred count.

    Returns:
        The difference of a keypoint, crop pixels, that 99 in a hundred stay below, and the
        largest (or that) of a score; and how many keypoints count as seen, so that their places
        could be compared.

    Raises:
        ModelFileError: More than one in a hundred keypoints that counts as seen moved
            by more than the tolerance, or a score did. (Storing weights as fp16 can tip
            the arg-max between two equal cells, far apart.)
    """
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (got,) = session.run(["keypoints"], {"crops": crops})
    _require_finite(got)
    is_seen = wanted[..., 2] > SEEN_SCORE
    distance = np.linalg.norm(got[..., :2] - wanted[..., :2], axis=-1)
    of_scores = np.abs(got[..., 2] - wanted[..., 2])
    worst_score = float(of_scores.max() if is_score_peak else np.percentile(of_scores, 99))
    typical_px = float(np.percentile(distance[is_seen], 99)) if is_seen.any() else 0.0
    if typical_px > TOLERANCE_PX or worst_score > TOLERANCE_SCORE:
        raise ModelFileError(
            f"the exported file differs from torch by {typical_px:.3f} px, {worst_score:.4f} score",
            fix="report this with the torch and onnx versions; nothing was written",
        )
    return typical_px, worst_score, int(is_seen.sum())


def export(arguments: argparse.Namespace) -> str:
    """Do what the command line says; returns what to tell the user."""
    weights, origin = find_origin(arguments)
    given = vars(arguments)
    chosen = {f.name: given[f.name] for f in dataclasses.fields(Recipe) if f.name in given}
    recipe = dataclasses.replace(origin.recipe, **chosen)
    refuse_unused(recipe, chosen)
    name = arguments.name or origin.name
    output: Path = arguments.output or MODELS / f"{name}.onnx"
    if arguments.output is None and output in SHIPPED:
        raise UsageError(
            f"this would replace the model that ships, {output}",
            fix="give --name or --output (--output with that path to replace it)",
        )
    network = build_network(recipe, load_weights(weights))
    model = build_model(recipe, network)
    source = arguments.provenance or origin.source
    licence = arguments.licence or origin.licence
    spec = ModelSpec(
        name=name,
        skeleton=recipe.skeleton,
        input_hw=recipe.input_hw,
        box_padding=recipe.padding,
        decoder=recipe.decoder,
        colour=recipe.colour,
        mean=recipe.mean,
        std=recipe.std,
        is_calibrated=recipe.is_calibrated,
        others=recipe.others,
        weights={
            "file": weights.name,
            "sha256": sha256_of(weights),
            "source": source,
            "licence": licence,
        },
    )
    crops = gather_crops(arguments.check_source, spec, count=arguments.check_crops)
    wanted = keypoints_of(model, crops)
    if sys.stderr.isatty():
        sys.stderr.write(f"exporting {name}; large networks take a minute or two\n")
    exported = to_onnx(model, recipe, opset=arguments.opset)
    keep_weights(exported, network.state_dict())
    if arguments.store == "fp16":
        store_half(exported)
    recorded = Origin(recipe, name, source, licence).to_json()
    for key, value in ((METADATA_KEY, spec.to_json()), (RECIPE_KEY, recorded)):
        exported.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(exported)
    data = exported.SerializeToString()
    typical_px, worst_score, seen = check_against_torch(
        wanted, data, crops, is_score_peak=kind_of(recipe.network).gives != "heads"
    )
    warning = ""
    if not seen:
        warning = "; no keypoint was seen in them, so check again with --check-source"
    write_model_file(data, output)
    return (
        f"{output}: {len(data) / 1e6:.1f} MB, opset {arguments.opset}; "
        f"on {len(crops)} crops of {arguments.check_source} it agrees with torch "
        f"within {typical_px:.4f} px (99 in 100 keypoints) and {worst_score:.5f} score{warning}"
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    unset = argparse.SUPPRESS  # then the recipe beside the weights decides
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights", type=Path, help="state dict (.pt or .pth), model file, or MoveNet's .json"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="published weights: run.py --list-models prints the names"
    )
    parser.add_argument(
        "--convention",
        choices=CONVENTIONS,
        help="whose code trained the weights: colours, statistics, grid (docs/networks.md)",
    )
    parser.add_argument("--output", type=Path, help="default: models/NAME.onnx")
    parser.add_argument("--name", help="model id in the spec")
    parser.add_argument("--network", choices=NETWORKS, default=unset)
    parser.add_argument("--deconv", type=channels, default=unset, help="such as 256,256,256")
    parser.add_argument("--final-kernel", type=int, choices=(1, 3), default=unset)
    parser.add_argument(
        "--input", dest="input_hw", type=size, default=unset, help="HEIGHTxWIDTH of the training"
    )
    parser.add_argument("--colour", choices=("rgb", "bgr"), default=unset)
    parser.add_argument("--refine", choices=("quarter", "dark", "none"), default=unset)
    parser.add_argument("--cells", choices=("half", "corner"), default=unset)
    parser.add_argument("--sigma", type=float, default=unset)
    parser.add_argument(
        "--skeleton", type=skeleton, metavar="NAME", default=unset, help=", ".join(SKELETONS)
    )
    parser.add_argument("--padding", type=float, default=unset)
    parser.add_argument("--flip-test", dest="has_flip_test", action="store_true", default=unset)
    parser.add_argument(
        "--softness", type=float, default=unset, help="cells added to distances (MoveNet)"
    )
    parser.add_argument(
        "--score",
        type=triple,
        default=unset,
        help="weights of heatmap, centre and constant in a score's logit (MoveNet)",
    )
    parser.add_argument("--mean", type=triple, default=unset, help="such as 0.485,0.456,0.406")
    parser.add_argument("--std", type=triple, default=unset, help="for pixels in 0 to 1")
    parser.add_argument("--opset", type=int, choices=(17, 18), default=18)
    parser.add_argument(
        "--store", choices=("fp16", "fp32"), default="fp16", help="weights in the file"
    )
    parser.add_argument("--provenance", help="where the weights come from")
    parser.add_argument("--licence", help="licence of the weights")
    parser.add_argument(
        "--check-source", default="demo", help="video or folder of the check's crops"
    )
    parser.add_argument("--check-crops", type=int, default=48)
    arguments = parser.parse_args(argv)
    if arguments.check_crops < 1:
        raise UsageError("--check-crops must be positive", fix="leave it out")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: export(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
