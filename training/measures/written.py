"""What an evaluation writes, and that it writes over nothing that it reads."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.export.weights.origin import files_of
from steadypose.realtime.command.written_files import check_written
from training.config import load_config
from training.datasets import files_of_config
from training.datasets.table import pictures_of
from training.examples.sample import PoseDataset

_ONE = ("output", "results")
_EACH = ("sheet", "errors")  # one for each data set


def place_of(path: Path, datasets: Sequence[PoseDataset], number: int) -> Path:
    """Where the picture about one data set of several goes; ``number``: its own, from 0."""
    if len(datasets) == 1:
        return path
    name = datasets[number].name
    is_alone = [d.name for d in datasets].count(name) == 1
    return path.with_stem(f"{path.stem}_{name}" + ("" if is_alone else f"_{number + 1}"))


def check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse to write over the model or the labels, before anything is opened.

    Raises:
        UsageError: It would; or an option is of no use.
        RecordError: A file cannot be written.
    """
    for option in ("images", "category"):
        if getattr(arguments, option) is not None and arguments.coco is None:
            raise UsageError(f"--{option} is for --coco", fix="set it in the config instead")
    given = [(getattr(arguments, name), f"--{name}") for name in (*_ONE, *_EACH)]
    _check([(path, option) for path, option in given if path is not None], arguments, [])


def check_places(arguments: argparse.Namespace, datasets: Sequence[PoseDataset]) -> None:
    """Refuse to write over a picture that is read, in the files of all data sets.

    Raises:
        UsageError: It would.
        RecordError: A file cannot be written.
    """
    given = [(getattr(arguments, name), f"--{name}") for name in _ONE]
    for name in _EACH:
        path = getattr(arguments, name)
        if path is not None:
            given += [(place_of(path, datasets, n), f"--{name}") for n in range(len(datasets))]
    files = [(path, option) for path, option in given if path is not None]
    if files:
        _check(files, arguments, pictures_of(datasets))


def _check(
    files: Sequence[tuple[Path, str]], arguments: argparse.Namespace, pictures: Iterable[Path]
) -> None:
    read = [*files_of(arguments.model), arguments.config, arguments.coco, arguments.detections]
    if arguments.config is not None:
        root = arguments.data or arguments.config.parent
        read += [root / path for path in files_of_config(load_config(arguments.config))]
    check_written(
        files,
        read=[*(path for path in read if path is not None), *pictures],
        is_forced=arguments.force,
        makes_folders=True,
    )
