"""Options about where poses go: tables and their layouts, and other programs."""

from __future__ import annotations

import argparse

from steadypose.engines.errors import UsageError
from steadypose.realtime.command.options.parser import Switch, file_name
from steadypose.realtime.command.options.values import address, origins, read_token, stream_name
from steadypose.realtime.record.formats.tables import NAMES, TableFormat, find_table, layouts
from steadypose.realtime.record.live.opening import LiveOptions, ServeOptions
from steadypose.realtime.sources.opening import BROWSER


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
    live.add_argument(
        "--virtual-camera",
        action=Switch,
        help="show the picture, people drawn in, on a virtual camera that other programs can read",
    )
    live.add_argument(
        "--serve",
        type=address,
        metavar="[HOST:]PORT",
        help="show the run in a browser, and to programs over a WebSocket; its address is printed",
    )
    live.add_argument(
        "--serve-poses-only", action=Switch, help="serve poses without the picture they come from"
    )
    live.add_argument(
        "--serve-token",
        metavar="@FILE",
        help="the page's token is the first line of a file, or in a variable (env:NAME); without "
        "it, each run makes one; other addresses than this machine's need it",
    )
    live.add_argument(
        "--serve-origin",
        type=origins,
        default=(),
        metavar="ORIGIN",
        help="let pages of others, such as https://example.org or http://localhost:5173 (commas "
        "between them), read /ws with the token; they can press no button and fetch no file",
    )


def live_of(arguments: argparse.Namespace) -> LiveOptions:
    """What parsed arguments say of other programs and the page.

    Raises:
        UsageError: The token cannot be read, or an option needs ``--serve``.
    """
    at = arguments.serve
    if at is None:
        for name in ("serve_poses_only", "serve_token", "serve_origin"):
            if getattr(arguments, name):
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} says nothing without --serve", fix="add --serve 8000")
    token = arguments.serve_token
    serve = ServeOptions(
        at,
        read_token(token) if token is not None else None,
        has_pictures=not arguments.serve_poses_only,
        takes_camera=BROWSER in (arguments.source or ()),
        origins=arguments.serve_origin,
    )
    return LiveOptions(
        arguments.udp,
        arguments.osc,
        arguments.lsl,
        arguments.normalized,
        serve=serve if at is not None else None,
        has_virtual_camera=arguments.virtual_camera,
    )


def add_tables(output: argparse._ArgumentGroup) -> None:
    """An option for each format, and for its layouts."""
    for first, *others in map(layouts, NAMES):
        help_ = "write keypoints" if others else f"write keypoints, {first.help}"
        output.add_argument(first.option, type=file_name, metavar="FILE", help=help_)
        add_layout(output, first)


def add_layout(parser: argparse._ActionsContainer, default: TableFormat) -> None:
    """An option that chooses a layout, where the format has several."""
    if default.layout:
        said = ", ".join(f"{form.layout}: {form.help}" for form in layouts(default.name))
        parser.add_argument(
            f"{default.option}-layout",
            choices=[form.layout for form in layouts(default.name)],
            default=default.layout,
            help=f"{said} (default: %(default)s)",
        )
