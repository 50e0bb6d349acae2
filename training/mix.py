"""Average the weights of two trainings with the same start.

    python -m training.mix A.onnx B.pt --share 0.5 --out MIXED.pt

Weights refined from the same start lie in one valley of the loss: their mean is often better than
either, especially on images unlike the training's (Wortsman et al. 2022, arXiv:2203.05482).
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import Parser, require, run_command

if __name__ == "__main__":
    require("torch", "onnx", requirements="requirements-train.txt")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from steadypose.engines.errors import ModelFileError, UsageError
from steadypose.export.weights.origin import files_of
from steadypose.export.weights.recipe import find_recipe
from steadypose.export.weights.state_dict import load_weights
from steadypose.realtime.command.written_files import add_force, check_written
from training.runs.checkpoints import save_checkpoint


def mix(first: Path, second: Path, *, share: float, out: Path, is_forced: bool = False) -> str:
    """Write ``(1 - share) * first + share * second`` with the first one's recipe.

    Raises:
        UsageError: The share is not between 0 and 1, the first has no recipe, or ``out``
            cannot be written.
        ModelFileError: They are of different networks.
    """
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"--share {share} is not between 0 and 1", fix="0.5 is the mean")
    if out.suffix != ".pt" or not out.parent.is_dir():
        raise UsageError(f"cannot write {out}", fix="name a new .pt file in an existing folder")
    check_written(
        [(out, "--out"), (out.with_suffix(".json"), "the recipe of --out:")],
        read=[*files_of(first), *files_of(second)],
        is_forced=is_forced,
    )
    origin = find_recipe(first)
    if origin is None:
        raise UsageError(f"{first} has no recipe", fix="name the file with a recipe first")
    one, two = load_weights(first), load_weights(second)
    if {k: v.shape for k, v in one.items()} != {k: v.shape for k, v in two.items()}:
        raise ModelFileError(
            f"{first} and {second} are of different networks",
            fix="mix trainings of the same network",
        )
    mixed = {
        # As stored in the model file, so that the measured weights are the shipped ones.
        k: _stored(torch.lerp(v, two[k], share)) if v.is_floating_point() else v
        for k, v in one.items()
    }
    save_checkpoint(mixed, out)
    origin.recipe.save(out, name=origin.name, source=origin.source, licence=origin.licence)
    return f"{out}: {1 - share:g} of {first} and {share:g} of {second}"


def _stored(value: torch.Tensor) -> torch.Tensor:
    return value.half() if value.dim() > 1 else value


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""

    def work() -> str:
        parser = Parser(
            prog="python -m training.mix",
            description=__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("first", type=Path, help="model file, or weights with their recipe")
        parser.add_argument("second", type=Path, help="of the same network")
        parser.add_argument("--share", type=float, default=0.5, help="of the second")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE.pt")
        add_force(parser)
        given = parser.parse_args(argv)
        return mix(
            given.first,
            given.second,
            share=given.share,
            out=given.out,
            is_forced=given.force,
        )

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
