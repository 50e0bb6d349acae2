"""Options about where frames come from."""

from __future__ import annotations

import argparse

from steadypose.realtime.command.options.parser import ANY, Number, Switch
from steadypose.realtime.command.options.values import Camera, camera_controls
from steadypose.realtime.sources.address import spelled_out
from steadypose.realtime.sources.camera import CameraMode
from steadypose.realtime.sources.opening import DECODERS, TRANSPORTS, SourceOptions


def source_of(arguments: argparse.Namespace) -> SourceOptions:
    """What parsed arguments say of the source."""
    text = str(arguments.camera or 0)
    if arguments.source is not None:
        text = spelled_out(arguments.source)
    return SourceOptions(
        text,
        CameraMode(
            arguments.width,
            arguments.height,
            arguments.fps,
            arguments.fourcc,
            arguments.camera_control or (),
        ),
        is_paced=arguments.realtime,
        is_camera_name=isinstance(arguments.camera, str),
        decode=arguments.decode,
        rotate_deg=int(arguments.rotate),
        transport=arguments.rtsp_transport,
    )


def add_source(source: argparse._ArgumentGroup) -> None:
    """Camera, file or address, and how it is read."""
    which = source.add_mutually_exclusive_group()
    which.add_argument(
        "--camera",
        type=Camera(),
        metavar="N",
        help="camera number, or (a part of) its name as --list-cameras shows it (default: 0)",
    )
    which.add_argument(
        "--source",
        metavar="WHAT",
        help="device path, video file, folder or 'glob' of pictures, RTSP or HTTP URL, GStreamer "
        "pipeline (or @FILE, env:NAME that holds one), demo or demo:2 (mannequins), browser (the "
        "camera of --serve)",
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
