"""Why a camera does not open: one sentence for each cause, of what was checked and no more."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from steadypose.engines.errors import SourceError
from steadypose.engines.foreign.files import is_there
from steadypose.engines.wording.printable import quoted
from steadypose.realtime.sources.capture.linux import is_camera_node, users_of
from steadypose.realtime.sources.capture.listing import (
    TRY_ANOTHER,
    Camera,
    known_cameras,
    listed,
    seen,
)
from steadypose.realtime.sources.capture.permission import Permission, permission

_SETTINGS = {
    "Darwin": "System Settings, Privacy & Security, Camera: switch on the program in which you "
    "type this (Terminal, say), and start it again; `tccutil reset Camera` makes macOS ask anew",
    "Windows": "Settings, Privacy & security, Camera: switch on 'Camera access' and "
    "'Let desktop apps access your camera'",
}
_CLOSE_OTHERS = "close other programs that use cameras and plug it in again"


def check_device(device: int | str) -> None:
    """Say before OpenCV is asked what Linux already knows about a camera.

    Raises:
        SourceError: It does not exist, is no camera, or may not be opened.
    """
    path = node_of(device)
    if not is_there(path):
        raise SourceError(
            f"camera {device} does not exist; {seen(known_cameras() or [])}",
            fix=f"plug one in; or {TRY_ANOTHER}",
        )
    if not path.is_char_device():
        raise SourceError(
            f"{path} is not a camera device; {seen(known_cameras() or [])}",
            fix="give a video file with --source, or a camera with --camera N",
        )
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError as error:
        raise SourceError(
            f"no permission to open camera {path}",
            fix="sudo usermod -aG video $USER, then log in again",
        ) from error
    except OSError as error:
        raise SourceError(
            f"camera {path} cannot be opened: {error.strerror}", fix=_CLOSE_OTHERS
        ) from error
    if is_camera_node(path) is False:
        raise SourceError(
            f"{path} gives no pictures: it is no camera, or a camera's file for other data",
            fix=TRY_ANOTHER,
        )


def refused(device: int | str) -> SourceError:
    """The error for a camera that OpenCV could not open.

    Args:
        device: Number, or device path on Linux, where ``check_device`` found nothing.
    """
    system = platform.system()
    if system == "Linux":
        return _refused_by_linux(node_of(device))
    may = permission()
    if may is Permission.REFUSED:
        return SourceError(
            f"{_NAMES[system]} does not let this program use a camera", fix=_SETTINGS[system]
        )
    if may is Permission.NOT_ASKED:
        return SourceError(
            "macOS asks whether this program may use the camera, and got no answer",
            fix=f"allow it and run again; if no question is to be seen: {_SETTINGS['Darwin']}",
        )
    unsure = system if may is Permission.UNKNOWN and system in _NAMES else ""
    return _absent_or_busy(device, known_cameras(), unsure)


_NAMES = {"Darwin": "macOS", "Windows": "Windows"}


def _absent_or_busy(device: int | str, cameras: list[Camera] | None, unsure: str) -> SourceError:
    """Permission is given, or ``unsure``, the name of a system, could not be asked."""
    forbids = f", or {_NAMES[unsure]} does not let this program use it" if unsure else ""
    setting = f"; {_SETTINGS[unsure]}" if unsure else ""
    if cameras is None:
        return SourceError(
            f"camera {device} does not open: there is none with this number, or another program "
            f"has it{forbids}",
            fix=f"close other programs that use cameras, or try another number{setting}",
        )
    if not any(one.number == device for one in cameras):
        return SourceError(
            f"there is no camera {device}; {seen(cameras)}", fix=f"plug one in; or {TRY_ANOTHER}"
        )
    name = listed(one for one in cameras if one.number == device)
    return SourceError(
        f"camera {name} is there but does not open: another program may be using it{forbids}",
        fix=f"{_CLOSE_OTHERS}; or {TRY_ANOTHER}{setting}",
    )


def _refused_by_linux(path: Path) -> SourceError:
    users = users_of(path)
    if users:
        return SourceError(
            f"camera {path} does not open while {', '.join(users)} has it open",
            fix=f"close that program; or {TRY_ANOTHER}",
        )
    return SourceError(
        f"camera {path} is there but does not open: another program may be using it, or it has "
        "no format that OpenCV reads",
        fix=f"{_CLOSE_OTHERS}; its formats: v4l2-ctl --device {quoted(path)} --list-formats",
    )


def node_of(device: int | str) -> Path:
    """The device file of a camera on Linux."""
    return Path(f"/dev/video{device}") if isinstance(device, int) else Path(device)
