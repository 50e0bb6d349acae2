"""Which cameras there are, by name: from the kernel on Linux, elsewhere from a small package."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import cv2

from steadypose.engines.errors import EngineUnavailableError, SourceError, UsageError
from steadypose.engines.wording import advice
from steadypose.engines.wording.printable import quoted, visible
from steadypose.realtime.sources.capture.linux import is_camera_node

REQUIREMENTS = "requirements-cameras.txt"
BACKENDS = {
    "Linux": (cv2.CAP_V4L2,),
    # Each lists cameras that the other does not: those of OBS, those of Windows itself.
    "Windows": (cv2.CAP_DSHOW, cv2.CAP_MSMF),
    "Darwin": (cv2.CAP_AVFOUNDATION,),
}
"""OpenCV's back ends for cameras, in the order in which they are tried."""
_SHORT = {cv2.CAP_DSHOW: "DirectShow", cv2.CAP_MSMF: "Media Foundation"}


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that the system knows.

    Attributes:
        number: What ``--camera`` takes; on Windows each back end counts for itself.
        name: As the system shows it.
        backend: OpenCV's number of the back end that lists it.
        path: Where the system keeps it, which stays when numbers change; empty if unknown.
    """

    number: int
    name: str
    backend: int
    path: str = ""


def list_cameras() -> list[Camera]:
    """The cameras of this machine, none of which is opened.

    Raises:
        EngineUnavailableError: They can be listed only with a package that is not installed.
    """
    if platform.system() == "Linux":
        return _linux_cameras()
    try:
        found = import_module("cv2_enumerate_cameras").enumerate_cameras
    except (ImportError, OSError) as error:
        raise EngineUnavailableError(
            "names of cameras need cv2-enumerate-cameras, which is not installed or does not load",
            fix=f"{advice.install(REQUIREMENTS)}, or try numbers: --camera 0, --camera 1",
        ) from error
    cameras: list[Camera] = []
    for backend in BACKENDS.get(platform.system(), ()):
        listed = [
            Camera(int(one.index), str(one.name), backend, str(one.path or ""))
            for one in found(backend)
        ]
        # Cameras that two back ends know are listed once, by the one that is tried first.
        cameras += [one for one in listed if one.name not in {known.name for known in cameras}]
    return cameras


def lines_of(cameras: list[Camera]) -> list[str]:
    """A line for each camera: its number, name, and where the system keeps it."""
    taken: set[int] = set()
    lines = []
    for one in cameras:
        number = f"{one.number:>2}" if one.number not in taken else " -"  # by name only
        taken.add(one.number)
        more = ", ".join(filter(None, (_SHORT.get(one.backend, ""), one.path)))
        lines.append(visible(f"{number}  {one.name}" + (f"  ({more})" if more else "")))
    return lines


def known_cameras() -> list[Camera] | None:
    """``list_cameras`` for a message: None where they cannot be listed."""
    try:
        return list_cameras()
    except EngineUnavailableError:
        return None


def find_camera(name: str) -> Camera:
    """The camera that a name, or the only one that a part of a name means, in any case.

    Raises:
        SourceError: No camera is called like that.
        UsageError: Several are.
        EngineUnavailableError: Names cannot be known here.
    """
    cameras = list_cameras()
    wanted = name.casefold()
    for fits in (
        lambda one: wanted == one.name.casefold(),
        lambda one: wanted in one.name.casefold() or wanted in one.path.casefold(),
    ):
        found = [one for one in cameras if fits(one)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"--camera {name!r} fits {len(found)} cameras: {listed(found)}",
                fix=f"give the number: --camera {found[0].number}",
            )
    is_path = name.startswith("/")
    raise SourceError(
        f"no camera is called {name!r}; {seen(cameras)}",
        fix=f"a device's path is a source: --source {quoted(name)}" if is_path else TRY_ANOTHER,
    )


TRY_ANOTHER = "choose one that --list-cameras shows, or try --source demo"


def seen(cameras: list[Camera]) -> str:
    """The cameras of this machine, for a message."""
    return f"cameras here: {listed(cameras)}" if cameras else "the system lists no camera"


def listed(cameras: Iterable[Camera]) -> str:
    """Numbers and names in one line."""
    return ", ".join(f"{one.number} ({one.name})" for one in cameras)


def _linux_cameras() -> list[Camera]:
    ids = {path.resolve(): str(path) for path in sorted(Path("/dev/v4l/by-id").glob("*"))}
    cameras = []
    for node in Path("/dev").glob("video*"):
        number = node.name.removeprefix("video")
        if not number.isdecimal() or is_camera_node(node) is False:
            continue
        try:
            name = Path(f"/sys/class/video4linux/{node.name}/name").read_text("utf-8", "replace")
        except OSError:
            name = node.name
        where = ids.get(node.resolve(), str(node))
        cameras.append(Camera(int(number), name.strip(), cv2.CAP_V4L2, where))
    return sorted(cameras, key=lambda one: one.number)
