"""The options of the command line: typed, ranged, each with its unit and default."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from steadypose.engines import registry
from steadypose.engines.options import PRECISIONS
from steadypose.realtime.command.parser import Parser, called, file_name
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.written_files import add_force
from steadypose.realtime.model.places import DEFAULT_MODEL, DEFAULT_QUALITY, QUALITIES
from steadypose.realtime.record.formats.tables import NAMES, Table, TableFormat, find_table, layouts
from steadypose.realtime.record.parts import parse_limit
from steadypose.realtime.smooth import presets as smoothers
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import SourceOptions
from steadypose.realtime.tracking.roster import MOST_PERSONS
from steadypose.version import __version__

DEFAULTS = Settings()
_ANY = 10**9  # no limit worth naming


def to_settings(arguments: argparse.Namespace, model: Path | None) -> Settings:
    """Turn parsed arguments into settings; ``model`` is the file that was chosen, if one was."""
    mode = CameraMode(arguments.width, arguments.height, arguments.fps, arguments.fourcc)
    text = str(arguments.camera or 0)
    if arguments.source is not None:
        text = spelled_out(arguments.source)
    return Settings(
        source=SourceOptions(text, mode, is_paced=arguments.realtime),
        model=model or DEFAULT_MODEL,
        has_chosen_model=model is not None,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        is_auto_build=arguments.auto_build,
        is_trusting=arguments.trust_engine,
        device=arguments.device,
        is_blocking=arguments.wait == "sleep",
        persons=arguments.persons,
        smoother="off" if arguments.no_smooth else arguments.smooth,
        is_predicting=not arguments.no_predict,
        is_offline_smoothed=arguments.offline_smooth,
        is_mirrored=arguments.mirror,
        is_headless=arguments.headless,
        is_forced=arguments.force,
        tables=tuple(
            Table(chosen_table(name, arguments), getattr(arguments, name))
            for name in NAMES
            if getattr(arguments, name) is not None
        ),
        split=arguments.split,
        video=arguments.save_video,
        benchmark=arguments.benchmark,
        max_frames=arguments.max_frames,
    )


def chosen_table(name: str, arguments: argparse.Namespace) -> TableFormat:
    """The table format that a name and, where it has layouts, their option mean."""
    return find_table(name, getattr(arguments, f"{name}_layout", ""))


def integer_between(low: int, high: int) -> Callable[[str], int]:
    """A parser for whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            limits = f"between {low} and {high}" if high < _ANY else f"{low} or more"
            raise argparse.ArgumentTypeError(f"{value} is not {limits}")
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
        prog=called(),
        description="Steady human poses from a webcam, on screen and in a CSV.",
        epilog=f"examples: {called()} --camera 0 --csv out.csv; "
        f"{called()} --source clip.mp4 --save-video out.mp4; "
        f"{called()} --camera 0 --model res50-coco-256x192 --fetch",
    )
    parser.stray_fix = f"to read {{word}}: {called()} --source {{word}}"
    parser.add_argument("--version", action="version", version=f"steadypose {__version__}")
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="report what works on this machine, and why the rest does not",
    )
    parser.add_argument(
        "--list-models", action="store_true", help="show the published models, and which are here"
    )
    source = parser.add_argument_group("source")
    which = source.add_mutually_exclusive_group()
    which.add_argument(
        "--camera", type=integer_between(0, 99), metavar="N", help="camera number (default: 0)"
    )
    which.add_argument(
        "--source",
        metavar="WHAT",
        help="device path, video file, folder or 'glob' of pictures, RTSP or HTTP URL (or @FILE, "
        "env:NAME that holds one), demo or demo:2 (mannequins)",
    )
    size_px, size_help = integer_between(16, 16384), "picture size to ask the camera for"
    source.add_argument("--width", type=size_px, metavar="PX", help=size_help)
    source.add_argument("--height", type=size_px, metavar="PX", help=size_help)
    source.add_argument(
        "--fps",
        type=rate,
        metavar="HZ",
        help="frame rate to ask the camera for; playback rate of pictures",
    )
    source.add_argument("--fourcc", metavar="CODE", help="pixel format, for instance MJPG or YUYV")
    source.add_argument(
        "--realtime",
        action="store_true",
        help="play a file at its own speed, not as fast as possible",
    )
    source.add_argument(
        "--max-frames", type=integer_between(1, _ANY), metavar="N", help="stop after N frames"
    )
    engine = parser.add_argument_group("engine")
    which = engine.add_mutually_exclusive_group()
    which.add_argument(
        "--quality",
        choices=tuple(QUALITIES),
        help="which of the networks that ship: quicker, or more accurate "
        f"(default: {DEFAULT_QUALITY}; on a GPU what is built for it)",
    )
    which.add_argument(
        "--model", metavar="MODEL", help="another model file, or the name of a published model"
    )
    engine.add_argument(
        "--fetch",
        action="store_true",
        help="download and export the published model first if it is not here yet",
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
        "--device",
        type=integer_between(0, 63),
        default=DEFAULTS.device,
        metavar="N",
        help="TensorRT: number of the GPU, as nvidia-smi counts (default: %(default)s)",
    )
    engine.add_argument(
        "--wait",
        choices=("spin", "sleep"),
        default="spin",
        help="TensorRT: wait for the GPU at full speed, or asleep, which leaves a core free and "
        "costs some hundredths of a millisecond (default: %(default)s)",
    )
    engine.add_argument(
        "--threads",
        type=integer_between(0, 256),
        default=DEFAULTS.threads,
        metavar="N",
        help="CPU threads of the network; 0: as few as keep up with a camera, else all, at most 8 "
        "(default: 0)",
    )
    engine.add_argument(
        "--auto-build",
        action="store_true",
        help="build the TensorRT engine first where it is missing or stale",
    )
    engine.add_argument(
        "--trust-engine",
        action="store_true",
        help="run a TensorRT engine that was not built by you on this machine: it may do anything",
    )
    people = parser.add_argument_group("people")
    people.add_argument(
        "--persons",
        type=integer_between(1, MOST_PERSONS),
        default=DEFAULTS.persons,
        metavar="N",
        help=f"follow up to N people, 1 to {MOST_PERSONS} (default: %(default)s)",
    )
    people.add_argument(
        "--smooth",
        choices=smoothers.NAMES,
        default=DEFAULTS.smoother,
        help="steadier, or quicker to follow; others to compare with (default: %(default)s)",
    )
    people.add_argument(
        "--no-predict",
        action="store_true",
        help="draw people where they were in the picture, not where they are when it is seen",
    )
    people.add_argument(
        "--offline-smooth",
        action="store_true",
        help="at the end, smooth the recorded positions again with knowledge of what came after",
    )
    people.add_argument("--no-smooth", action="store_true", help="show and record raw keypoints")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--mirror", action="store_true", help="show the picture as a mirror; data stay as they are"
    )
    output.add_argument("--headless", action="store_true", help="open no window")
    _add_tables(output)
    output.add_argument(
        "--split",
        type=parse_limit,
        metavar="LIMIT",
        help="continue in out.002.csv, out.003.csv ... after a size or a time: 500MB, 10min",
    )
    output.add_argument(
        "--save-video", type=file_name, metavar="FILE", help="write the annotated video (MP4)"
    )
    output.add_argument(
        "--benchmark", type=file_name, metavar="FILE", help="write the run's timing figures as JSON"
    )
    add_force(output)
    return parser


def _add_tables(output: argparse._ArgumentGroup) -> None:
    for first, *others in map(layouts, NAMES):
        help_ = "write keypoints" if others else f"write keypoints, {first.help}"
        output.add_argument(first.option, type=file_name, metavar="FILE", help=help_)
        said = ", ".join(f"{form.layout}: {form.help}" for form in (first, *others))
        add_layout(output, first, said)


def add_layout(parser: argparse._ActionsContainer, default: TableFormat, said: str) -> None:
    """An option that chooses a layout, where the format has several; ``said`` is its help."""
    if default.layout:
        parser.add_argument(
            f"{default.option}-layout",
            choices=[form.layout for form in layouts(default.name)],
            default=default.layout,
            help=f"{said} (default: %(default)s)",
        )
