"""A network camera on this machine, where GStreamer's RTSP server is installed."""

from __future__ import annotations

import functools
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.realtime.model.places import ROOT

PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)
_PYTHON = "/usr/bin/python3"  # the bindings are the system's
_CHECK = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
raise SystemExit(not all(map(Gst.ElementFactory.find, ("appsrc", "x264enc", "rtph264pay"))))
"""
BAR = 16


@functools.cache
def is_here() -> bool:
    """Whether the server can run."""
    try:
        done = subprocess.run([_PYTHON, "-c", _CHECK], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


class NetworkCamera:
    """One that serves ``/live``.

    Args:
        folder: For its picture.
        size_wh: At least 512 wide.
        login: ``user:password``, or empty.
        port: 0: a free one.
        slices: Of each picture.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size_wh: tuple[int, int] = (640, 480),
        login: str = "",
        port: int = 0,
        slices: int = 1,
    ) -> None:
        self.port = port or free_port()
        picture = folder / "picture.i420"
        people = cv2.imdecode(np.fromfile(ROOT / "docs" / "people.jpg", np.uint8), cv2.IMREAD_COLOR)
        assert people is not None
        resized = cv2.resize(people, size_wh)
        picture.write_bytes(cv2.cvtColor(resized, cv2.COLOR_BGR2YUV_I420).tobytes())
        script = Path(__file__).with_name("rtsp_server.py")
        words = (self.port, login or "-", *size_wh, 30, slices, picture)
        self._process = subprocess.Popen(
            [_PYTHON, script, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def address(self, login: str = "") -> str:
        """Where it is."""
        return f"rtsp://{login + '@' if login else ''}127.0.0.1:{self.port}/live"

    def tell(self, text: str) -> None:
        """``stall``, ``go``, ``size W H``, ``lose SHARE``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def unplug(self) -> None:
        """Without a word."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def network_camera(folder: Path, **how: Any) -> Iterator[NetworkCamera]:
    """A camera that is gone afterwards; see ``NetworkCamera``."""
    camera = NetworkCamera(folder, **how)
    try:
        yield camera
    finally:
        camera.unplug()


def free_port() -> int:
    """Nobody's, a moment ago."""
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def age_s(image_bgr: NDArray[np.uint8]) -> float:
    """How long ago a picture was made, by the bars in it."""
    bars = image_bgr[BAR // 4 : -(-BAR * 3 // 4), : 32 * BAR].mean(axis=(0, 2)).reshape(32, BAR)
    is_set = bars[:, BAR // 4 : BAR * 3 // 4].mean(axis=1) > 128
    made_ms = sum(1 << bit for bit, one in enumerate(is_set) if one)
    behind_ms = (int(time.monotonic() * 1000) - made_ms) & 0xFFFFFFFF
    return (behind_ms - (1 << 32) if behind_ms >> 31 else behind_ms) / 1000
