"""Cost of the loop outside the engine, compared with the bare engine.

Runs the whole app on a file, and the bare engine on one crop, in alternating rounds
of one process.

    python -m benchmarks.loop.cost [--model FILE] [--video CLIP] [--threads 1]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import add_model, guarded, included, open_network, parser, publish, table
from steadypose.engines.base import Engine
from steadypose.engines.options import default_threads
from steadypose.realtime.app.clock import STAGES
from steadypose.realtime.app.display import NullDisplay
from steadypose.realtime.app.loop import App
from steadypose.realtime.record.formats.tables import TABLES, Table
from steadypose.realtime.record.outputs import Outputs
from steadypose.realtime.sources.opening import SourceOptions, open_source
from steadypose.realtime.tracking.pipeline import Pipeline

ROUNDS = 5


def bare(engine: Engine, seconds: float) -> float:
    """Frames a second of the engine alone, on one crop."""
    height, width = engine.spec.input_hw
    crop = np.random.default_rng(0).integers(0, 255, (1, height, width, 3), dtype=np.uint8)
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        engine.infer(crop)
        count += 1
    return count / (time.perf_counter() - begin)


def run_app(engine: Engine, clip: str, folder: Path, *, has_video: bool) -> App:
    """One headless run over the clip with a CSV."""
    source = open_source(SourceOptions(clip))
    video = folder / "out.mp4" if has_video else None
    tables = (Table(TABLES[0], folder / "o.csv"),)
    outputs = Outputs(engine.spec.skeleton, source.fps, False, tables, video)  # noqa: FBT003
    app = App(source, Pipeline(engine), NullDisplay(), outputs)
    app.run()
    outputs.close()
    source.close()
    return app


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    add_model(made)
    made.add_argument("--video", type=Path, metavar="FILE", help="clip (default: the demo)")
    made.add_argument("--threads", type=int, default=default_threads(), help="of the engine")
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    cv2.setNumThreads(1)
    clip = "demo" if arguments.video is None else str(included(arguments.video, "--video"))
    engine = open_network(arguments.model, threads=arguments.threads)
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_app(engine, clip, folder, has_video=False)  # warm-up
        for _ in range(ROUNDS):
            alone = bare(engine, 1.0)
            app = run_app(engine, clip, folder, has_video=False)
            after = bare(engine, 1.0)
            clock = app.clock
            mean_ms = float(np.mean([clock.percentile("engine", q) for q in range(1, 100)]))
            for key, value in {
                "bare engine, frames a second": (alone + after) / 2,
                "loop on the file, frames a second": app.clock.fps,
                "loop / bare engine, measured apart": app.clock.fps / ((alone + after) / 2),
                "loop / engine as it ran in the loop (mean)": app.clock.fps * mean_ms / 1e3,
                "engine in the loop, ms p50": clock.percentile("engine", 50),
                "everything else, ms p50": clock.percentile("overhead", 50),
                "everything else, ms p95": clock.percentile("overhead", 95),
                **{f"· {s}, ms p50": clock.percentile(s, 50) for s in STAGES if s != "engine"},
            }.items():
                rows.setdefault(key, []).append(value)
            film = run_app(engine, clip, folder, has_video=True).clock
            rows.setdefault("with --save-video: everything else, ms p50", []).append(
                film.percentile("overhead", 50)
            )
    body = [
        (key, f"{np.median(v):.3f}", f"{min(v):.3f}", f"{max(v):.3f}") for key, v in rows.items()
    ]
    name = Path(clip).name
    publish(
        f"{engine.spec.name} on {engine.label}, {name}, one person, with a CSV; {ROUNDS} rounds. "
        "Everything else: CPU time of the loop's thread outside engine and source; "
        "stages (·): wall time, while engine and decoder use the same cores\n"
        f"\n{table(('', 'median', 'min', 'max'), body)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
