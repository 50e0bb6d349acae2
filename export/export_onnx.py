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
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.engines.wording.advice import command
from steadypose.engines.wording.telling import is_watched, tell
from steadypose.realtime.command.options.parser import Parser, require, run_command
from steadypose.realtime.sources.address import shown

if __name__ == "__main__":
    require("torch", "onnx", "onnxscript", "onnxruntime", requirements="requirements-export.txt")

import onnx

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import sha256_of, write_model_file
from steadypose.engines.spec import METADATA_KEY, ModelSpec
from steadypose.export.checking.against_torch import check_against_torch, keypoints_of
from steadypose.export.checking.real_crops import gather_crops
from steadypose.export.models.registry import NETWORKS, kind_of
from steadypose.export.option_values import channels, size, triple
from steadypose.export.weights.building import build_model
from steadypose.export.weights.conventions import CONVENTIONS
from steadypose.export.weights.origin import files_of, find_origin, refuse_unused
from steadypose.export.weights.recipe import RECIPE_KEY, Origin, Recipe, build_network
from steadypose.export.weights.state_dict import load_weights
from steadypose.export.weights.stored import keep_weights, store_half
from steadypose.export.weights.to_onnx import to_onnx
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.model.places import MODELS, SHIPPED
from steadypose.realtime.model.skeletons import ChosenSkeleton, add_skeleton
from steadypose.realtime.sources.opening import source_files


def export(arguments: argparse.Namespace) -> list[str]:
    """Do what the command line says; returns what to tell the user."""
    weights, origin = find_origin(arguments)
    if arguments.name:
        origin = dataclasses.replace(origin, name=arguments.name)
    given = dict(vars(arguments))
    shape: ChosenSkeleton | None = given.get("skeleton")
    if shape is not None:
        given["skeleton"] = shape.skeleton
    chosen = {f.name: given[f.name] for f in dataclasses.fields(Recipe) if f.name in given}
    recipe = dataclasses.replace(origin.recipe, **chosen)
    refuse_unused(recipe, chosen)
    name = origin.name
    output: Path = arguments.output or MODELS / f"{name}.onnx"
    if arguments.output is None and output in SHIPPED:
        raise UsageError(
            f"this would replace the model that ships, {output}",
            fix="give --name or --output (--output with that path to replace it)",
        )
    check_written(
        [(output, "--output")],
        read=[
            *files_of(weights),
            *source_files(arguments.check_source),
            *(shape.files if shape else ()),
        ],
        is_forced=arguments.force,
        makes_folders=True,
    )
    notes: list[str] = []
    state = load_weights(weights, key=arguments.weights_key, notes=notes)
    network = build_network(recipe, state, notes=notes)
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
    if is_watched():
        tell(f"exporting {name}; large networks take a minute or two")
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
    return [
        *(f"note: {note}" for note in notes),
        f"{output}: {len(data) / 1e6:.1f} MB, opset {arguments.opset}; "
        f"on {len(crops)} crops of {shown(arguments.check_source)} it agrees with torch "
        f"within {typical_px:.4f} px (99 in 100 keypoints) and {worst_score:.5f} score{warning}",
    ]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    unset = argparse.SUPPRESS  # then the recipe beside the weights decides
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights",
        type=Path,
        help="state dict (.pt, .pth, .safetensors), model file, or MoveNet's .json",
    )
    parser.add_argument(
        "--weights-key", metavar="NAME", default="", help="which one, if the file holds several"
    )
    parser.add_argument(
        "--model", metavar="NAME", help=f"published weights: {command('models')} prints the names"
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
    add_skeleton(parser, "the keypoints, if they are not COCO's 17", default=unset)
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
    add_force(parser)
    arguments = parser.parse_args(argv)
    if arguments.check_crops < 1:
        raise UsageError("--check-crops must be positive", fix="leave it out")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: export(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
