"""Options about where frames come from."""

from __future__ import annotations

import argparse

from steadypose.engines.errors import UsageError
from steadypose.engines.foreign.names import RULE, is_name
from steadypose.realtime.command.options.parser import ANY, Number, Switch
from steadypose.realtime.command.options.values import Camera, camera_controls
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import BROWSER, DECODERS, TRANSPORTS, SourceOptions

MOST_SOURCES = 16


def sources_of(arguments: argparse.Namespace) -> tuple[SourceOptions, ...]:
    """What parsed arguments say of each source; one where nothing was said.

    Raises:
        UsageError: They are too many, or two are the same camera.
    """
    given = arguments.source or arguments.camera or [0]
    if len(given) > MOST_SOURCES:
        raise UsageError(
            f"{len(given)} sources are too many for one process",
            fix=f"up to {MOST_SOURCES}; start another for the rest",
        )
    if arguments.one_csv and len(given) == 1:
        raise UsageError("--one-csv is for several sources", fix="leave it out")
    cameras = list(map(str, arguments.camera or ()))
    if twice := next((name for name in cameras if cameras.count(name) > 1), None):
        raise UsageError(f"--camera {twice} is given twice", fix="name each camera once")
    if (arguments.source or []).count(BROWSER) > 1:
        raise UsageError(f"--source {BROWSER} is given twice", fix="a page has one camera")
    return tuple(_source_of(text, arguments) for text in given)


def source_names(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What several sources are called in file names and messages: ``--names``, or their numbers.

    Raises:
        UsageError: There are more or fewer names than sources, or one is no name.
    """
    given = arguments.source or arguments.camera or [0]
    if arguments.names is None:
        return tuple(
            f"cam{text}" if isinstance(text, int) else f"source{number}"
            for number, text in enumerate(given)
        )
    names = tuple(arguments.names.split(","))
    if len(names) != len(given) or len(set(map(str.lower, names))) != len(names):
        raise UsageError(
            f"--names has {len(names)} names, of which each is to be another, for "
            f"{len(given)} sources",
            fix="give one for each, as in --names left,right",
        )
    for name in names:
        if not is_name(name):
            raise UsageError(f"--names: {name!r} cannot be a name", fix=RULE)
    return names


def _source_of(text: int | str, arguments: argparse.Namespace) -> SourceOptions:
    is_address = arguments.source is not None
    return SourceOptions(
        spelled_out(str(text)) if is_address else str(text),
        CameraMode(
            arguments.width,
            arguments.height,
            arguments.fps,
            arguments.fourcc,
            arguments.camera_control or (),
        ),
        is_paced=arguments.realtime,
        is_camera_name=not is_address and isinstance(text, str),
        decode=arguments.decode,
        rotate_deg=int(arguments.rotate),
        transport=arguments.rtsp_transport,
    )


def add_source(source: argparse._ArgumentGroup) -> None:
    """Camera, file or address, and how it is read."""
    which = source.add_mutually_exclusive_group()
    which.add_argument(
        "--camera",
        action="append",
        type=Camera(),
        metavar="N",
        help="camera number, or (a part of) its name as --list-cameras shows it (default: 0); "
        "given again, all are followed, each with its files: out.cam0.csv",
    )
    which.add_argument(
        "--source",
        action="append",
        metavar="WHAT",
        help="device path, video file, folder or 'glob' of pictures, RTSP or HTTP URL, GStreamer "
        "pipeline (or @FILE, env:NAME that holds one), demo or demo:2 (mannequins), browser (the "
        "camera of --serve)",
    )
    source.add_argument(
        "--names", metavar="A,B", help="what several sources are called (default: cam0, source0)"
    )
    size_px, size_help = Number(16, 16384), "picture size to ask the camera for"
    source.add_argument("--width", type=size_px, metavar="PX", help=size_help)
    source.add_argument("--height", type=size_px, metavar="PX", help=size_help)
    source.add_argument(
        "--fps",
        type=Number(0.5, 1000, is_whole=False),
        metavar="HZ",
        help="frame rate to ask the camera for; playback rate of pictures",
    )
    source.add_argument("--fourcc", metavar="CODE", help="pixel format, for instance MJPG or YUYV")
    source.add_argument(
        "--camera-control",
        type=camera_controls,
        metavar="NAME=VALUE,…",
        help="set the camera's own controls, in this order: auto_exposure=1,"
        "exposure_time_absolute=80; --doctor lists them",
    )
    source.add_argument(
        "--rtsp-transport",
        choices=TRANSPORTS,
        default="tcp",
        help="how an RTSP camera sends: tcp loses nothing, some cameras know udp only (default: "
        "%(default)s)",
    )
    source.add_argument(
        "--rotate",
        choices=("0", "90", "180", "270"),
        default="0",
        help="turn frames clockwise by so many degrees, picture and positions (default: "
        "%(default)s)",
    )
    source.add_argument(
        "--realtime",
        action=Switch,
        help="play a file at its own speed, not as fast as possible",
    )
    source.add_argument(
        "--decode",
        choices=DECODERS,
        default="auto",
        help="what decodes videos: threads of the processor (auto, cpu), or hardware that the "
        "installed PyAV has (default: %(default)s)",
    )
    source.add_argument(
        "--max-frames", type=Number(1, ANY), metavar="N", help="stop after N frames"
    )
