"""From what was asked for on the command line to open channels."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from steadypose.engines.errors import UsageError
from steadypose.engines.skeletons.skeleton import Skeleton
from steadypose.engines.wording.advice import install
from steadypose.realtime.record.live.message import Address, Channel, NeedsTokenError
from steadypose.realtime.record.live.sender import Live
from steadypose.realtime.record.live.udp import UdpChannel
from steadypose.realtime.record.picture import Draw

if TYPE_CHECKING:
    from steadypose.realtime.record.live.web.seat import Seat
    from steadypose.realtime.record.live.web.server import WebServer

PACKAGES = {
    "--osc": ("python-osc", "pythonosc"),
    "--lsl": ("pylsl", "pylsl"),
    "--serve": ("aiohttp", "aiohttp"),
    "--virtual-camera": ("pyvirtualcam", "pyvirtualcam"),
}
"""Of an option: the package that it needs, and how that is imported."""
_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.%]+\]|[^\[\]:\s\x00-\x1f]+)?:)?(\d{1,5})")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The page.

    Attributes:
        at: Where it is served.
        token: What opens it, if somebody chose it.
        has_pictures: False: it shows poses only.
        takes_camera: The run reads the camera of the browser.
        origins: Pages of others that may watch, as ``to_origin`` writes them.
    """

    at: Address
    token: str | None = None
    has_pictures: bool = True
    takes_camera: bool = False
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Where poses are sent as they happen.

    Attributes:
        udp: Where JSON lines go.
        osc: Where Open Sound Control goes.
        lsl: Name of the streams of the Lab Streaming Layer.
        is_normalized: Send shares of the frame's sides instead of pixels.
        serve: The page in a browser.
        has_virtual_camera: Show people on a virtual camera.
    """

    udp: Address | None = None
    osc: Address | None = None
    lsl: str | None = None
    is_normalized: bool = False
    serve: ServeOptions | None = None
    has_virtual_camera: bool = False


def parse_address(text: str) -> Address:
    """``HOST:PORT``, ``[::1]:PORT``, ``:PORT`` or ``PORT``; without a host it is this machine.

    Raises:
        ValueError: It is none of them.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(f"{text!r} is not HOST:PORT with a port from 1 to 65535")
    host = (found[1] or "127.0.0.1").strip("[]")
    try:
        host.encode("idna")  # as every look-up does
    except UnicodeError:
        raise ValueError(
            f"{text!r}: no host is called {host!r}: the parts of a name between its dots"
            " have 1 to 63 letters"
        ) from None
    return Address(host, int(found[2]))


def check_packages(options: LiveOptions) -> None:
    """Refuse, before anything starts, what needs a package that is not here.

    Raises:
        UsageError: One is missing.
    """
    wanted = {
        "--osc": options.osc is not None,
        "--lsl": options.lsl is not None,
        "--serve": options.serve is not None,
        "--virtual-camera": options.has_virtual_camera,
    }
    for option, (_, module) in PACKAGES.items():
        if wanted[option] and not is_here(module):
            raise missing(option)


def is_here(module: str) -> bool:
    """Whether a package can be imported, without doing so."""
    return sys.modules.get(module) is not None or find_spec(module) is not None


def open_live(
    options: LiveOptions,
    skeleton: Skeleton,
    *,
    persons: int,
    draw: Draw = lambda *_: None,
    source: str = "",
    seat: Seat | None = None,
) -> Live:
    """Open all channels.

    Args:
        options: What was asked for.
        skeleton: Gives the keypoints' names.
        persons: How many people there can be at once.
        draw: Draws people into pictures that leave.
        source: Which of several sources it is for, as receivers are told; empty: there is one.
        seat: Its place on the page of all sources, if they have one.

    Raises:
        UsageError: A package is missing, or an address is unknown.
    """
    names = skeleton.keypoints
    ways: list[tuple[str, Callable[[], Channel]]] = []
    if (udp := options.udp) is not None:
        ways.append((f"--udp {udp}", lambda: UdpChannel(udp, names, source)))
    if (osc := options.osc) is not None:
        ways.append((f"--osc {osc}", lambda: _open_osc(osc, source)))
    if (lsl := options.lsl) is not None:
        is_share, called = options.is_normalized, f"{lsl} {source}".strip()
        ways.append((f"--lsl {lsl}", lambda: _open_lsl(called, names, persons, is_share=is_share)))
    with ExitStack() as opened:
        channels = []
        for way, open_channel in ways:
            try:
                channels.append(open_channel())
            except (OSError, RuntimeError) as error:  # the latter is pylsl's
                reason = getattr(error, "strerror", None) or str(error)
                raise UsageError(
                    f"poses cannot be sent by {way}: {reason}",
                    fix="check the host's name, or give its number",
                ) from error
            opened.callback(channels[-1].close)
        shows: list[Channel] = []
        if options.has_virtual_camera:
            shows.append(_open_virtual_camera(draw))
            opened.callback(shows[-1].close)
        page: Seat | WebServer | None = seat
        if page is None and options.serve is not None:
            page = open_page(options, options.serve, skeleton, draw)
        if page is not None:
            shows.append(page)
        opened.pop_all()
    return Live(channels, is_normalized=options.is_normalized, shows=shows, page=page)


def open_page(
    live: LiveOptions,
    options: ServeOptions,
    skeleton: Skeleton,
    draw: Draw,
    sources: Sequence[str] = (),
    camera: str = "",
) -> WebServer:
    """Begin to serve the page.

    Args:
        live: What was asked for.
        options: Of the page.
        skeleton: Gives the keypoints' names.
        draw: Draws people into the stream of pictures.
        sources: Names of several sources; empty: there is one.
        camera: Which of them reads the page's camera, if one does.

    Raises:
        UsageError: A package is missing, or nothing can be served there.
    """
    try:
        from steadypose.realtime.record.live.web.server import WebServer  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise missing("--serve") from error
    at = options.at
    try:
        return WebServer(
            at,
            skeleton,
            draw=draw,
            token=options.token,
            has_pictures=options.has_pictures,
            is_normalized=live.is_normalized,
            takes_camera=options.takes_camera,
            sources=sources,
            camera=camera,
            origins=options.origins,
        )
    except NeedsTokenError as error:
        raise UsageError(
            f"--serve {at} can be reached from other machines, and has no token of yours",
            fix=f"add --serve-token @FILE, or serve this machine only: --serve {at.port}",
        ) from error
    except OSError as error:
        raise UsageError(
            f"nothing can be served at {at}: {error.strerror or error}",
            fix="choose another port, or an address of this machine",
        ) from error


def _open_osc(to: Address, source: str) -> Channel:
    try:
        from steadypose.realtime.record.live.osc import OscChannel  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise missing("--osc") from error
    return OscChannel(to, source)


def _open_lsl(name: str, names: tuple[str, ...], persons: int, *, is_share: bool) -> Channel:
    try:
        from steadypose.realtime.record.live.lsl import LslChannel  # noqa: PLC0415 - optional
    except (ModuleNotFoundError, RuntimeError) as error:  # the latter: it lacks its library
        raise missing("--lsl") from error
    return LslChannel(name, names, persons=persons, is_normalized=is_share)


def _open_virtual_camera(draw: Draw) -> Channel:
    try:
        from steadypose.realtime.record.live.virtual_camera import VirtualCameraChannel  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise missing("--virtual-camera") from error
    try:
        return VirtualCameraChannel(draw)
    except (OSError, RuntimeError) as error:
        is_linux = sys.platform.startswith("linux")
        reason = " ".join(str(error).split())
        raise UsageError(
            f"there is no virtual camera: {reason}",
            fix="sudo modprobe v4l2loopback, whose package has the same name"
            if is_linux
            else "install OBS Studio and start its virtual camera once",
        ) from error


def missing(option: str) -> UsageError:
    """What is said where the package of one of ``PACKAGES`` is not here."""
    package, _ = PACKAGES[option]
    what = f"{option} needs the package {package}, which is not installed"
    if option == "--virtual-camera":
        return UsageError(what, fix=f"pip install {package}")
    return UsageError(f"{what} or lacks its library", fix=install("requirements-live.txt"))
