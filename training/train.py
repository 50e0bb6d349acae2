"""Train a network from one config file.

    python -m training.train --config training/configs/default.toml --data PACKS --out RUN

RUN gets checkpoints, ``weights.pt`` (the averaged weights, for export_onnx.py) with its
recipe, ``log.csv``, ``curve.png`` and a grid of predictions. Ctrl-C saves; the same
command continues exactly where it stopped.
"""

from __future__ import annotations

from steadypose.engines.wording.advice import said
from steadypose.engines.wording.telling import tell
from steadypose.realtime.command.options.parser import Number, Parser, require

if __name__ == "__main__":
    require("torch", requirements="requirements-train.txt")

import argparse
import contextlib
import dataclasses
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from steadypose.engines.errors import SteadyposeError, UsageError
from steadypose.engines.file_io import identity
from steadypose.engines.foreign.claims import alone
from steadypose.realtime.command.written_files import check_written
from steadypose.realtime.model.skeletons import add_skeleton
from training.config import TrainConfig, load_config
from training.datasets import files_of_config
from training.examples.batches import default_workers
from training.runs.run import Begin, Run

_WRITTEN = ("checkpoint.pt", "weights.pt", "weights.json", "log.csv", "curve.png", "grid.png")


class Stop:
    """Signal handler: the first ends the run after its current step, the second at once.

    Args:
        run: The run to end.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, number: int, frame: object) -> None:
        """Called by the interpreter."""
        if self._run.is_stopping:
            raise KeyboardInterrupt
        self._run.is_stopping = True


def find_device(name: str) -> torch.device:
    """A torch device.

    Raises:
        UsageError: CUDA was requested but is not available.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no CUDA device", fix="leave --device out to use the CPU")
    return torch.device(name)


def workers_of(arguments: argparse.Namespace) -> int | None:
    """Data processes; None: none, the batches are made on the device.

    Raises:
        UsageError: Both were requested.
    """
    given: int | None = arguments.workers
    if not arguments.resident:
        return default_workers() if given is None else given
    if given is not None:
        raise UsageError(
            "--resident makes the batches on the device, without the processes of --workers",
            fix="leave out one of the two",
        )
    return None


def check_out(arguments: argparse.Namespace, config: TrainConfig) -> None:
    """Refuse a run that would write over what it learns from.

    Raises:
        UsageError: A file of ``--out`` is read, too, whatever it is called.
        RecordError: It cannot be written.
    """
    root: Path = arguments.data or arguments.config.parent
    read = [root / text for text in files_of_config(config)]
    read += [arguments.config, arguments.weights or arguments.config]
    read += arguments.skeleton.files if arguments.skeleton else []
    check_written(
        [(arguments.out / name, "a file of --out:") for name in _WRITTEN],
        read=read,
        is_forced=True,
        makes_folders=True,
    )


def check_pictures(out: Path, pictures: Iterable[Path]) -> None:
    """Refuse a run that would draw over the pictures that it learns from.

    Raises:
        UsageError: A picture lies where the run draws one of its own.
    """
    read = list(pictures)
    own = [out / name for name in _WRITTEN]
    drawn = identity(out / "grids")
    folders = {folder for folder in {path.parent for path in read} if identity(folder) == drawn}
    own += [path for path in read if path.parent in folders]
    check_written(
        [(path, "a file of --out:") for path in own], read=read, is_forced=True, makes_folders=True
    )


@contextlib.contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep other trainings from a folder: two would write one checkpoint in turns.

    Raises:
        RecordError: Another training is running there.
    """
    what = f"another training is running in {out}"
    fix = "wait until it has ended, or choose another --out"
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # what it writes first says what is wrong
            held.enter_context(alone(out / ".running", what, fix=fix))
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Entry; returns the exit code."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="TOML file")
    parser.add_argument(
        "--data", type=Path, help="where relative data paths start; default: the config's folder"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for all output")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--threads", type=Number(1, 1024), help="of torch on the CPU; default: all cores"
    )
    parser.add_argument(
        "--workers",
        type=Number(0, 1024),
        help="data processes; default: all cores but one, at most 12",
    )
    parser.add_argument(
        "--resident",
        action="store_true",
        help="keep all pictures on the device and make the batches there, without data processes",
    )
    parser.add_argument("--weights", type=Path, help="begin with this state dict or model file")
    parser.add_argument(
        "--weights-key", metavar="NAME", default="", help="which one, if the file holds several"
    )
    add_skeleton(parser, "the keypoints to learn, instead of the config's")
    parser.add_argument("--first-stage", type=int, default=1, help="begin with this stage")
    parser.add_argument("--quiet", action="store_true", help="one line per epoch, no bar")
    try:
        arguments = parser.parse_args(argv)
        workers = workers_of(arguments)
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        config = load_config(arguments.config)
        if arguments.skeleton is not None:
            config = dataclasses.replace(config, skeleton=arguments.skeleton.skeleton)
        check_out(arguments, config)
        run = Run(
            config,
            root=arguments.data or arguments.config.parent,
            out=arguments.out,
            device=find_device(arguments.device),
            workers=workers,
            is_quiet=arguments.quiet,
            begin=Begin(arguments.first_stage, arguments.weights, arguments.weights_key),
        )
        check_pictures(arguments.out, run.pictures)
        for note in run.notes:
            tell(f"note: {note}")
        stop = Stop(run)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        with alone_in(arguments.out):
            score = run.go()
    except SteadyposeError as error:
        tell(said(error.what, error.fix))
        return 2
    except KeyboardInterrupt:
        why = "stopped at once; the same command continues from the last checkpoint"
        tell(why)
        return 2
    if run.is_stopping:
        tell("stopped and saved; the same command continues from here")
        return 2
    weights = arguments.out / "weights.pt"
    tell(f"done: PCK@0.2 {score:.4f}; weights in {weights}", to_error=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
