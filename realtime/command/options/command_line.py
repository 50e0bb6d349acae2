"""The options of the command line: typed, ranged, each with its unit and default."""

from __future__ import annotations

import argparse
from pathlib import Path

from steadypose.engines.wording.advice import command
from steadypose.realtime.command.options.engine import add_engine, engine_settings
from steadypose.realtime.command.options.parser import Parser, Switch, file_name
from steadypose.realtime.command.options.people import add_people
from steadypose.realtime.command.options.recording import (
    add_live,
    add_tables,
    chosen_table,
    live_of,
)
from steadypose.realtime.command.options.source import add_source, source_names, sources_of
from steadypose.realtime.command.settings import DEFAULTS, Settings
from steadypose.realtime.command.written_files import add_force
from steadypose.realtime.record.formats.tables import (
    NAMES,
    Table,
    TableFormat,
    with_angles,
)
from steadypose.realtime.record.parts import parse_limit
from steadypose.version import __version__


def to_settings(arguments: argparse.Namespace, model: Path | None) -> Settings:
    """Turn parsed arguments into settings; ``model`` is the file that was chosen, if one was."""
    first, *further = sources_of(arguments)
    return Settings(
        source=first,
        further=tuple(further),
        names=source_names(arguments),
        **engine_settings(arguments, model),
        persons=arguments.persons,
        smoother=arguments.smooth,
        is_predicting=arguments.predict,
        is_offline_smoothed=arguments.offline_smooth,
        is_mirrored=arguments.mirror,
        is_picture_hidden=arguments.skeleton_only,
        region=arguments.roi,
        is_headless=arguments.headless,
        is_forced=arguments.force,
        tables=tuple(
            Table(_table(name, arguments), getattr(arguments, name))
            for name in NAMES
            if getattr(arguments, name) is not None
        ),
        is_one_csv=arguments.one_csv,
        split=arguments.split,
        video=arguments.save_video,
        benchmark=arguments.benchmark,
        max_frames=arguments.max_frames,
        live=live_of(arguments),
        config=arguments.config,
        has_angles=arguments.angles,
    )


def _table(name: str, arguments: argparse.Namespace) -> TableFormat:
    form = chosen_table(name, arguments)
    return with_angles(form) if arguments.angles else form


def build_parser() -> Parser:
    """All options, grouped."""
    parser = Parser(
        prog=command("run"),
        description="Steady human poses from a webcam, on screen and in a CSV.",
        epilog="examples:\n"
        "  python run.py --camera 0 --csv out.csv\n"
        "  python run.py --source clip.mp4 --save-video out.mp4\n"
        "  python run.py --camera 0 --model res50-coco-256x192 --fetch",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    both = "cameras are sources, too: --source 0 --source demo follows both"
    parser.known_fixes = {
        "argument --source: not allowed with argument --camera": both,
        "argument --camera: not allowed with argument --source": both,
    }
    parser.stray_fix = f"to read {{word}}: {command('run')} --source {{word}}"
    parser.add_argument("--version", action="version", version=f"steadypose {__version__}")
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="report what works on this machine, and why the rest does not",
    )
    parser.add_argument(
        "--list-models", action="store_true", help="show the published models, and which are here"
    )
    parser.add_argument(
        "--list-cameras", action="store_true", help="show the cameras of this machine"
    )
    parser.add_argument(
        "--config",
        type=file_name,
        metavar="FILE",
        help=f"read options from a TOML file, over which typed ones win; {command('init-config')} "
        "writes one",
    )
    add_source(parser.add_argument_group("source"))
    add_engine(parser.add_argument_group("engine"))
    people = parser.add_argument_group("people")
    add_people(people)
    people.add_argument(
        "--predict",
        action=Switch,
        default=DEFAULTS.is_predicting,
        help="draw people where they are when the picture is seen, not where they were in it "
        "(default: on)",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--mirror", action=Switch, help="show the picture as a mirror; data stay as they are"
    )
    output.add_argument(
        "--skeleton-only",
        action=Switch,
        help="show, record and send people on black: no picture leaves the program",
    )
    output.add_argument(
        "--angles",
        action=Switch,
        help="measure elbows, knees, shoulders, hips and trunk: on screen and in videos, in a CSV "
        "with --csv-layout long, in JSON lines",
    )
    output.add_argument("--headless", action=Switch, help="open no window")
    add_tables(output)
    output.add_argument(
        "--one-csv",
        action=Switch,
        help="of several sources: one CSV for all, with a column 'source', instead of one for each",
    )
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
    add_force(output, action=Switch)
    add_live(parser.add_argument_group("live"))
    return parser
