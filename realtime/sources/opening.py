"""Turn what the user typed after ``--camera`` or ``--source`` into a source."""

from __future__ import annotations

import glob
import os
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.foreign.files import is_folder, is_there
from steadypose.engines.wording.advice import command
from steadypose.engines.wording.printable import quoted, to_command
from steadypose.realtime.sources.address import is_half_an_address, is_pipeline, shown
from steadypose.realtime.sources.base import Source
from steadypose.realtime.sources.browser import Inlet, open_browser
from steadypose.realtime.sources.camera import CameraMode, camera_opener
from steadypose.realtime.sources.capture.gstreamer import pipeline_opener
from steadypose.realtime.sources.files import open_demo, open_images
from steadypose.realtime.sources.live import LiveSource
from steadypose.realtime.sources.patterns import matching
from steadypose.realtime.sources.pictures import IMAGE_SUFFIXES, is_picture
from steadypose.realtime.sources.turned import Turned

BROWSER = "browser"
DEMO_FRAMES = 480  # one period of the mannequin's motion
DECODERS = ("auto", "cpu", "cuda", "qsv", "vaapi", "videotoolbox", "d3d11va", "amf", "vulkan")
"""What may decode videos; ``auto`` is the processor, and of the others PyAV may have some."""
TRANSPORTS = ("tcp", "udp")
_WEB = frozenset({"http", "https"})
_SCHEMES = _WEB | {"rtsp", "rtsps", "udp", "rtp", "rtmp", "tcp", "srt"}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the command line says about the source.

    Attributes:
        text: ``0``, ``/dev/video2``, a path, a glob, a URL, a GStreamer pipeline, ``demo``,
            ``demo:2`` or ``browser``.
        mode: Asked of a camera; its fps is the playback rate of pictures.
        is_paced: Play files at their own speed instead of as fast as possible.
        is_watched: There is a window: the demo plays like a camera, at its
            own speed and without an end.
        is_camera_name: ``text`` is what a camera is called.
        decode: What decodes videos: a name of ``DECODERS``.
        inlet: Where a page's pictures come from.
        transport: How an RTSP camera sends: a name of ``TRANSPORTS``.
        rotate_deg: Frames are turned clockwise by so much: 0, 90, 180 or 270.
    """

    text: str
    mode: CameraMode = field(default_factory=CameraMode)
    is_paced: bool = False
    is_watched: bool = False
    is_camera_name: bool = False
    decode: str = "auto"
    inlet: Inlet | None = None
    rotate_deg: int = 0
    transport: str = "tcp"


def is_camera(options: SourceOptions) -> bool:
    """Whether the text names a camera or a stream, whose frames come at their own time.

    A web address may as well be a video; only connecting to it tells, so it counts as one.
    """
    text = options.text
    if options.is_camera_name or is_pipeline(text):
        return True
    is_stream = _scheme_of(text) in _SCHEMES - _WEB
    is_number_or_path = text.isdecimal() or text.startswith("/dev/")
    return is_number_or_path or is_stream or is_browser(options)


def is_browser(options: SourceOptions) -> bool:
    """Whether frames come from the camera of a browser that shows the run's page."""
    return options.text == BROWSER and not options.is_camera_name


def waits_for(options: SourceOptions) -> str | None:
    """What opening may wait for, so that it is better done beside a window; None: for nothing.

    On macOS devices are opened on the main thread, where the system asks for permission.
    """
    if is_browser(options):
        return "a page that sends pictures: open the printed address"
    if "://" in options.text:
        return "the network"
    is_asked = platform.system() == "Darwin"
    return "the camera" if is_camera(options) and not is_asked else None


def open_source(options: SourceOptions) -> Source:
    """Open whatever the text names.

    Raises:
        SourceError: It does not exist or cannot be read.
        UsageError: The text makes no sense.
    """
    source = _open(options)
    return Turned(source, options.rotate_deg) if options.rotate_deg else source


def _open(options: SourceOptions) -> Source:
    text = options.text
    if not text.strip():
        raise UsageError("--source is empty", fix="give a camera number, a path, a URL, or demo")
    is_name = options.is_camera_name
    if is_name or text.isdecimal() or text.startswith("/dev/"):
        device = int(text) if text.isdecimal() and not is_name else text
        return LiveSource(camera_opener(device, options.mode, is_name=is_name))
    if is_browser(options):
        return _browser(options)
    if re.fullmatch(r"demo(:.*)?", text):
        return _demo(text, options)
    if is_pipeline(text) and not is_there(Path(text)):
        return LiveSource(pipeline_opener(text))
    if "://" in text:
        return _from_url(text, options)
    try:
        return _from_files(text, options)
    except OSError as error:  # a name too long, a folder that may not be read
        raise SourceError(
            f"cannot read {text[:80]}: {error.strerror}",
            fix="check the path and that you may read it",
        ) from error


def _from_files(text: str, options: SourceOptions) -> Source:
    path = _path_of(text)
    if is_folder(path):
        return _from_images(sorted(path.iterdir(), key=_natural), text, options)
    if is_there(path):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return _from_images([path], text, options)
        from steadypose.realtime.sources.video.film import open_video  # noqa: PLC0415 - PyAV takes its time

        return open_video(path, is_paced=options.is_paced, decode=options.decode)
    if glob.has_magic(text):
        found = source_files(text)
        if not found:
            raise SourceError(f"nothing matches {text}", fix="check the pattern and quote it")
        return _from_images(sorted(found, key=_natural), text, options)
    if is_half_an_address(text):
        raise SourceError(
            "--source looks like an address, but does not begin with a scheme",
            fix="begin it with rtsp://, http:// or udp://",
        )
    if " ! " in text:
        raise SourceError(
            "--source looks like a GStreamer pipeline, but does not end in appsink",
            fix="end it with ! appsink",
        )
    raise SourceError(
        f"{text} does not exist",
        fix="give a video file, a folder of pictures, a URL, a camera number, or demo",
    )


def _path_of(text: str) -> Path:
    """The path that was typed: as it is where that exists, else with ``~`` spelled out."""
    path = Path(text)
    # `~nobody` stays, and does not exist.
    return path if os.path.lexists(path) else Path(os.path.expanduser(text))  # noqa: PTH111


def source_files(text: str) -> list[Path]:
    """The files that a source reads, as far as names tell; nothing is opened."""
    path = _path_of(text)
    try:
        if is_folder(path):
            return list(filter(is_picture, path.iterdir()))
        if is_there(path):
            return [path] if path.is_file() else []
    except OSError:
        return []
    return matching(_pattern_of(path)) if glob.has_magic(text) else []


def _pattern_of(path: Path) -> Path:
    """A pattern whose folders may be called as patterns are: ``set[1]/*.png``."""
    at, *rest = path.parts
    known = Path(at)
    escaped = [at if path.anchor else (glob.escape(at) if is_there(known) else at)]
    for part in rest:
        known /= part
        escaped.append(glob.escape(part) if os.path.lexists(known) else part)
    return Path(*escaped)


def _browser(options: SourceOptions) -> Source:
    if options.inlet is None:
        raise UsageError("--source browser needs a page", fix="add --serve 8000")
    return open_browser(options.inlet)


def _demo(text: str, options: SourceOptions) -> Source:
    number = text.partition(":")[2] or "1"
    if number not in {"1", "2", "3"}:
        raise UsageError(f"{text} is not possible", fix="use demo, demo:2 or demo:3")
    persons = int(number)
    mode = options.mode
    return open_demo(
        persons=persons,
        frame_count=None if options.is_watched else DEMO_FRAMES,
        size_hw=(mode.height or 360, mode.width or 640),
        fps=mode.fps or 30.0,
        is_paced=options.is_paced or options.is_watched,
    )


def _from_url(url: str, options: SourceOptions) -> Source:
    scheme, address = _scheme_of(url), shown(url)
    if scheme == "file":
        raise UsageError(f"{address} is a file URL", fix="give the path without file://")
    if scheme not in _SCHEMES:
        raise UsageError(f"{address} has an unknown scheme", fix="use rtsp://, http:// or udp://")
    from steadypose.realtime.sources.video import web  # noqa: PLC0415 - PyAV takes its time

    if scheme in _WEB:
        return web.open_web(url, is_paced=options.is_paced, decode=options.decode)
    return web.open_stream(url, decode=options.decode, transport=options.transport)


def _scheme_of(text: str) -> str:
    """What stands before ``://``, in small letters; empty where nothing does."""
    scheme, mark, _ = text.partition("://")
    return scheme.lower() if mark else ""


def _from_images(paths: list[Path], text: str, options: SourceOptions) -> Source:
    pictures = list(filter(is_picture, paths))
    if not pictures:
        raise SourceError(
            f"{text} holds no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})",
            fix=f"give a folder or a quoted pattern such as {to_command('frames/*.png')}; "
            f"for a folder of videos: {command('batch')} {quoted(text)} --out tables",
        )
    fps = options.mode.fps or 30.0
    name = Path(text).name or text  # not where it lies: labels are shared with recordings
    label = f"{name}, pictures: {len(pictures)}, {fps:g} fps"
    # One picture may be an animation; several are a sequence, of which nobody knows the times.
    own = len(pictures) == 1 and not options.mode.fps
    return open_images(pictures, label=label, fps=fps, is_paced=options.is_paced, has_own_times=own)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sort key that puts frame 10 after frame 9."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
