"""A camera's own controls, by its driver's names: what there is, and setting them.

On Linux the driver is asked (V4L2's ioctls); elsewhere OpenCV's properties stand for them.
"""

from __future__ import annotations

import difflib
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from steadypose.engines.errors import SourceError, UsageError
from steadypose.engines.wording.printable import visible

Given = Sequence[tuple[str, str]]
"""Names and values, in the order in which they are set."""

# linux/videodev2.h: VIDIOC_QUERYCTRL, _QUERYMENU, _G_CTRL, _S_CTRL and what they carry.
_QUERY, _MENU, _GET, _SET = 0xC0445624, 0xC02C5625, 0xC008561B, 0xC008561C
_QUERIED = struct.Struct("II32siiiiI8x")
_ENTRY = struct.Struct("=II32sI")
_VALUE = struct.Struct("Ii")
_NEXT = 0x80000000
_DISABLED, _READ_ONLY, _INACTIVE, _WRITE_ONLY = 0x1, 0x4, 0x10, 0x40
_INTEGER, _SWITCH, _CHOICE, _BUTTON, _NUMBERS = 1, 2, 3, 4, 9
_KINDS = (_INTEGER, _SWITCH, _CHOICE, _BUTTON, _NUMBERS)


@dataclass(frozen=True, slots=True)
class Control:
    """What can be set.

    Attributes:
        number: The driver's.
        name: As v4l2-ctl calls it.
        kind: V4L2's type.
        low: Smallest value.
        high: Largest value.
        value: As it is; None where that is not told.
        menu: What values mean, where there is a list of them.
        is_inactive: Another control has to be set first.
    """

    number: int
    name: str
    kind: int
    low: int
    high: int
    value: int | None
    menu: dict[int, str]
    is_inactive: bool

    @property
    def title(self) -> str:
        """Its name, its values, and which it has."""
        values = ", ".join(f"{at} {name}" for at, name in self.menu.items())
        values = values or ("0 or 1" if self.kind == _SWITCH else f"{self.low} to {self.high}")
        now = "" if self.value is None else f"; now {self.value}"
        state = "; inactive until another control is set" if self.is_inactive else ""
        return visible(f"{self.name}: {'push' if self.kind == _BUTTON else values}{now}{state}")

    def parse(self, text: str) -> int:
        """The number that a value, or the name of an entry in the menu, means.

        Raises:
            UsageError: It is not one of this control's.
        """
        for at, name in self.menu.items():
            if text.casefold() == name.casefold():
                return at
        is_number = re.fullmatch(r"[+-]?\d{1,10}", text) is not None
        is_one = is_number and self.low <= int(text) <= self.high
        if is_one and (not self.menu or int(text) in self.menu):
            return int(text)
        raise UsageError(f"--camera-control {self.name}={text} is not possible", fix=self.title)


class Driver:
    """An open device file, asked by V4L2's ioctls."""

    def __init__(self, node: Path) -> None:
        import fcntl  # noqa: PLC0415 - Windows has none

        self._ioctl = fcntl.ioctl
        self._file = os.open(node, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def controls(self) -> Iterator[Control]:
        """What can be set, in the driver's order."""
        number = 0
        while (found := self._query(number | _NEXT)) is not None:
            number, kind, name, low, high, _, _, flags = found
            if kind in _KINDS and not flags & (_DISABLED | _READ_ONLY):
                yield Control(
                    *(number, _plain(name), kind, low, high),
                    value=None if flags & _WRITE_ONLY else self._value(number),
                    menu=self._menu(number, kind, range(low, high + 1)),
                    is_inactive=bool(flags & _INACTIVE),
                )

    def set(self, control: Control, value: int) -> None:
        """Set it.

        Raises:
            OSError: The driver refuses.
        """
        self._ioctl(self._file, _SET, _VALUE.pack(control.number, value))

    def _query(self, number: int) -> tuple[int, int, bytes, int, int, int, int, int] | None:
        try:
            return _QUERIED.unpack(
                self._ioctl(self._file, _QUERY, _QUERIED.pack(number, 0, b"", 0, 0, 0, 0, 0))
            )
        except OSError:  # that was the last
            return None

    def _value(self, number: int) -> int | None:
        try:
            _, value = _VALUE.unpack(self._ioctl(self._file, _GET, _VALUE.pack(number, 0)))
        except OSError:
            return None
        return int(value)

    def _menu(self, number: int, kind: int, values: range) -> dict[int, str]:
        found: dict[int, str] = {}
        for at in values[:256] if kind in {_CHOICE, _NUMBERS} else ():
            try:
                entry = self._ioctl(self._file, _MENU, _ENTRY.pack(number, at, b"", 0))
            except OSError:  # a menu may have gaps
                continue
            data = _ENTRY.unpack(entry)[2]
            is_text = kind == _CHOICE
            found[at] = _text(data) if is_text else str(int.from_bytes(data[:8], "little"))
        return found


def controls_of(node: Path) -> list[Control]:
    """What a camera lets be set, in the driver's order; empty where it cannot be asked."""
    try:
        with Driver(node) as driver:
            return list(driver.controls())
    except (ImportError, OSError):
        return []


def set_controls(node: Path, given: Given) -> None:
    """Set a camera's controls on Linux, in the order in which they were given.

    Raises:
        UsageError: There is no such control, or it has no such value.
        SourceError: The driver refuses.
    """
    if not given:
        return
    try:
        driver = Driver(node)
    except (ImportError, OSError) as error:
        raise SourceError(f"{node} tells no controls", fix="leave out --camera-control") from error
    with driver:
        known = {control.name: control for control in driver.controls()}
        for name, text in given:
            control = known.get(name.casefold())
            if control is None:
                raise _unknown(name, list(known))
            value = control.parse(text)
            try:
                driver.set(control, value)
            except OSError as error:
                raise SourceError(
                    f"the camera refuses --camera-control {name}={text}: {error.strerror}",
                    fix="another control may have to be set before it, such as manual exposure: "
                    f"{control.title}",
                ) from error


def set_properties(capture: cv2.VideoCapture, given: Given) -> None:
    """Set OpenCV's properties of these names, where the system's own controls are not known.

    Raises:
        UsageError: OpenCV has no such property, or the camera does not take the value.
    """
    for name, text in given:
        prop = getattr(cv2, f"CAP_PROP_{name.upper()}", None)
        if prop is None:
            raise _unknown(name, _COMMON)
        try:
            is_set = capture.set(prop, float(text))
        except ValueError:
            is_set = False
        if not is_set:
            raise UsageError(
                f"the camera does not take --camera-control {name}={text}",
                fix="on this system OpenCV sets controls, as far as the camera lets it: leave "
                "this one out, or try another number",
            )


_COMMON = ("brightness", "contrast", "exposure", "auto_exposure", "focus", "autofocus", "gain")


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(name.casefold(), known, n=3) or known[:12]
    fix = f"it has {', '.join(near)}; --doctor lists all" if known else "leave it out"
    return UsageError(f"the camera has no control {name!r}", fix=fix)


def why_slow(node: Path) -> str | None:
    """The control that lets automatic exposure lower the frame rate, with what to do; else None."""
    controls = {control.name: control for control in controls_of(node)}
    for name in ("exposure_dynamic_framerate", "exposure_auto_priority"):
        if name in controls and controls[name].value == 1:
            return (
                "its automatic exposure may lower the rate in poor light: more light, or "
                f"--camera-control {name}=0"
            )
    return None


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("utf-8", "replace")


def _plain(name: bytes) -> str:
    """A name as v4l2-ctl has it: what is no letter or digit is one low line."""
    return re.sub(r"[^a-z0-9]+", "_", _text(name).lower()).strip("_")
