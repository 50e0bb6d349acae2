"""The display: an OpenCV window, or none without a screen."""

from __future__ import annotations

import os
import platform
import re
import socket
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

_TITLE = "steadypose"


class Display(Protocol):
    """Shows frames and reports pressed keys."""

    @property
    def is_window(self) -> bool:
        """False if there is no window."""
        ...

    def show(self, image_bgr: NDArray[np.uint8]) -> None:
        """Show an image."""
        ...

    def pressed(self) -> list[str]:
        """Keys pressed since the last call; ``close`` when the window was closed."""
        ...

    def close(self) -> None:
        """Remove the window."""
        ...


class NullDisplay:
    """Shows nothing."""

    is_window = False

    def show(self, image_bgr: NDArray[np.uint8]) -> None:
        """Does nothing."""

    def pressed(self) -> list[str]:
        """Returns no keys."""
        return []

    def close(self) -> None:
        """Does nothing."""


class Window:
    """An OpenCV window that can be resized."""

    is_window = True

    def __init__(self) -> None:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._size_hw: tuple[int, int] | None = None

    def show(self, image_bgr: NDArray[np.uint8]) -> None:
        """Show an image; the first one sets the window's size."""
        size_hw = (image_bgr.shape[0], image_bgr.shape[1])
        if size_hw != self._size_hw:
            self._size_hw = size_hw
            scale = min(2.0, 1280 / size_hw[1], 800 / size_hw[0])
            cv2.resizeWindow(_TITLE, round(size_hw[1] * scale), round(size_hw[0] * scale))
        cv2.imshow(_TITLE, image_bgr)

    def pressed(self) -> list[str]:
        """See ``Display.pressed``."""
        keys = []
        # pollKey, if it exists, does not sleep; waitKey(1) always costs a millisecond or more.
        while (code := cv2.pollKey()) >= 0:
            code &= 0xFF
            keys.append("escape" if code == 27 else chr(code))
        if self._size_hw and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            keys.append("close")
        return keys

    def close(self) -> None:
        """Remove the window."""
        cv2.destroyAllWindows()


def why_headless() -> str | None:
    """None if a window can be opened, else the reason as a phrase."""
    if gui_backend() == "NONE":
        return "this OpenCV was built without windows (opencv-python-headless)"
    if platform.system() != "Linux":
        return None
    # OpenCV's wheels support X11 only; on Wayland desktops XWayland sets DISPLAY as well.
    display = os.environ.get("DISPLAY")
    if not display:
        return "no display (DISPLAY is not set)"
    return None if _answers(display) else f"display {display} does not answer"


def gui_backend() -> str:
    """OpenCV's window toolkit, ``NONE`` if it has none."""
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    return found[1] if found else "NONE"


def _answers(display: str) -> bool:
    """Check for an X server; without one Qt would abort the process instead of failing."""
    match = re.fullmatch(r"(?:unix)?(?P<host>.*):(?P<number>\d+)(?:\.\d+)?", display)
    if match is None:
        return False
    number = int(match["number"])
    if match["host"] and not match["host"].startswith("/"):
        try:
            with socket.create_connection((match["host"], 6000 + number), timeout=1.0):
                return True
        except OSError:
            return False
    for name in (f"\0/tmp/.X11-unix/X{number}", f"/tmp/.X11-unix/X{number}"):  # noqa: S108
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(name)
            except OSError:
                continue
            return True
    return False


def open_display(*, is_headless: bool) -> tuple[Display, str | None]:
    """Open a window if one is wanted and possible.

    Returns:
        The display, and why there is no window (None when there is one).
    """
    if is_headless:
        return NullDisplay(), "--headless"
    reason = why_headless()
    if reason is not None:
        return NullDisplay(), reason
    try:
        return Window(), None
    except cv2.error as error:
        return NullDisplay(), f"OpenCV cannot open a window ({error.err})"
