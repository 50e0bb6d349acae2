"""The command line: the only module that prints."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

# Before OpenCV is loaded: its own warnings would surround our one sentence.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")

import cv2

from engines import registry
from engines.base import Engine
from engines.errors import SteadyposeError, UsageError
from engines.options import PRECISIONS, EngineOptions, default_threads
from realtime.app import App
from realtime.display import open_display
from realtime.outputs import Outputs
from realtime.pipeline import Pipeline
from realtime.record import check_writable
from realtime.record.table import LAYOUTS
from realtime.report import summary, write_figures
from realtime.settings import MOST_PERSONS, Settings
from realtime.smooth import KalmanSmoother, Smoother
from realtime.sources import SourceOptions, open_source
from realtime.sources.camera import CameraMode
from realtime.tracker import CANDIDATES

sys.setswitchinterval(0.0005)
VERSION = "0.1.0"
DEFAULTS = Settings()
SMOOTHERS = ("kalman", "filterpy", "off")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app; returns the exit code: 0 done, 2 something the user can fix."""
    try:
        arguments = build_parser().parse_args(argv)
        if arguments.doctor:
            from realtime.doctor import examine  # noqa: PLC0415 - starting a camera needs none of it

            print(examine(arguments.model))
            return 0
        return run(to_settings(arguments))
    except SteadyposeError as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt as interrupt:
        name = str(interrupt) or "SIGINT"
        _say(
            f"error: interrupted ({name}); everything recorded so far is saved\n"
            "  fix: press q in the window, or give --max-frames, to end without this message"
        )
        return 2


def run(settings: Settings) -> int:
    """Open everything, loop, close everything, report."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    # Crops are small: OpenCV's pool only steals time from the network's threads.
    cv2.setNumThreads(1)
    _check_outputs(settings)
    options = EngineOptions(settings.precision, settings.threads or default_threads())
    opened = registry.open_engine(settings.model, backend=settings.backend, options=options)
    for reason in opened.passed_over:
        _say(f"passed over {reason}")
    engine = opened.engine
    _say(f"engine: {engine.spec.name} on {engine.label}, ready in {opened.open_s:.2f} s")
    try:
        return _run_with(engine, settings)
    finally:
        engine.close()


def _run_with(engine: Engine, settings: Settings) -> int:
    display, reason = open_display(is_headless=settings.is_headless)
    if reason is not None:
        _say(f"no window: {reason}")
    has_files = settings.csv or settings.video or settings.benchmark
    if not display.is_window and not has_files:
        _say("nothing is kept either; add --csv out.csv or --save-video out.mp4")
    source_options = settings.source
    # Somebody watches: the demo plays like a camera, at its own speed and without an end.
    source = open_source(replace(source_options, is_watched=display.is_window))
    _say(f"source: {source.label}")
    outputs = Outputs(
        engine.spec.skeleton,
        source.fps,
        source.is_live,
        csv=settings.csv,
        csv_layout=settings.csv_layout,
        video=settings.video,
    )
    slots = settings.persons + CANDIDATES
    pipeline = Pipeline(
        engine,
        persons=settings.persons,
        smoother=_make_smoother(settings.smoother, slots, len(engine.spec.skeleton)),
        is_paced=source.is_paced,
    )
    total = _expected(source.frame_count, settings.max_frames)
    app = App(
        source,
        pipeline,
        display,
        outputs,
        is_smooth=settings.smoother != "off",
        is_mirrored=settings.is_mirrored,
        max_frames=settings.max_frames,
        progress=None if source.is_live else _progress_printer(total),
        say=_say,
    )
    problem: BaseException | None = None
    # Files are closed whatever happened, a bug included.
    for step in (app.run, outputs.close, source.close, display.close):
        try:
            step()
        except BaseException as error:
            problem = problem or error
    _clear()
    print(summary(app))
    if settings.benchmark is not None:
        write_figures(app, settings.benchmark)
    if problem is not None:
        raise problem
    return 0


def _make_smoother(name: str, slots: int, keypoints: int) -> Smoother:
    if name == "filterpy":
        from realtime.smooth.reference import FilterpySmoother  # noqa: PLC0415 - imports scipy

        return FilterpySmoother(slots, keypoints)
    return KalmanSmoother(slots, keypoints)


def _check_outputs(settings: Settings) -> None:
    for path, option in (
        (settings.csv, "--csv"),
        (settings.video, "--save-video"),
        (settings.benchmark, "--benchmark"),
    ):
        if path is not None:
            check_writable(path, option)
    named = [p.resolve() for p in (settings.csv, settings.video, settings.benchmark) if p]
    if len(set(named)) < len(named):
        raise UsageError("two outputs name the same file", fix="give each its own file")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # A second one ends at once, should closing the files hang.
    signal.signal(number, signal.SIG_DFL)
    # Not an Exception: nothing between here and ``main`` may take it for a failure of its own.
    raise KeyboardInterrupt(signal.Signals(number).name)


def _expected(frame_count: int | None, max_frames: int | None) -> int | None:
    known = [n for n in (frame_count, max_frames) if n is not None]
    return min(known) if known else None


def _progress_printer(total: int | None) -> Callable[[int], None] | None:
    if not sys.stderr.isatty():
        return None
    begin_s = time.perf_counter()

    def show(done: int) -> None:
        rate = done / max(1e-9, time.perf_counter() - begin_s)
        if total:
            share = min(1.0, done / total)
            bar = ("#" * round(30 * share)).ljust(30, ".")
            left_s = (total - done) / max(1e-9, rate)
            text = f"[{bar}] {done}/{total} frames, {rate:.0f} fps, {left_s:.0f} s left"
        else:
            text = f"{done} frames, {rate:.0f} fps"
        print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)

    return show


def _clear() -> None:
    """Remove the progress bar, where one is drawn."""
    if sys.stderr.isatty():
        print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    _clear()
    print(text, file=sys.stderr, flush=True)


def to_settings(arguments: argparse.Namespace) -> Settings:
    """Turn parsed arguments into settings."""
    mode = CameraMode(arguments.width, arguments.height, arguments.fps, arguments.fourcc)
    text = arguments.source if arguments.source is not None else str(arguments.camera or 0)
    return Settings(
        source=SourceOptions(text, mode, is_paced=arguments.realtime),
        model=arguments.model,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        persons=arguments.persons,
        smoother="off" if arguments.no_smooth else arguments.smooth,
        is_mirrored=arguments.mirror,
        is_headless=arguments.headless,
        csv=arguments.csv,
        csv_layout=arguments.csv_layout,
        video=arguments.save_video,
        benchmark=arguments.benchmark,
        max_frames=arguments.max_frames,
    )


class Parser(argparse.ArgumentParser):
    """Usage errors look like all others: a fact and a fix, exit code 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise instead of exiting."""
        raise UsageError(message, fix=f"python {self.prog} --help lists the options")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser for whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return parse


def rate(text: str) -> float:
    """Parse frames a second."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0.5 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.5 and 1000")
    return value


def build_parser() -> argparse.ArgumentParser:
    """All options, grouped."""
    parser = Parser(
        prog="run.py",
        description="Steady human poses from a webcam, on screen and in a CSV.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"steadypose {VERSION}")
    parser.add_argument(
        "--doctor", action="store_true", help="say what works on this machine, and why the rest not"
    )
    source = parser.add_argument_group("source")
    which = source.add_mutually_exclusive_group()
    which.add_argument(
        "--camera", type=whole(0, 99), metavar="N", help="camera number (default: 0)"
    )
    which.add_argument(
        "--source",
        metavar="WHAT",
        help="device path, video file, folder or 'glob' of pictures, RTSP or HTTP URL, "
        "demo or demo:2 (mannequins)",
    )
    source.add_argument(
        "--width", type=whole(16, 16384), metavar="PX", help="ask the camera for it"
    )
    source.add_argument(
        "--height", type=whole(16, 16384), metavar="PX", help="ask the camera for it"
    )
    source.add_argument(
        "--fps", type=rate, metavar="HZ", help="ask the camera for it; playback rate of pictures"
    )
    source.add_argument("--fourcc", metavar="CODE", help="pixel format, for instance MJPG or YUYV")
    source.add_argument(
        "--realtime",
        action="store_true",
        help="play a file at its own speed, not as fast as possible",
    )
    source.add_argument(
        "--max-frames", type=whole(1, 10**9), metavar="N", help="stop after N frames"
    )
    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--model",
        type=Path,
        default=DEFAULTS.model,
        metavar="FILE",
        help="model file (default: the one that ships)",
    )
    engine.add_argument(
        "--backend",
        choices=registry.NAMES,
        default=DEFAULTS.backend,
        help="default: %(default)s, the fastest that works",
    )
    engine.add_argument(
        "--precision", choices=PRECISIONS, default=DEFAULTS.precision, help="default: %(default)s"
    )
    engine.add_argument(
        "--threads",
        type=whole(0, 256),
        default=DEFAULTS.threads,
        metavar="N",
        help="CPU threads of the network, 0: choose (default: 0)",
    )
    people = parser.add_argument_group("people")
    people.add_argument(
        "--persons",
        type=whole(1, MOST_PERSONS),
        default=DEFAULTS.persons,
        metavar="N",
        help=f"follow up to N people, 1 to {MOST_PERSONS} (default: %(default)s)",
    )
    people.add_argument(
        "--smooth",
        choices=SMOOTHERS,
        default=DEFAULTS.smoother,
        help="filter (default: %(default)s)",
    )
    people.add_argument("--no-smooth", action="store_true", help="show and record raw keypoints")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--mirror", action="store_true", help="show the picture as a mirror; data stay as they are"
    )
    output.add_argument("--headless", action="store_true", help="open no window")
    output.add_argument("--csv", type=Path, metavar="FILE", help="write keypoints")
    output.add_argument(
        "--csv-layout",
        choices=LAYOUTS,
        default=DEFAULTS.csv_layout,
        help="a row per person, or per keypoint (default: %(default)s)",
    )
    output.add_argument(
        "--save-video", type=Path, metavar="FILE", help="write the annotated video (MP4)"
    )
    output.add_argument(
        "--benchmark", type=Path, metavar="FILE", help="write the run's timing figures as JSON"
    )
    return parser
