"""Compare CPU backends, precisions and thread counts for a model: the shipped one, or your own.

Speed, cold start and keypoint agreement side by side: rounds alternate between the
candidates, so that a noisy machine affects all equally.

    python -m benchmarks.loop.backends [--model FILE] [--video CLIP ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import (
    add_model,
    frames_of,
    guarded,
    included,
    output_of,
    p50_p95,
    parser,
    publish,
    table,
)
from steadypose.engines.base import Engine
from steadypose.engines.errors import UsageError
from steadypose.engines.options import EngineOptions, usable_cpus
from steadypose.engines.registry import open_engine
from steadypose.realtime.datatypes import SEEN_SCORE
from steadypose.realtime.tracking.pipeline import Pipeline

ROUNDS, CALLS, LEAST = 6, 60, 64
COLD = """
import sys, time
begin = time.perf_counter()
from pathlib import Path
from steadypose.engines.options import EngineOptions
from steadypose.engines.registry import open_engine
opened = open_engine(Path(sys.argv[1]), backend=sys.argv[2],
                     options=EngineOptions(sys.argv[3], int(sys.argv[4])))
print(time.perf_counter() - begin)
"""


@dataclass
class Candidate:
    """One way to run the model, and its measurements."""

    backend: str
    precision: str
    threads: int
    engine: Engine
    one: list[float] = field(default_factory=list)
    eight: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.backend} {self.precision}, {self.threads} threads"


def real_crops(count: int, videos: Sequence[str], model: Path) -> tuple[NDArray[np.uint8], str]:
    """Crops of the tracked person, or of whatever the network knows.

    Args:
        count: Maximum number of crops.
        videos: Files, or ``demo``; each contributes its share.
        model: Cuts its own crops.

    Raises:
        UsageError: The videos end before anything is followed.
    """
    crops: list[NDArray[np.uint8]] = []
    for text in videos:
        engine = open_engine(
            model, backend="onnxruntime", options=EngineOptions("fp32", usable_cpus())
        ).engine
        start = engine.start
        kept: list[NDArray[np.uint8]] = []

        def keep(crops: NDArray[np.uint8], start: Any = start, kept: list[Any] = kept) -> None:
            kept.extend(crops.copy())
            start(crops)

        engine.start = keep  # type: ignore[method-assign]
        pipeline = Pipeline(engine)
        for frame in islice(frames_of(text), 0, None, 2):
            pipeline.process(frame)
            if len(kept) >= 17 + count // len(videos):
                break
        engine.close()
        crops += kept[17:]
    names = ", ".join(Path(text).name for text in videos)
    if not crops:
        raise UsageError(
            f"{names} ends before anything is followed", fix="name a longer film with --video"
        )
    kept = crops[:count]
    whole = [kept[n % len(kept)] for n in range(max(LEAST, len(kept)))]
    return np.stack(whole), f"{len(kept)} crops of {names}"


def cold_start(candidate: Candidate, model: Path) -> float:
    """Seconds from a fresh interpreter's first import to a warm engine."""
    arguments = (str(model.absolute()), candidate.backend, candidate.precision)
    return float(output_of("-c", COLD, *arguments, str(candidate.threads)))


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    add_model(made)
    video_help = "clips the crops are cut from (default: the demo)"
    made.add_argument("--video", type=Path, nargs="+", default=[], metavar="FILE", help=video_help)
    return made


def main() -> None:
    """Measure all candidates and print the table."""
    arguments = build_parser().parse_args()
    videos = [str(included(path, "--video")) for path in arguments.video]
    crops, what = real_crops(240, videos or ["demo"], arguments.model)
    candidates = []
    for backend, precision in (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16")):
        for threads in sorted({1, usable_cpus()}):
            options = EngineOptions(precision, threads)
            engine = open_engine(arguments.model, backend=backend, options=options).engine
            candidates.append(Candidate(backend, precision, threads, engine))
    for _ in range(ROUNDS):
        for c in candidates:
            for i in range(CALLS):
                begin = time.perf_counter()
                c.engine.infer(crops[i : i + 1])
                c.one.append(time.perf_counter() - begin)
            for i in range(0, LEAST, 8):
                begin = time.perf_counter()
                c.engine.infer(crops[i : i + 8])
                c.eight.append((time.perf_counter() - begin) / 8)
        for c in candidates[:: len({x.threads for x in candidates})]:
            c.cold.append(cold_start(c, arguments.model))
    wanted = np.concatenate(
        [candidates[0].engine.infer(crops[i : i + 8]).copy() for i in range(0, len(crops), 8)]
    )
    is_seen = wanted[..., 2] >= SEEN_SCORE
    if not is_seen.any():
        raise UsageError(
            f"{arguments.model.name} sees nothing in {what}",
            fix="name a film of what it was trained on with --video",
        )
    rows = []
    base = float(np.median(candidates[-1].one))
    for c in candidates:
        got = np.concatenate(
            [c.engine.infer(crops[i : i + 8]).copy() for i in range(0, len(crops), 8)]
        )
        moved = np.linalg.norm(got[..., :2] - wanted[..., :2], axis=-1)[is_seen]
        score = np.abs(got[..., 2] - wanted[..., 2])
        low, high, most = np.percentile(moved, (50, 95, 99))
        rows.append(
            (
                c.name,
                p50_p95(c.one),
                f"{float(np.median(c.one)) / base:.2f}",
                p50_p95(c.eight),
                f"{np.median(c.cold):.2f}" if c.cold else "",
                f"{low:.3f} / {high:.3f} / {most:.3f}",
                f"{score.max():.3f}",
            )
        )
    head = (
        *("backend", "1 crop, ms p50 / p95", "ratio", "of 8 crops, each"),
        *("cold start, s", "keypoints moved, crop px p50 / p95 / p99", "score moved, max"),
    )
    spec = candidates[0].engine.spec
    publish(
        f"{spec.name}, {what}; {ROUNDS} alternating rounds of {CALLS} calls; "
        f"moved: against {candidates[0].name}, keypoints with score >= 0.2\n"
        f"\n{table(head, rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
