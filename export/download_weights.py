"""Published weights by name, into the cache; checked against the hash in their name.

    python export/download_weights.py res50-coco-256x192
    python export/download_weights.py --list
    python export/download_weights.py NAME --weights FILE

A broken download is resumed by the same command. The cache is STEADYPOSE_CACHE or the
user's cache folder. A mirror holds the same folders as download.openmmlab.com/mmpose/; more
of them, between spaces, can stand in STEADYPOSE_MIRRORS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: names are found from the root, not from this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from steadypose.realtime.command.options.parser import Parser, require, run_command

if __name__ == "__main__":
    require("requests", "filelock", "tqdm", requirements="requirements-export.txt")

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.wording import advice
from steadypose.export.weights.download.checked_files import adopt
from steadypose.export.weights.download.fetch import fetch, part_of
from steadypose.export.weights.download.progress import ProgressLine
from steadypose.export.weights.download.transfer import Patience, disk_errors, size_of
from steadypose.realtime.model.zoo import ZooModel, cache_folder, find, weights_file
from steadypose.realtime.model.zoo_listing import listing

_APART = (
    ("--list", ("NAME", "--weights", "--mirror"), "the list shows all names, fetches nothing"),
    ("--weights", ("--mirror",), "a file that is here needs no server"),
    ("--offline", ("--mirror",), "without a network nobody can ask it"),
)


def download(arguments: argparse.Namespace, patience: Patience) -> list[str]:
    """Do what the command line says; returns what to tell the user."""
    _refuse_what_cannot_apply(arguments)
    folder: Path = arguments.cache or cache_folder()
    with disk_errors(folder):  # where the working folder is gone
        folder = folder.absolute()
    if arguments.list:
        return listing(folder)
    if arguments.name is None:
        raise UsageError("no model is named", fix="--list shows them all")
    model = find(arguments.name)
    if arguments.weights is not None:
        path = adopt(model, arguments.weights, folder=folder)
    else:
        path = _fetch(model, folder, arguments, patience)
    said = (
        f"{path}: {size_of(path) / 1e6:.1f} MB, "
        f"SHA-256 begins with {model.hash_prefix} as it should"
    )
    return [said] if arguments.no_hint else [said, *_next_step(model, path)]


def _refuse_what_cannot_apply(arguments: argparse.Namespace) -> None:
    """Nothing that was typed is ignored, unless it asks for what happens anyway.

    Raises:
        UsageError: Two options exclude each other.
    """
    given = {
        "NAME": arguments.name is not None,
        "--weights": arguments.weights is not None,
        "--mirror": bool(arguments.mirror),
        "--offline": arguments.offline,
        "--list": arguments.list,
    }
    for one, others, reason in _APART:
        for other in others:
            if given[one] and given[other]:
                raise UsageError(f"{other} cannot go with {one}: {reason}", fix="leave out one")


def _next_step(model: ZooModel, path: Path) -> list[str]:
    if not model.network:
        return [f"next: {advice.WRAP_FOREIGN}"]
    if path == weights_file(model):  # where the export looks
        return [f"next: {advice.command('export-onnx')} --model {model.name}"]
    return []


def _fetch(
    model: ZooModel, folder: Path, arguments: argparse.Namespace, patience: Patience
) -> Path:
    line = ProgressLine(sys.stderr, model.name)
    try:
        return fetch(
            model,
            folder=folder,
            offline=arguments.offline,
            mirrors=arguments.mirror,
            progress=line,
            patience=patience,
        )
    except KeyboardInterrupt:
        kept = size_of(part_of(folder / model.file_name))
        raise SourceError(
            f"stopped by Ctrl-C; {kept / 1e6:.1f} MB of {model.file_name} are kept",
            fix="run the same command again to go on from there",
        ) from None
    finally:
        line.end()


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a name of --list")
    parser.add_argument(
        "--list", "--list-models", dest="list", action="store_true", help="show all names and end"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="take this file, no network")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="default: the user's cache")
    parser.add_argument("--offline", action="store_true", help="never touch the network")
    parser.add_argument(
        "--mirror", action="append", default=[], metavar="URL", help="try it first; repeatable"
    )
    parser.add_argument("--no-hint", action="store_true", help="do not say what comes next")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, *, patience: Patience | None = None) -> int:
    """Entry; returns the exit code."""
    return run_command(lambda: download(parse(argv), patience or Patience()))


if __name__ == "__main__":
    sys.exit(main())
