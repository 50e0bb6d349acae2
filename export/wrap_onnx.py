"""Wrap the ONNX file of another project as a model file: uint8 crops in, keypoints out.

    python export/wrap_onnx.py --onnx rtmpose.onnx --output models/rtmpose.onnx

The network may give heatmaps or SimCC scores. What the file does not say is guessed, and
every guess is printed with the option that overrides it; a TOML file (--config) may hold
the same options. The file is written only after ONNX Runtime gave the same keypoints as
the foreign network with NumPy around it. See docs/foreign_models.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.realtime.command.options.parser import Parser, require, run_command
from steadypose.realtime.sources.address import shown

if __name__ == "__main__":
    require("onnx", "onnxruntime", requirements="requirements-export.txt")

from steadypose.engines.errors import UsageError
from steadypose.engines.file_io import sha256_of, write_model_file
from steadypose.engines.foreign import names
from steadypose.engines.skeletons.people import COCO17
from steadypose.engines.spec import ModelSpec
from steadypose.export.checking.pck import told_places
from steadypose.export.checking.real_crops import gather_crops
from steadypose.export.option_values import size
from steadypose.export.wrap.check import check_wrapped
from steadypose.export.wrap.feed import SHORTHANDS, choose_feed
from steadypose.export.wrap.graph import foreign_domains, wrap
from steadypose.export.wrap.network import open_network, prove_batches
from steadypose.export.wrap.options import WrapOptions, load_toml
from steadypose.export.wrap.output.choice import choose_reading
from steadypose.export.wrap.output.people import one_person
from steadypose.export.wrap.output.reading import PointsReading
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.model.skeletons import add_skeleton
from steadypose.realtime.sources.opening import source_files


def wrap_file(arguments: argparse.Namespace) -> list[str]:
    """Do what the command line says; returns what to tell the user."""
    path, output = arguments.onnx, arguments.output
    options = WrapOptions.from_namespace(arguments)
    name = options.name or names.as_name(output.stem)
    if not names.is_name(name):
        raise UsageError(
            f"a model cannot be called {names.shown(name)}", fix=f"give --name; {names.RULE}"
        )
    check_written(
        [(output, "--output")],
        read=[
            *(path, arguments.config or path, *source_files(arguments.check_source)),
            *(arguments.skeleton.files if arguments.skeleton else ()),
        ],
        is_forced=arguments.force,
        makes_folders=True,
    )
    guesses: list[str] = []
    skeleton = options.skeleton or COCO17
    if options.skeleton is None:
        guesses.append("the keypoints are COCO's 17 in COCO's order (--skeleton)")
    network = open_network(path, options, guesses)
    network, options = one_person(network, skeleton, options, guesses)
    reading = choose_reading(network, skeleton, options, guesses)
    network = prove_batches(network, reading.names, guesses)
    is_detector = isinstance(reading, PointsReading) and reading.candidates is not None
    is_detector |= network.finds_people
    feed = choose_feed(network, options, guesses, is_detector=is_detector)
    if options.activation is None:
        guesses.append("the outputs are scores, not logits (--activation)")
    if options.padding is None:
        guesses.append("people's boxes were padded by 1.25 (--padding)")
    spec = ModelSpec(
        name=name,
        skeleton=skeleton,
        input_hw=network.input_hw,
        box_padding=options.padding or 1.25,
        decoder=reading.describe(),
        colour=feed.colour,
        mean=feed.mean,
        std=feed.std,
        weights={
            "file": path.name,
            "sha256": sha256_of(path),
            "source": options.provenance,
            "licence": options.licence,
            "preprocessing": feed.summary,
        },
    )
    crops = gather_crops(arguments.check_source, spec, count=arguments.check_crops)
    model = wrap(network, feed, reading, spec)
    notes = [
        f"note: operators of {domain} are not ONNX's own; TensorRT and OpenVINO may refuse them"
        for domain in foreign_domains(model)
    ]
    data = model.SerializeToString()
    worst_px, compared, score = check_wrapped(data, network, feed, reading, crops)
    if score < SEEN_SCORE:
        notes.append(
            f"note: the mean score is {score:.3f}, very low: are the guesses right? "
            "(--normalise, --colour, --activation)"
        )
    if score > 0.97:
        notes.append(
            "note: nearly every score is 1: are the outputs logits? (--activation sigmoid)"
        )
    proof = told_places(data, spec)
    write_model_file(data, output)
    lines = [*(f"guess: {guess}" for guess in guesses), *notes]
    lines.append(
        f"{output}: {len(data) / 1e6:.1f} MB, opset {model.opset_import[0].version}; on "
        f"{len(crops)} crops of {shown(arguments.check_source)} it agrees with the network and "
        f"NumPy within {worst_px:.4f} px at {compared} keypoints, mean score {score:.3f}"
    )
    return [*lines, *proof]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Everything that a TOML file may hold, too."""
    layouts = ("nchw", "nhwc")
    parser.add_argument("--name", help="model id in the spec (default: name of --output)")
    add_skeleton(parser, "the keypoints")
    feed = parser.add_argument_group("input")
    feed.add_argument("--input", type=size, help="HEIGHTxWIDTH, for a network of free size")
    feed.add_argument("--layout", choices=layouts)
    feed.add_argument("--colour", choices=("rgb", "bgr"))
    feed.add_argument("--normalise", choices=tuple(SHORTHANDS), help="shorthand for the next three")
    feed.add_argument("--scale", type=float, help="(pixel * SCALE - MEAN) / STD, pixels 0-255")
    feed.add_argument("--mean", type=float, nargs="+", help="in the network's channel order")
    feed.add_argument("--std", type=float, nargs="+", help="likewise")
    read = parser.add_argument_group("output")
    read.add_argument("--heatmaps", metavar="OUTPUT")
    read.add_argument("--heatmap-layout", choices=layouts, help="(N, K, h, w) or (N, h, w, K)")
    read.add_argument("--background", choices=("first", "last"), help="heatmap of no keypoint")
    read.add_argument("--stride", type=float, help="crop pixels per heatmap cell")
    read.add_argument("--cells", choices=("half", "corner", "udp"), help="where cells lie")
    read.add_argument("--refine", choices=("quarter", "dark", "none"))
    read.add_argument("--sigma", type=float, help="of the training's Gaussians, cells")
    read.add_argument("--simcc", nargs=2, metavar=("X", "Y"))
    read.add_argument("--split-ratio", type=float, help="SimCC bins per crop pixel")
    read.add_argument("--points", metavar="OUTPUT", help="output that holds coordinates")
    read.add_argument("--point", metavar="XYS", help="order of a point's numbers: xys, yxs, xy-s-")
    read.add_argument("--unit", choices=("pixels", "share"), help="of coordinates")
    read.add_argument("--person-score", metavar="OUTPUT", help="with one score for a person")
    read.add_argument("--point-scores", metavar="OUTPUT", help="with a score for each keypoint")
    read.add_argument("--activation", choices=("none", "sigmoid"), help="sigmoid for logits")
    about = parser.add_argument_group("about the weights")
    about.add_argument("--padding", type=float, help="box factor of the training, 1 to 4")
    about.add_argument("--licence")
    about.add_argument("--provenance", help="where they come from")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, over what a TOML file says."""
    shared = Parser(add_help=False)
    add_options(shared)
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--onnx", type=Path, required=True, help="the foreign file")
    parser.add_argument("--output", type=Path, required=True, help="model file to write")
    parser.add_argument("--config", type=Path, help="TOML file with the options above")
    parser.add_argument("--check-source", default="demo", help="video or folder of the check")
    parser.add_argument("--check-crops", type=int, default=24)
    add_force(parser)
    given = parser.parse_args(argv)
    if given.config is not None:
        given = parser.parse_args(argv, namespace=load_toml(given.config, shared))
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: wrap_file(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
