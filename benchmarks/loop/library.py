"""What the library costs beside the app: its loop over a video, and a Tracker in one's own loop.

    python -m benchmarks.loop.library --video FILE [--rounds 5] [--output FILE]

App and library read the same video with the same defaults, in processes of their own that take
turns. The Tracker and the bare pipeline see the same pictures, each of them first every other time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import steadypose as sp
from benchmarks.common import guarded, included, open_network, output_of, parser, publish, table
from steadypose.realtime.datatypes import Frame
from steadypose.realtime.smooth.presets import make_smoother
from steadypose.realtime.sources.demo import DemoScene
from steadypose.realtime.tracking.pipeline import Pipeline
from steadypose.realtime.tracking.roster import CANDIDATES

_WARM = 15
_PICTURES = 45


def app_fps(video: Path) -> float:
    """Frame rate that the app says of itself, headless."""
    with tempfile.TemporaryDirectory() as name:
        figures = Path(name) / "figures.json"
        output_of("run.py", "--source", str(video), "--headless", "--benchmark", str(figures))
        return float(json.loads(figures.read_text(encoding="utf-8"))["fps"])


def library_fps(video: Path) -> float:
    """Frame rate of a loop over ``sp.open``, from the first frame to the last."""
    return float(output_of("-m", "benchmarks.loop.library", "--video", str(video), "--alone"))


def loop_alone(video: Path) -> float:
    """The library's side: frames a second."""
    count, first_s = 0, 0.0
    with sp.open(video) as frames:
        for frame in frames:
            assert frame.persons is not None
            count += 1
            first_s = first_s or time.perf_counter()
        return (count - 1) / max(1e-9, time.perf_counter() - first_s)


def tracker_and_pipeline(frames: int) -> tuple[list[float], list[float]]:
    """CPU seconds of the calling thread for each picture: by a Tracker, by the pipeline it uses."""
    scene = DemoScene(size_hw=(360, 640))
    kept = [scene.draw(index) for index in range(_PICTURES)]
    pictures = kept + kept[-2:0:-1]  # forth and back, so that nobody jumps
    engine = open_network()
    smoother = make_smoother("balanced", 1 + CANDIDATES, len(engine.spec.skeleton))
    pipeline = Pipeline(engine, smoother=smoother, is_paced=True)
    took_s: tuple[list[float], list[float]] = ([], [])
    with sp.Tracker() as tracker:
        for index in range(_WARM + frames):
            image, time_s = pictures[index % len(pictures)], index / 30
            for which in (0, 1) if index % 2 else (1, 0):  # the second finds a warm cache
                begin_s = time.thread_time()
                if which == 0:
                    tracker(image, time_s=time_s)
                else:
                    pipeline.process(Frame(image, index, time_s, time.perf_counter()))
                if index >= _WARM:
                    took_s[which].append(time.thread_time() - begin_s)
    engine.close()
    return took_s


def build_parser() -> argparse.ArgumentParser:
    """All options."""
    made = parser(__doc__)
    made.add_argument("--video", type=Path, required=True, help="to read")
    made.add_argument("--rounds", type=int, default=5, help="of each (default: %(default)s)")
    made.add_argument("--frames", type=int, default=600, help="for the Tracker")
    made.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    return made


def main() -> None:
    """Measure and print."""
    arguments = build_parser().parse_args()
    video = included(arguments.video, "--video")
    if arguments.alone:
        print(loop_alone(video))
        return
    cv2.setNumThreads(1)
    rounds = np.array([(app_fps(video), library_fps(video)) for _ in range(arguments.rounds)])
    app, library = np.median(rounds, axis=0)
    ratio = np.median(rounds[:, 1] / rounds[:, 0])
    rows = [("loop over the video, fps", f"{library:.1f}", f"{app:.1f}", f"{ratio:.3f} times")]
    by_tracker, by_pipeline = tracker_and_pipeline(arguments.frames)
    for name, share in (("p50", 50), ("p95", 95)):
        ours, bare = (1e3 * np.percentile(each, share) for each in (by_tracker, by_pipeline))
        what = f"Tracker and pipeline, CPU ms of the thread a picture, {name}"
        rows.append((what, f"{ours:.3f}", f"{bare:.3f}", f"{ours - bare:+.3f} ms"))
    publish(
        f"{video.name}, medians of {arguments.rounds} rounds in turn; {arguments.frames} pictures "
        f"of 640x360\n\n{table(('', 'library', 'app', 'difference'), rows)}",
        arguments.output,
    )


if __name__ == "__main__":
    guarded(main)
