"""The display: an OpenCV window, or none without a screen."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from steadypose.engines.errors import DisplayError
from steadypose.realtime.app.x_server import Links, answers

WITHOUT_SCREEN = "the screen is gone; the recording goes on without a window"
_TITLE = "steadypose"
# What OpenCV tells of a key under other keyboard layouts is an X keysym, here of the keys that
# have a meaning: Russian or Ukrainian, Greek, Hebrew, Arabic.
_SAME_KEYS = {
    "q": (0x6CA, 0x5D6),
    "r": (0x6CB, 0x7F1, 0xCF8, 0x5E2),
    "s": (0x6D9, 0x6A6, 0x7F2, 0xCE3, 0x5D3),
    "m": (0x6D8, 0x7EC, 0xCF6, 0x5C9),
    "k": (0x6CC, 0x7EA, 0xCEC, 0x5E6),
    "h": (0x6D2, 0x7E7, 0xCE9, 0x5C7),
}
_LETTERS = {code: letter for letter, codes in _SAME_KEYS.items() for code in codes}

Seen = Callable[[], None]
"""Called once a picture is on the screen; a picture that another has replaced never is."""


class Display(Protocol):
    """Shows frames and reports pressed keys."""

    @property
    def is_window(self) -> bool:
        """False if there is no window, or none any more."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the screen is gone: nobody will see anything or press a key."""
        ...

    def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
        """Show an image, now or soon; it is not changed afterwards."""
        ...

    def pressed(self) -> list[str]:
        """Keys pressed since the last call; ``close`` when the window was closed."""
        ...

    def close(self) -> None:
        """Remove the window."""
        ...


class Recording(Protocol):
    """The files of a run, as far as they matter here."""

    is_recording: bool


class NullDisplay:
    """Shows nothing."""

    is_window = False
    is_lost = False

    def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
        """Does nothing."""

    def pressed(self) -> list[str]:
        """Returns no keys."""
        return []

    def close(self) -> None:
        """Does nothing."""


class Window:
    """An OpenCV window that can be resized."""

    def __init__(self) -> None:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._links = Links()
        self._is_lost = self._is_closed = False
        self._size_hw: tuple[int, int] | None = None

    @property
    def is_window(self) -> bool:
        """See ``Display.is_window``."""
        return not self.is_lost

    @property
    def is_lost(self) -> bool:
        """See ``Display.is_lost``."""
        self._is_lost = self._is_lost or self._links.are_broken
        return self._is_lost

    def show(self, image_bgr: NDArray[np.uint8], seen: Seen | None = None) -> None:
        """Show an image; the first one sets the window's size."""
        size_hw = (image_bgr.shape[0], image_bgr.shape[1])
        self._links.stay_guarded()
        try:
            if size_hw != self._size_hw and not self.is_lost:
                self._size_hw = size_hw
                scale = min(2.0, 1280 / size_hw[1], 800 / size_hw[0])
                width, height = (max(1, round(side * scale)) for side in size_hw[::-1])
                cv2.resizeWindow(_TITLE, width, height)
            if not self.is_lost:
                cv2.imshow(_TITLE, image_bgr)
                if seen is not None:
                    seen()
        except cv2.error:  # somebody closed it at this moment
            self._is_closed = True

    def pressed(self) -> list[str]:
        """See ``Display.pressed``."""
        keys = []
        # pollKey, if it exists, does not sleep; waitKey(1) always costs a millisecond or more.
        while not self.is_lost and (code := cv2.pollKey()) >= 0:
            keys.append(_key_name(code))
        if self._is_closed or (self._size_hw and not self.is_lost and not _is_open()):
            keys.append("close")
        return keys

    def guard(self, resume: Callable[[], int]) -> bool:
        """What happens where the screen goes during a call; see ``Links.guard``."""
        return self._links.guard(resume)

    def close(self) -> None:
        """Remove the window."""
        if not self.is_lost:
            cv2.destroyAllWindows()


def without_screen(outputs: Recording) -> Display:
    """What takes the place of a window whose screen is gone.

    Raises:
        DisplayError: Nothing is recorded, so there is nothing left to do.
    """
    if not outputs.is_recording:
        raise DisplayError(
            "the screen is gone, and nothing is recorded",
            fix="start it again; with --csv it goes on without a screen",
        )
    return NullDisplay()


def _key_name(code: int) -> str:
    """The character on a key of a Latin layout; something else for keys without one."""
    code &= 0xFFFF  # GTK adds flags above it
    if code == 27:
        return "escape"
    return chr(code).lower() if code < 0x100 else _LETTERS.get(code, f"key {code:#x}")


def _is_open() -> bool:
    """Whether nobody has closed it. Cocoa's cannot be closed, and is invisible in the Dock."""
    if platform.system() == "Darwin":
        return True
    try:
        return bool(cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1)
    except cv2.error:  # Qt, of a window that was closed
        return False


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
    return None if answers(display) else f"display {display} does not answer"


def gui_backend() -> str:
    """OpenCV's window toolkit, ``NONE`` if it has none."""
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    return found[1] if found else "NONE"


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
