"""What Linux tells about a camera without OpenCV."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

_QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP of linux/videodev2.h
_CAPABILITY = struct.Struct("16s32s32sIII12x")  # struct v4l2_capability
_CAPTURES = 0x1 | 0x1000  # V4L2_CAP_VIDEO_CAPTURE, and with several planes
_OF_THE_NODE = 0x80000000  # V4L2_CAP_DEVICE_CAPS: the node's own are told apart


def is_camera_node(node: Path) -> bool | None:
    """Whether pictures come from a device file; a camera has others, for what it knows of them.

    Returns:
        None where that cannot be found out.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none

        file = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        try:
            answer = fcntl.ioctl(file, _QUERYCAP, bytes(_CAPABILITY.size))
        finally:
            os.close(file)
    except (ImportError, OSError) as error:
        return False if getattr(error, "errno", None) == errno.ENOTTY else None
    *_, of_all, of_node = _CAPABILITY.unpack(answer)
    return bool((of_node if of_all & _OF_THE_NODE else of_all) & _CAPTURES)


def users_of(node: Path) -> list[str]:
    """Programs that have a device file open, as far as this user may know: ``zoom (412)``."""
    found, wanted = [], str(node.resolve())
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            if any(str(link.readlink()) == wanted for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                found.append(f"{name} ({process.name})")
        except OSError:  # another user's, or it has ended
            continue
    return sorted(found)
