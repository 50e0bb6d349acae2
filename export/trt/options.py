"""The options of export/build_trt.py."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from steadypose.engines.engine_file import SUFFIX, sidecar_of
from steadypose.engines.errors import UsageError
from steadypose.realtime.command.options.parser import Parser
from steadypose.realtime.command.own_files import BAD
from steadypose.realtime.command.written_files import add_force, check_written
from steadypose.realtime.model.places import POSE_RESNET, PUBLISHED
from steadypose.realtime.sources.opening import source_files

PRECISIONS = ("fp16", "fp32", "tf32", "int8")


def parse(argv: Sequence[str] | None, *, description: str | None) -> argparse.Namespace:
    """Parse the command line.

    Raises:
        UsageError: Options contradict each other or are impossible.
    """
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--onnx",
        type=Path,
        help=f"model file (default: {PUBLISHED.name} if it is here or fetched, "
        f"else {POSE_RESNET.name}, which ships)",
    )
    parser.add_argument(
        "--fetch",
        action="store_true",
        help=f"without --onnx: download and export {PUBLISHED.stem} first, without a question",
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="fp16")
    parser.add_argument("--max-batch", type=int, default=8, help="largest batch (default 8)")
    parser.add_argument("--flavor", choices=("auto", "tensorrt", "tensorrt-rtx"), default="auto")
    parser.add_argument("--workspace", type=int, default=0, help="MiB of builder scratch memory")
    parser.add_argument(
        "--target", nargs="+", default=[], help="compute capabilities (RTX), such as 8.6 8.9"
    )
    parser.add_argument(
        "--device", type=int, default=0, help="number of the GPU, in CUDA's order (default 0)"
    )
    parser.add_argument("--output", type=Path, help="default: engines/built/...")
    parser.add_argument("--plan", type=Path, help="also write the bare plan, for trtexec or Triton")
    parser.add_argument("--save-onnx", type=Path, help="also write the graph that was built")
    parser.add_argument("--calibration", default="demo", help="video or folder, for int8")
    parser.add_argument("--calibration-crops", type=int, default=200)
    parser.add_argument(
        "--check-source", default="demo", help="video or folder for the parity check"
    )
    add_force(parser, "; keep an engine that fails the parity check")
    parser.add_argument("--verbose", action="store_true", help="show TensorRT's own messages")
    arguments = parser.parse_args(argv)
    arguments.target = sorted({_capability(text) for text in arguments.target})
    _check_paths(arguments)
    if arguments.workspace < 0 or arguments.calibration_crops < 1:
        raise UsageError(
            "--workspace and --calibration-crops must be positive", fix="leave them out"
        )
    if not 0 <= arguments.device <= 63:
        raise UsageError("--device is not between 0 and 63", fix="leave it out for the first GPU")
    if not 1 <= arguments.max_batch <= 256:
        raise UsageError("--max-batch is not between 1 and 256", fix="leave it out for 8")
    return arguments


def _capability(text: str) -> str:
    """Convert 8.6 or 86 to 8.6."""
    digits = text.replace(".", "")
    if not digits.isdigit() or not 2 <= len(digits) <= 3:
        raise UsageError(f"--target {text} is no compute capability", fix="write it like 8.9")
    return f"{digits[:-1]}.{digits[-1]}"


def _check_paths(arguments: argparse.Namespace) -> None:
    if arguments.fetch and arguments.onnx is not None:
        raise UsageError(
            f"--fetch makes {PUBLISHED.name}, and --onnx names another model file",
            fix="leave one of them out",
        )
    models = [arguments.onnx] if arguments.onnx is not None else [PUBLISHED, POSE_RESNET]
    check_written(
        _files(arguments),
        read=[
            *models,
            *source_files(arguments.calibration),
            *source_files(arguments.check_source),
        ],
        is_forced=arguments.force,
        makes_folders=True,
    )
    if arguments.output is not None and arguments.output.suffix != SUFFIX:
        raise UsageError(
            f"--output {arguments.output} does not end in {SUFFIX}",
            fix="a run knows engines by their ending; --plan writes a bare plan",
        )


def trial_of(output: Path) -> Path:
    """Where an engine lies until it is proved: run.py does not look for such names."""
    return output.with_name(f"{output.stem}.unproved{SUFFIX}")


def _files(arguments: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    """Every file of a build, with the option that names it."""
    if arguments.output is not None:
        trial = trial_of(arguments.output)
        yield arguments.output, "--output"
        for path in (sidecar_of(arguments.output), trial, sidecar_of(trial)):
            yield path, "beside --output:"
        for path in (trial, sidecar_of(trial)):
            yield path.with_name(path.name + BAD), "beside --output:"
    for path, option in ((arguments.plan, "--plan"), (arguments.save_onnx, "--save-onnx")):
        if path is not None:
            yield path, option
