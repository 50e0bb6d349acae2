"""Names that Windows does not keep as they are typed, and why; elsewhere any name will do.

Windows opens a device, a hidden stream of another file, or a file of another name, and reports
success. Source: "Naming Files, Paths, and Namespaces", learn.microsoft.com.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from steadypose.engines.errors import RecordError
from steadypose.engines.wording.printable import visible

IS_WINDOWS = os.name == "nt"

_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM[\d¹²³]|LPT[\d¹²³]|CONIN\$|CONOUT\$) *(\..*)?", re.I)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def check_name(path: Path, option: str) -> None:
    """Refuse a file to write whose name, or that of a folder on the way, Windows would change.

    Args:
        path: As it was typed.
        option: What it was given with, for the message.

    Raises:
        RecordError: With the reason.
    """
    if not IS_WINDOWS:
        return
    whole = PureWindowsPath(path)
    for name in whole.parts[1 if whole.anchor else 0 :]:
        if name not in {".", ".."} and (reason := _why_not(name)):
            raise RecordError(f"{option} {path}: {reason}", fix="choose another file name")


def _why_not(name: str) -> str:
    """Why a part of a path cannot be one; empty where it can."""
    if found := _FORBIDDEN.search(name):
        return f"Windows allows no {visible(found[0])} in a name"
    if found := _DEVICE.fullmatch(name):
        return f"Windows keeps the name {found[1]}, with any ending, for a device"
    if name.endswith((" ", ".")):
        return "Windows drops a dot or a space at the end of a name"
    return ""
