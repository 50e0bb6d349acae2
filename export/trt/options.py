"""The options of export/build_trt.py."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from steadypose.engines.engine_file import SUFFIX
from steadypose.engines.errors import UsageError
from steadypose.realtime.command.parser import Parser
from steadypose.realtime.model.places import POSE_RESNET, PUBLISHED

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
    parser.add_argument("--output", type=Path, help="default: engines/built/...")
    parser.add_argument("--plan", type=Path, help="also write the bare plan, for trtexec or Triton")
    parser.add_argument("--save-onnx", type=Path, help="also write the graph that was built")
    parser.add_argument("--calibration", default="demo", help="video or folder, for int8")
    parser.add_argument("--calibration-crops", type=int, default=200)
    parser.add_argument(
        "--check-source", default="demo", help="video or folder for the parity check"
    )
    parser.add_argument(
        "--force", action="store_true", help="keep an engine that fails the parity check"
    )
    parser.add_argument("--verbose", action="store_true", help="show TensorRT's own messages")
    arguments = parser.parse_args(argv)
    arguments.target = sorted({_capability(text) for text in arguments.target})
    _check_paths(arguments)
    if arguments.workspace < 0 or arguments.calibration_crops < 1:
        raise UsageError(
            "--workspace and --calibration-crops must be positive", fix="leave them out"
        )
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
    written = [p for p in (arguments.output, arguments.plan, arguments.save_onnx) if p]
    models = [arguments.onnx] if arguments.onnx is not None else [PUBLISHED, POSE_RESNET]
    if {path.resolve() for path in written} & {path.resolve() for path in models}:
        raise UsageError("an output would overwrite the model file", fix="choose another name")
    if arguments.output is not None and arguments.output.suffix != SUFFIX:
        raise UsageError(
            f"--output {arguments.output} does not end in {SUFFIX}",
            fix="run.py knows engines by their ending; --plan writes a bare plan",
        )
