"""Benchmark TensorRT on this machine's GPU, as one visit that may be cut at any second.

    python -m benchmarks.gpu                  # everything; the table is there after each step
    python -m benchmarks.gpu --prepare-only   # only complete the graphs; needs no GPU
    python -m benchmarks.gpu --fake           # a made-up GPU, to test the visit itself

Each step is a child process with a time-out, the most worth knowing first (``plan``). It needs
NumPy, TensorRT (8.5.3 or later, or for RTX) and pycuda or cuda-python. ONNX Runtime for the
comparison with the CPU, OpenCV for the loop and torch for its own times are used where they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

if not __package__:  # run as ``python benchmarks/gpu``
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from benchmarks.gpu.plan import DEADLINE_S, fake_steps, steps
from benchmarks.gpu.preparing import FOLDER, prepare
from benchmarks.gpu.table import blank, to_table
from benchmarks.gpu.visit import Visit
from steadypose.engines.errors import SteadyposeError
from steadypose.engines.file_io import replace_text
from steadypose.realtime.model.places import ROOT

OUTPUT = ROOT / "benchmarks" / "results" / "gpu.md"


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepare-only", action="store_true", help="only complete the graphs")
    parser.add_argument("--fake", action="store_true", help="a made-up GPU, to test the visit")
    parser.add_argument("--blank", action="store_true", help="write the table of no visit")
    parser.add_argument(
        "--deadline", type=float, default=DEADLINE_S, metavar="S",
        help="no step begins or goes on after that (default: %(default)g s)",
    )  # fmt: skip
    parser.add_argument(
        "--device", type=int, default=0, metavar="N", help="number of the GPU (default: 0)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="table; the JSON goes beside it (default: benchmarks/results/gpu.md, with --fake "
        "benchmarks/cache/gpu/fake.md)",
    )  # fmt: skip
    return parser


def main() -> int:
    """Do what the command line says; returns the exit code."""
    arguments = build_parser().parse_args()
    output = arguments.output or (FOLDER / "fake.md" if arguments.fake else OUTPUT)
    try:
        if arguments.blank:
            replace_text(output, to_table(blank()) + "\n")
            replace_text(output.with_suffix(".json"), json.dumps(blank(), indent=1) + "\n")
            return 0
        if arguments.prepare_only:
            for line in prepare(FOLDER):
                print(line)
            return 0
        visit = Visit(
            output,
            deadline_s=arguments.deadline,
            device=arguments.device,
            is_fake=arguments.fake,
        )
        visit.run(fake_steps() if arguments.fake else steps())
    except (SteadyposeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output.read_text(encoding="utf-8"))
    if arguments.fake:
        return _judge(json.loads(output.with_suffix(".json").read_text(encoding="utf-8")))
    return 0 if visit.has_measured else 2


def _judge(found: dict[str, object]) -> int:
    """Whether a made-up visit did everything, and failed only where it was made to."""
    from benchmarks.gpu.rehearsal import mistakes  # noqa: PLC0415 - of rehearsals only

    wrong = mistakes(found)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
