"""Measure a model file's accuracy on labelled images, through its backend.

    python -m training.evaluate models/NAME.onnx --config training/configs/default.toml --data PACKS
    python -m training.evaluate weights.pt --coco labels.json --images FOLDER --sheet worst.jpg

Prints PCK@0.2 and @0.5 of the torso, PCKh if heads are labelled, COCO's AP for COCO
files, every keypoint, and the calibration of the scores. ``weights.pt`` runs in torch.
"""

from __future__ import annotations

from steadypose.engines.wording.printable import visible_lines
from steadypose.engines.wording.telling import tell
from steadypose.realtime.command.options.parser import Number, Parser, require, run_command

if __name__ == "__main__":
    require("torch", requirements="requirements-train.txt")

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.engines.options import PRECISIONS, EngineOptions, default_threads
from steadypose.engines.registry import open_engine
from steadypose.engines.spec import ModelSpec
from steadypose.realtime.command.written_files import add_force
from training.config import load_config
from training.datasets import Remapped, open_dataset
from training.datasets.coco import CocoDataset
from training.datasets.review import review_one
from training.examples.sample import PoseDataset
from training.measures.error_chart import error_chart
from training.measures.errors import classify_found, error_table
from training.measures.measure import Found, crop_of, infer_crops, measure
from training.measures.results import publish
from training.measures.suppression import suppress
from training.measures.tables import keypoint_table, reliability_table, summary
from training.measures.written import check_outputs, check_places, place_of
from training.runs.progress import draw_grid, write_picture

_WORST = 20


def open_any(
    path: Path,
    *,
    backend: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    is_trusting: bool = False,
) -> Engine:
    """Open a model file through the registry, or weights with a recipe in torch.

    Raises:
        SteadyposeError: It is neither, or cannot run here.
    """
    if path.suffix not in {".pt", ".pth"}:
        options = EngineOptions(precision, threads or default_threads(), is_trusting)
        return open_engine(path, backend=backend, options=options).engine
    return open_in_torch(path)


def open_in_torch(path: Path) -> Engine:
    """Weights with their recipe, or those of a model file, in torch and float32.

    Raises:
        SteadyposeError: They cannot be read, or have no recipe.
    """
    from steadypose.export.checking.torch_engine import TorchEngine  # noqa: PLC0415  # torch only where needed
    from steadypose.export.weights.building import build_model  # noqa: PLC0415
    from steadypose.export.weights.recipe import build_network, find_recipe  # noqa: PLC0415
    from steadypose.export.weights.state_dict import load_weights  # noqa: PLC0415

    state = load_weights(path)
    origin = find_recipe(path)
    if origin is None:
        raise UsageError(
            f"{path} has no recipe beside it ({path.with_suffix('.json').name})",
            fix="export it first with export/export_onnx.py and evaluate the model file",
        )
    recipe = origin.recipe
    spec = ModelSpec(
        origin.name, recipe.skeleton, recipe.input_hw, recipe.padding, others=recipe.others
    )
    return TorchEngine(build_model(recipe, build_network(recipe, state)), spec)


def worst_rows(found: Found, count: int = _WORST) -> list[tuple[int, float]]:
    """(index in ``found``, mean error in reference lengths) of the worst, worst first."""
    error = np.where(found.is_counted, np.minimum(found.error, 1.0), np.nan)
    counted = np.asarray(np.isfinite(error).any(axis=1), np.bool_)
    mean = np.full(len(error), -1.0)
    mean[counted] = np.nanmean(error[counted], axis=1)
    places = np.argsort(-mean, kind="stable")[:count]
    return [(int(place), float(mean[place])) for place in places if counted[place]]


def worst_sheet(
    engine: Engine, dataset: PoseDataset, found: Found, path: Path, *, is_flip_tested: bool = False
) -> None:
    """Write an image of the people with the largest errors; crosses are labels.

    Raises:
        UsageError: No person was measured.
        RecordError: The picture cannot be written.
    """
    worst = worst_rows(found)
    if not worst:
        raise UsageError(f"no person of {dataset.name} was measured", fix="leave --sheet out")
    spec = engine.spec
    crops, truths = [], []
    for place_in_found, _ in worst:
        sample = dataset.sample(int(found.rows[place_in_found]))
        crop, place = crop_of(
            sample.image_bgr, sample.bbox, size_hw=spec.input_hw, padding=spec.box_padding
        )
        crops.append(crop)
        truths.append(np.where(sample.is_known[:, None], place.to_crop(sample.xy), np.nan))
    sheet = draw_grid(
        np.stack(crops),
        infer_crops(engine, np.stack(crops), is_flip_tested=is_flip_tested),
        spec.skeleton,
        columns=10,
        captions=[f"#{found.rows[n]} {mean:.2f}" for n, mean in worst],
        truth=np.stack(truths).astype(np.float32),
    )
    write_picture(sheet, path)


def _datasets(arguments: argparse.Namespace, engine: Engine) -> list[PoseDataset]:
    if (arguments.config is None) == (arguments.coco is None):
        raise UsageError("give either --config or --coco", fix="see --help")
    opened: list[PoseDataset]
    if arguments.coco is not None:
        opened = [CocoDataset(arguments.coco, images=arguments.images, category=arguments.category)]
    else:
        config = load_config(arguments.config)
        root = arguments.data or arguments.config.parent
        opened = [open_dataset(data, root=root) for data in config.validate]
    wanted = engine.spec.skeleton
    fitting = [
        d for d in opened if isinstance(d, CocoDataset) and d.skeleton.keypoints == wanted.keypoints
    ]
    if arguments.oks_nms is not None and arguments.detections is None:
        raise UsageError(
            "--oks-nms chooses between overlapping boxes, and labelled boxes are one a person",
            fix="give --detections as well, or leave it out",
        )
    for option in ("detections", "results"):
        if getattr(arguments, option) is not None and len(fitting) != 1:
            raise UsageError(
                f"--{option} need a COCO file with the keypoints of {engine.spec.name}",
                fix="leave them out, or give one such file with --coco",
            )
    for dataset in opened:
        for note in review_one(dataset):
            tell(f"note: {note}")
    return [d if d.skeleton.keypoints == wanted.keypoints else Remapped(d, wanted) for d in opened]


def _average_precision(
    engine: Engine, dataset: CocoDataset, arguments: argparse.Namespace
) -> list[str]:
    from training.measures.coco_eval import (  # noqa: PLC0415  # needs pycocotools
        average_precision,
        find_poses,
        load_detections,
        save_results,
    )

    boxes = None
    if arguments.detections is not None:
        boxes = load_detections(arguments.detections, dataset=dataset)
    results = find_poses(engine, dataset, boxes, is_flip_tested=arguments.flip_test)
    sigmas = engine.spec.skeleton.sigmas
    if arguments.oks_nms is not None:
        results = suppress(results, sigmas=sigmas, threshold=arguments.oks_nms)
    if arguments.results is not None:
        save_results(results, arguments.results)
    statistics = average_precision(dataset, results, sigmas=sigmas)
    kind = "labelled boxes" if boxes is None else f"boxes of {arguments.detections.name}"
    if arguments.oks_nms is not None:
        kind += f", {len(results)} poses after OKS-NMS at {arguments.oks_nms:g}"
    return [f"COCO OKS with {kind}: " + ", ".join(f"{n} {v:.3f}" for n, v in statistics.items())]


def evaluate(arguments: argparse.Namespace) -> str:
    """Run the command; returns the report."""
    engine = open_any(
        arguments.model,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        is_trusting=arguments.trust_engine,
    )
    with closing(engine):
        return visible_lines(_report(engine, arguments))


def _report(engine: Engine, arguments: argparse.Namespace) -> list[str]:
    flip = ", flip test on" if arguments.flip_test else ""
    lines = [f"{engine.spec.name} on {engine.label}{flip}"]
    datasets = _datasets(arguments, engine)
    check_places(arguments, datasets)
    for number, dataset in enumerate(datasets):
        found = measure(engine, dataset, is_flip_tested=arguments.flip_test)
        lines += ["", f"## {dataset.name}", "", *summary(found)]
        if isinstance(dataset, CocoDataset):
            lines += _average_precision(engine, dataset, arguments)
        elif isinstance(getattr(dataset, "inner", None), CocoDataset):
            lines.append("COCO OKS: not measured, the keypoints' names or order differ")
        kinds, names = classify_found(found, dataset), found.skeleton.keypoints
        lines += ["", *keypoint_table(found), "", *error_table(kinds, names)]
        lines += ["", *reliability_table(found)]
        if arguments.errors is not None:
            title = f"{engine.spec.name} on {dataset.name}"
            chart = error_chart(kinds, names, title=title)
            write_picture(chart, place_of(arguments.errors, datasets, number))
        if arguments.sheet is not None:
            sheet = place_of(arguments.sheet, datasets, number)
            worst_sheet(engine, dataset, found, sheet, is_flip_tested=arguments.flip_test)
    return lines


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model file, engine file, or weights.pt")
    parser.add_argument("--config", type=Path, help="measure on its [[validate]] data sets")
    parser.add_argument("--data", type=Path, help="where its relative paths start")
    parser.add_argument("--coco", type=Path, help="or on this COCO keypoint file")
    parser.add_argument("--images", type=Path, help="folder of its pictures")
    parser.add_argument("--category", help="its category, if several have keypoints")
    parser.add_argument("--detections", type=Path, help="COCO JSON of boxes, for AP")
    parser.add_argument(
        "--oks-nms",
        type=Number(0, 1, is_whole=False),
        metavar="T",
        help="of its poses that are more alike than T keep the best (published: 0.9)",
    )
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--trust-engine", action="store_true", help="run an engine that was built elsewhere"
    )
    parser.add_argument("--flip-test", action="store_true", help="average with the mirror image")
    parser.add_argument("--sheet", type=Path, help="write a picture of the twenty worst")
    parser.add_argument(
        "--errors", type=Path, help="draw the kinds of errors of every keypoint to this picture"
    )
    parser.add_argument("--output", type=Path, help="also write the report to this file")
    parser.add_argument("--results", type=Path, help="write the poses found, as COCO results")
    add_force(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""

    def work() -> list[str]:
        arguments = build_parser().parse_args(argv)
        check_outputs(arguments)
        return publish(evaluate(arguments), arguments.output).split("\n")

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
