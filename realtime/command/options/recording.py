"""Options about where poses go: tables and their layouts, and other programs."""

from __future__ import annotations

import argparse

from steadypose.realtime.command.options.parser import Switch, file_name
from steadypose.realtime.command.options.values import address, stream_name
from steadypose.realtime.record.formats.tables import NAMES, TableFormat, find_table, layouts


def chosen_table(name: str, arguments: argparse.Namespace) -> TableFormat:
    """The table format that a name and, where it has layouts, their option mean."""
    return find_table(name, getattr(arguments, f"{name}_layout", ""))


def add_live(live: argparse._ArgumentGroup) -> None:
    """Options that send poses as they happen."""
    for option, what in (("--udp", "JSON lines"), ("--osc", "Open Sound Control")):
        live.add_argument(
            option, type=address, metavar="HOST:PORT", help=f"send poses as they happen: {what}"
        )
    live.add_argument(
        "--lsl",
        type=stream_name,
        metavar="NAME",
        help="offer poses as streams of the Lab Streaming Layer, one for each of --persons",
    )
    live.add_argument(
        "--normalized",
        action=Switch,
        help="send positions from 0 to 1 (left to right, top to bottom) instead of pixels",
    )


def add_tables(output: argparse._ArgumentGroup) -> None:
    """An option for each format, and for its layouts."""
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
