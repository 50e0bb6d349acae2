"""Compare keypoint filters on simulated people with known truth, all tuned the same way.

    python -m benchmarks.smoothing                # report on people not used for tuning
    python -m benchmarks.smoothing --tune         # search all parameters first (half an hour)

Every filter may use the same share of the raw jitter (``BUDGET``) and is tuned for the
least error and lag within it; ours has a smaller budget. Tuning and report use different
people and noise. Parameters are kept in parameters.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import guarded, included, parser, publish
from benchmarks.smoothing.entries import ENTRIES, parameters
from benchmarks.smoothing.report import describe, report
from benchmarks.smoothing.tuning import scenes, tune_all

_SEED = 31_000


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--tune", action="store_true", help="search all parameters again")
    made.add_argument("--only", default="", help="tune only filters whose title contains this")
    made.add_argument("--again", action="store_true", help="tune on from the parameters known")
    made.add_argument("--tries", type=int, default=200)
    made.add_argument("--count", type=int, default=8, help="scenes of the report")
    made.add_argument("--clip", type=Path, metavar="CSV", help="also real, measured keypoints")
    made.add_argument("--figure", type=Path, help="also draw jitter against lag")
    return made


def main() -> None:
    """Tune if asked, then report."""
    arguments = build_parser().parse_args()
    clip = None if arguments.clip is None else included(arguments.clip, "--clip")
    if arguments.tune:
        tune_all(only=arguments.only, is_again=arguments.again, tries=arguments.tries)
    on = scenes(_SEED, arguments.count, seconds=40.0, persons=6)
    summary, rest = report(ENTRIES, parameters(), on, clip=clip, figure=arguments.figure)
    head = describe(on)
    publish(f"{head}\n\n{summary}\n\n{rest}", arguments.output)
    if arguments.output is not None:
        short = arguments.output.with_name(f"{arguments.output.stem}_summary.md")
        publish(f"{head}\n\n{summary}", short)


if __name__ == "__main__":
    guarded(main)
