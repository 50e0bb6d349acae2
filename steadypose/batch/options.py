"""The options of the command ``batch``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from steadypose.batch.order import Order
from steadypose.batch.store import target_of
from steadypose.engines.options import usable_cpus
from steadypose.engines.wording.advice import command
from steadypose.realtime.command import console
from steadypose.realtime.command.options.engine import add_engine, engine_settings
from steadypose.realtime.command.options.parser import ANY, Number, Parser, Switch
from steadypose.realtime.command.options.people import add_people
from steadypose.realtime.command.options.recording import add_layout, chosen_table
from steadypose.realtime.command.output_checks import check_recorded_angles, check_second_pass
from steadypose.realtime.command.settings import Settings
from steadypose.realtime.command.written_files import add_force
from steadypose.realtime.record.formats import tables
from steadypose.realtime.sources.opening import DECODERS, SourceOptions

_MOST_WORKERS = 256


def build_parser() -> Parser:
    """All options, grouped."""
    parser = Parser(
        prog=command("batch"),
        description="Follow people through many videos, each to its table; run it again to go on "
        "where it was ended.",
        epilog=f"example: {command('batch')} 'clips/**/*.mp4' --out tables --report",
    )
    parser.add_argument("clips", nargs="+", metavar="CLIPS", help="videos, folders, 'patterns'")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder of the results, or URL for fsspec, "
        "where files are replaced without --force and nothing keeps a second batch out",
    )
    output.add_argument(
        "--format",
        action="append",
        choices=tables.NAMES,
        help=f"table to write, may be given again (default: {tables.NAMES[0]})",
    )
    for first, *_ in map(tables.layouts, tables.NAMES):
        add_layout(output, first)
    output.add_argument("--save-video", action=Switch, help="write annotated videos, too")
    output.add_argument("--report", action=Switch, help="make a page about each recording, too")
    output.add_argument(
        "--angles",
        action=Switch,
        help="measure joint angles: in a CSV with --csv-layout long, in JSON lines, in videos",
    )
    add_force(output, action=Switch)
    work = parser.add_argument_group("work")
    work.add_argument(
        "--workers",
        type=Number(0, _MOST_WORKERS),
        default=0,
        metavar="N",
        help="clips at a time, each in a process of its own; 0: one per core (default: 0)",
    )
    work.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="let Ray start the workers: on the cluster at ADDRESS, else on this machine; needs "
        "clips, model and --out to be reached by the same names everywhere",
    )
    work.add_argument("--decode", choices=DECODERS, default="auto", help="what decodes videos")
    work.add_argument(
        "--max-frames", type=Number(1, ANY), metavar="N", help="of each clip only the first N"
    )
    add_engine(
        parser.add_argument_group("engine"),
        precision_help="default: %(default)s, which is fp32 on a processor, for all clips alike",
        threads_help="CPU threads of the network of each worker; 0: one where --workers is left "
        "out, else the cores shared among the workers (default: 0)",
    )
    add_people(parser.add_argument_group("people"))
    return parser


def to_order(arguments: argparse.Namespace, model: Path | None, typed: Sequence[str]) -> Order:
    """What parsed arguments mean for each clip.

    Raises:
        UsageError: They contradict each other, or a package is missing.
    """
    names = list(dict.fromkeys(arguments.format or tables.NAMES[:1]))
    formats = tuple(
        tables.with_angles(form) if arguments.angles else form
        for form in (chosen_table(name, arguments) for name in tables.NAMES if name in names)
    )
    settings = Settings(
        source=SourceOptions("archive", decode=arguments.decode),
        **engine_settings(arguments, model),
        persons=arguments.persons,
        region=arguments.roi,
        smoother=arguments.smooth,
        is_predicting=False,
        is_offline_smoothed=arguments.offline_smooth,
        is_headless=True,
        is_forced=arguments.force,
        max_frames=arguments.max_frames,
        has_angles=arguments.angles,
    )
    _check(settings, formats, has_video=arguments.save_video)
    workers = workers_of(arguments)
    shared = 1 if arguments.ray is not None and not workers else usable_cpus() // max(1, workers)
    return Order(
        settings,
        formats,
        has_video=arguments.save_video,
        has_report=arguments.report,
        out=target_of(arguments.out),
        typed=tuple(typed),
        threads=arguments.threads or max(1, shared),
    )


def _check(settings: Settings, formats: Sequence[tables.TableFormat], *, has_video: bool) -> None:
    if settings.is_offline_smoothed:
        check_second_pass(formats, has_angles=settings.has_angles)
    if settings.has_angles:
        check_recorded_angles(
            formats, is_shown=has_video, otherwise="--format jsonl", say=console.say
        )
    for form in formats:
        if form.check is not None:
            form.check(f"--format {form.name}")


def workers_of(arguments: argparse.Namespace) -> int:
    """How many workers there are; with Ray 0 leaves it to the cluster."""
    if arguments.workers or arguments.ray is not None:
        return int(arguments.workers)
    return max(1, usable_cpus() // (arguments.threads or 1))
