"""Compare all backends and precisions of a model on the same real crops.

    python -m benchmarks.accuracy.parity                              # the default model
    python -m benchmarks.accuracy.parity --also NAME_int8.onnx --source VIDEO
    python -m benchmarks.accuracy.parity --weights weights.pt         # torch is the reference

Differences are in crop pixels, over keypoints that the reference scores above 0.2. With
``--coco`` (a COCO keypoint file) or ``--config`` (a training config) each also gets its PCK
on those labels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from steadypose.engines.wording.printable import visible_lines
from steadypose.realtime.command.options.parser import Parser, require, run_command
from steadypose.realtime.sources.address import shown_option

if __name__ == "__main__":
    require("onnxruntime", requirements="requirements-train.txt")

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.engine_file import BUILT, SUFFIX, read_info
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.model_file import read_spec
from steadypose.engines.options import EngineOptions, default_threads
from steadypose.engines.registry import BACKENDS, open_engine
from steadypose.engines.spec import ModelSpec
from steadypose.export.checking.parity import Difference, difference, open_reference, run_all
from steadypose.export.checking.real_crops import gather_crops
from steadypose.realtime.model.places import DEFAULT_MODEL
from training.config import DataConfig, load_config
from training.datasets import open_datasets
from training.examples.sample import PoseDataset
from training.measures.measure import measure
from training.measures.results import publish

_ELSEWHERE = ("tensorrt", "remote")  # take an engine file, and a server

Candidate = tuple[str, Path, str, EngineOptions]


def candidates(paths: Sequence[Path], precisions: Sequence[str]) -> list[Candidate]:
    """Every backend and precision for every file: title, path, backend, options."""
    found: list[Candidate] = []
    for path in paths:
        if path.suffix == SUFFIX:
            found.append((f"{path.name}, built {read_info(path).built}", path, "tensorrt",
                          EngineOptions()))  # fmt: skip
            continue
        for backend in (entry.name for entry in BACKENDS if entry.name not in _ELSEWHERE):
            for precision in precisions:
                options = EngineOptions(precision, threads=default_threads())
                found.append((f"{path.name} on {backend} {precision}", path, backend, options))
    return found


def labelled(arguments: argparse.Namespace) -> list[PoseDataset]:
    """The data sets to measure PCK on, if any."""
    if arguments.coco is not None:
        options = {"annotations": str(arguments.coco.resolve())}
        if arguments.images is not None:
            options["images"] = str(arguments.images.resolve())
        return open_datasets([DataConfig("coco", options=options)], root=Path())
    if arguments.config is not None:
        root = arguments.data or arguments.config.parent
        return open_datasets(load_config(arguments.config).validate, root=root)[:1]
    return []


def built_engines(spec: ModelSpec) -> list[Path]:
    """Engines of this model in engines/built."""
    return sorted(BUILT.glob(f"{spec.name}-*{SUFFIX}"))


def report(arguments: argparse.Namespace) -> list[str]:
    """Run the command; returns a Markdown table."""
    spec = read_spec(arguments.onnx)
    share = -(-arguments.count // len(arguments.source))
    crops = np.concatenate([gather_crops(s, spec, count=share) for s in arguments.source])
    labels = labelled(arguments)
    options = EngineOptions("fp32", threads=default_threads())
    if arguments.weights:
        from training.evaluate import open_in_torch  # noqa: PLC0415  # imports torch

        engine = open_in_torch(arguments.weights)
    else:
        engine = open_reference(arguments.onnx, options)
    wanted = run_all(engine, crops)
    more = [f" PCK@0.2, {d.name} |" for d in labels]
    names = ", ".join(shown_option(source) for source in arguments.source)
    lines = [
        f"{spec.name}, {len(crops)} crops of {names}; differences from the first row, in crop "
        "pixels",
        "",
        "| engine | p50 | p95 | max | score |" + "".join(more),
        "|---|---:|---:|---:|---:|" + "---:|" * len(more),
        _row(engine.label, difference(wanted, wanted), engine, labels),
    ]
    engine.close()
    refusals = []
    paths = [arguments.onnx, *arguments.also, *built_engines(spec)]
    for title, path, backend, chosen in candidates(paths, ("fp32", "bf16")):
        chosen = replace(chosen, is_trusting=arguments.trust_engine)  # noqa: PLW2901
        try:
            engine = open_engine(path, backend=backend, options=chosen).engine
            got = difference(run_all(engine, crops), wanted)
            lines.append(_row(f"{path.name}: {engine.label}", got, engine, labels))
            engine.close()
        except SteadyposeError as error:
            refusals.append(f"not run: {title}: {error.what}")
    text = visible_lines([*lines, "", *refusals]).rstrip()
    return publish(text, arguments.output).split("\n")


def _row(title: str, got: Difference, engine: Engine, labels: Sequence[PoseDataset]) -> str:
    cells = [f"{got.p50:.3f}", f"{got.p95:.3f}", f"{got.largest:.2f}", f"{got.score:.4f}"]
    cells += [f"{measure(engine, data).pck():.4f}" for data in labels]
    return f"| {title} | " + " | ".join(cells) + " |"


def build_parser() -> Parser:
    """All options."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, default=DEFAULT_MODEL, help="model file")
    parser.add_argument(
        "--also", type=Path, nargs="+", default=[], help="more model files, engines"
    )
    parser.add_argument(
        "--trust-engine", action="store_true", help="run engines that were built elsewhere"
    )
    parser.add_argument("--weights", type=Path, help="compare with these weights in torch")
    parser.add_argument(
        "--source", nargs="+", default=["demo"], help="videos or folders the crops are cut from"
    )
    parser.add_argument("--count", type=int, default=500, help="crops at most")
    parser.add_argument("--coco", type=Path, help="COCO keypoint file for PCK")
    parser.add_argument("--images", type=Path, help="folder of its pictures")
    parser.add_argument("--config", type=Path, help="or a training config, for its validation set")
    parser.add_argument("--data", type=Path, help="where the config's paths start")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: report(build_parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
