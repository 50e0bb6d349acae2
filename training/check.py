"""Judge a data set before anything is learnt from it.

    python -m training.check --coco labels.json --images FOLDER --sheet sheet.jpg
    python -m training.check --config training/configs/default.toml --data PACKS

Prints how many people, pictures and keypoints there are, how large people are, and every label
that cannot be or is unlikely; reads every picture, so broken ones are found as well. The sheet
shows people with their labels. Exit code 2 where training would refuse the labels.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import Parser, require, run_command

if __name__ == "__main__":
    require("torch", requirements="requirements-train.txt")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.written_files import add_force, check_written
from training.config import load_config
from training.datasets import files_of_config, open_dataset
from training.datasets.coco import CocoDataset
from training.datasets.review import review_one
from training.datasets.skeletons import twin_notes
from training.datasets.table import pictures_of, require_pictures, table_of
from training.examples.sample import PoseDataset, Sample, usable
from training.measures.measure import crop_of
from training.measures.results import table
from training.runs.progress import draw_grid, write_picture

_CROP_HW = (192, 160)
_SHOWN = 48
_DARK = 32  # of 255: twelve bits in sixteen end at 15
_SHARES = (0, 10, 50, 90, 100)


def _counts(dataset: PoseDataset, samples: Sequence[Sample]) -> list[str]:
    """Tables of one data set; ``samples`` have no pictures."""
    known = np.stack([s.is_known for s in samples])
    bbox = np.stack([s.bbox for s in samples])
    side = (bbox[:, 2:] - bbox[:, :2]).max(axis=1)
    sizes = np.percentile(side, _SHARES)
    lines = [
        f"{len(dataset)} people, {len(samples)} with a usable label, {len(dataset.skeleton)} "
        f"keypoints ({dataset.skeleton.name}), {known.sum(axis=1).mean():.1f} of them labelled",
        "longer side of a person's box, pixels: "
        + ", ".join(f"{p} % {v:.0f}" for p, v in zip(_SHARES, sizes, strict=True)),
        "",
    ]
    hidden = np.stack([known[n] & False if s.is_hidden is None else s.is_hidden
                       for n, s in enumerate(samples)])  # fmt: skip
    counts = zip(dataset.skeleton.keypoints, known.sum(axis=0), hidden.sum(axis=0), strict=True)
    rows = [(name, str(labelled), str(unseen)) for name, labelled, unseen in counts]
    return [*lines, *table(("keypoint", "labelled", "of it hidden"), rows).split("\n")]


def _sheet(dataset: PoseDataset, those: Sequence[int], path: Path) -> None:
    """Draw some of those people, evenly spaced, with their labels."""
    rows = np.array(those)[np.linspace(0, len(those) - 1, min(_SHOWN, len(those))).astype(int)]
    crops, points, names = [], [], []
    for row, sample in usable(dataset, dict.fromkeys(int(row) for row in rows)):
        crop, place = crop_of(sample.image_bgr, sample.bbox, size_hw=_CROP_HW, padding=1.25)
        crops.append(crop)
        points.append(np.column_stack((place.to_crop(sample.xy), sample.is_known)))
        names.append(f"#{row}")
    sheet = draw_grid(
        np.stack(crops),
        np.nan_to_num(np.stack(points)).astype(np.float32),
        dataset.skeleton,
        columns=8,
        least_score=0.5,
        captions=names,
    )
    write_picture(sheet, path)


def _one(dataset: PoseDataset) -> tuple[list[str], list[int]]:
    """Everything about one data set, and which of its people can be learnt from.

    Raises:
        SourceError: A label cannot be, or a picture cannot be read.
    """
    table = table_of(dataset)
    notes = review_one(dataset, table) + twin_notes(dataset.skeleton)
    require_pictures([table])
    samples: list[Sample] = []
    rows, dark = [], list[str]()
    for row, sample in usable(dataset, range(len(dataset))):
        rows.append(row)
        if sample.image_bgr.max() < _DARK:
            dark.append(sample.name)
        nothing = np.zeros((0, 0, 3), np.uint8)  # thousands of pictures would not fit
        samples.append(
            Sample(sample.name, nothing, sample.xy, sample.is_known, sample.is_counted,
                   sample.bbox, is_hidden=sample.is_hidden)
        )  # fmt: skip
    if not samples:
        raise UsageError(
            f"{dataset.name} has no person with a usable label",
            fix="label at least one keypoint of somebody as visible or hidden",
        )
    if dark:
        notes.append(
            f"{dataset.name}: {len(dark)} of {len(rows)} pictures ({dark[0]}) are black or nearly: "
            "were fewer bits than a file has room for written?"
        )
    said = [f"note: {note}" for note in notes] or ["nothing unlikely was found"]
    return [f"## {dataset.name}", "", *_counts(dataset, samples), "", *said, ""], rows


def check(arguments: argparse.Namespace) -> list[str]:
    """Do what the command line says; returns the lines to print.

    Raises:
        SteadyposeError: A data set cannot be learnt from.
    """
    if (arguments.config is None) == (arguments.coco is None):
        raise UsageError("give either --config or --coco", fix="see --help")
    read = [path for path in (arguments.config, arguments.coco) if path is not None]
    if arguments.coco is not None:
        given = CocoDataset(arguments.coco, images=arguments.images, category=arguments.category)
        datasets: list[PoseDataset] = [given]
    else:
        config = load_config(arguments.config)
        root = arguments.data or arguments.config.parent
        read += [root / name for name in files_of_config(config)]
        datasets = [open_dataset(d, root=root) for d in (*config.train, *config.validate)]
    sheets = []
    if arguments.sheet is not None:
        path: Path = arguments.sheet
        sheets = [
            path if len(datasets) == 1 else path.with_stem(f"{path.stem}_{n}")
            for n in range(1, len(datasets) + 1)
        ]
        read += pictures_of(datasets)
        check_written([(p, "--sheet") for p in sheets], read=read, is_forced=arguments.force)
    found = [_one(dataset) for dataset in datasets]
    lines = [line for about, _ in found for line in about]
    for dataset, (_, rows), path in zip(datasets, found, sheets, strict=False):
        _sheet(dataset, rows, path)
        lines.append(f"{path}: {dataset.name} with its labels")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    parser = Parser(
        prog="python -m training.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, help="all data sets of a training config")
    parser.add_argument("--data", type=Path, help="where its relative paths start")
    parser.add_argument("--coco", type=Path, help="or this COCO keypoint file")
    parser.add_argument("--images", type=Path, help="folder of its pictures")
    parser.add_argument("--category", help="its category, if several have keypoints")
    parser.add_argument("--sheet", type=Path, help="write a picture of people with their labels")
    add_force(parser)
    return run_command(lambda: check(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
