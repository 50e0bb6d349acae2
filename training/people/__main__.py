"""Render a pack of labelled people.

    python -m training.people --count 10000 --out people.tar --backgrounds lspet.tar

Image n depends only on the seed and n, so any number of processes makes the same pack.
``--backgrounds`` takes a labelled pack: the regions beside its people become backgrounds
of ours. The pack is read by ``kind = "pack"`` with ``outside = "keep"``.
"""

from __future__ import annotations

from steadypose.realtime.command.options.parser import Number, Parser, require, run_command

if __name__ == "__main__":
    require("torch", "tqdm", requirements="requirements-people.txt")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.written_files import add_force, check_written
from training.people.pack import draw_sheet, labels_of, render

_LARGEST_SEED = 2**31 - 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: Options contradict each other.
    """
    parser = Parser(
        prog="python -m training.people",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers: tuple[tuple[str, Number, int | None, str, str], ...] = (
        ("--count", Number(1, 99999), 10000, "N", "pictures"),
        ("--last", Number(1, 99999), None, "N", "use pictures of --backgrounds up to this number"),
        ("--longest", Number(64, 2048), 288, "PX", "longer side of a picture"),
        ("--seed", Number(0, _LARGEST_SEED), 1, "N", "of all random numbers"),
        ("--workers", Number(1, 64), 1, "N", "processes"),
    )
    for option, kind, usual, metavar, what in numbers:
        said = what if usual is None else f"{what} (default: %(default)s)"
        parser.add_argument(option, type=kind, default=usual, metavar=metavar, help=said)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.tar")
    parser.add_argument(
        "--backgrounds", type=Path, metavar="FILE.tar", help="pack whose surroundings are used"
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE.jpg", help="also draw the first 24 with their labels"
    )
    add_force(parser)
    arguments = parser.parse_args(argv)
    if arguments.last is not None and arguments.backgrounds is None:
        raise UsageError("--last belongs to --backgrounds", fix="name that pack, or leave it out")
    return arguments


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what would destroy something, before anything is drawn."""
    read = []
    if arguments.backgrounds is not None:
        read = [arguments.backgrounds, labels_of(arguments.backgrounds)]
    written = [(arguments.out, "--out"), (labels_of(arguments.out), "the labels of --out:")]
    check_written(written, read=read, is_forced=arguments.force, makes_folders=True)
    if arguments.sheet is not None:
        read += [path for path, _ in written]
        check_written([(arguments.sheet, "--sheet")], read=read, is_forced=arguments.force)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""

    def work() -> str:
        arguments = parse(argv)
        _check(arguments)
        labels = render(
            arguments.out,
            count=arguments.count,
            seed=arguments.seed,
            longest=arguments.longest,
            backgrounds=arguments.backgrounds,
            last=arguments.last,
            workers=arguments.workers,
        )
        if arguments.sheet is not None:
            draw_sheet(arguments.out, arguments.sheet)
        return f"{arguments.count} pictures in {arguments.out}, labels in {labels}"

    return run_command(work)


if __name__ == "__main__":
    sys.exit(main())
