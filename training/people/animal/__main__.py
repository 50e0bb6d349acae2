"""Render labelled pictures of a made-up animal, to try training without labelling anything.

    python -m training.people.animal --out quib

The folder gets ``train/`` (100 pictures) and ``test/`` (40), each with labels.json as a labelling
tool exports it, ``walk.mp4`` with an animal that walks, and ``quib.toml``, a config for
training.train. The animal's skeleton of ten keypoints is nobody else's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadypose.engines.file_io import writing
from steadypose.realtime.command.options.parser import Number, Parser, run_command
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.record.video import VideoSink
from training.people.animal.pictures import FPS, film, render

CONFIG = """# A hundred pictures are enough where training begins from weights that ship.
name = "quib"

[augment]
half_body = 0.0

[[train]]
kind = "coco"
annotations = "train/labels.json"

[[validate]]
kind = "coco"
annotations = "test/labels.json"

[[stage]]
input = [64, 96]
sigma = 1.2
batch = 10
epochs = {epochs}
rate = 2e-3
warmup = 20
average = 0.98
"""


def _as_it_is(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image


def make(arguments: argparse.Namespace) -> str:
    """Do what the command line says."""
    out: Path = arguments.out
    config, walk = out / "quib.toml", out / "walk.mp4"
    written = [out / "train" / "labels.json", out / "test" / "labels.json", config, walk]
    check_written(
        [(path, "a file of --out:") for path in written],
        read=[],
        is_forced=arguments.force,
        makes_folders=True,
    )
    with writing(out):
        render(out / "train", count=arguments.count, seed=1)
        render(out / "test", count=max(1, arguments.count * 2 // 5), seed=2)
        config.write_text(CONFIG.format(epochs=arguments.epochs), encoding="utf-8")
        sink = VideoSink(walk, fps=FPS)
        for n, (image, _) in enumerate(film(arguments.frames)):
            sink.add((partial(_as_it_is, image), n / FPS))
        sink.close()
    return f"{out}: {arguments.count} labelled pictures in train, others in test, a film, quib.toml"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for name, least, usual, what in (
        ("count", 4, 100, "labelled pictures to learn from"),
        ("epochs", 1, 40, "epochs in the config"),
        ("frames", 1, 250, "frames of the film"),
    ):
        parser.add_argument(
            f"--{name}", type=Number(least, 100_000), default=usual, metavar="N",
            help=f"{what} (default: %(default)s)",
        )  # fmt: skip
    add_force(parser)
    return run_command(lambda: make(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
